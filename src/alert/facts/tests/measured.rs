//! Rotations, revocations, clocks, certificates, lifetimes.

use super::*;

#[test]
fn an_unsafe_rotation_alerts_for_an_hour() {
    let mut facts = facts();
    let rotation = |unsafe_rotations| Observation::KeyRotation { rotations: 1, unsafe_rotations };
    assert_eq!(
        login(&mut facts, 60, "AuthKeyRotationUnsafe").0,
        Holds::Unknown,
        "what was before the start is not known"
    );
    facts.outcome(&observes("eu", 60, &[rotation(1)]));
    facts.outcome(&observes("eu", 120, &[rotation(0)]));
    let (holds, text) = login(&mut facts, 120, "AuthKeyRotationUnsafe");
    assert_eq!(holds, Holds::Yes);
    assert!(text.contains("Seen: 1 change at 2023-11-14 22:14 UTC from eu."), "{text}");
    assert_eq!(login(&mut facts, 60 + HOUR - 1, "AuthKeyRotationUnsafe").0, Holds::Yes);
    assert_eq!(login(&mut facts, 60 + HOUR, "AuthKeyRotationUnsafe").0, Holds::No);
}

#[test]
fn a_revocation_without_effect_alerts_until_one_is_measured_that_has() {
    let mut facts = facts();
    let seen = |seconds| Observation::RevocationPropagation { region: "us".into(), seconds, interval: 30.0 };
    facts.outcome(&good("us", 50));
    facts.outcome(&observes("us", 60, &[seen(Some(2.0))]));
    assert_eq!(login(&mut facts, 60, "AuthRevocationSlow").0, Holds::Unknown, "nothing from eu");
    facts.outcome(&observes("eu", 60, &[seen(Some(2.0))]));
    assert_eq!(login(&mut facts, 60, "AuthRevocationSlow").0, Holds::No);
    facts.outcome(&observes("eu", 120, &[seen(Some(2.0)), seen(None)]));
    let (holds, text) = login(&mut facts, 120, "AuthRevocationSlow");
    assert_eq!(holds, Holds::Yes);
    assert!(text.ends_with("Seen from eu: a revoked token still works in us (not within 30 s)."), "{text}");
    facts.outcome(&good("eu", 180));
    facts.outcome(&fails("eu", 180, Fault::new(Class::Timeout, "before it was measured")));
    assert_eq!(login(&mut facts, 180, "AuthRevocationSlow").0, Holds::Yes);
    facts.outcome(&observes("eu", 240, &[seen(Some(1.0))]));
    assert_eq!(login(&mut facts, 240, "AuthRevocationSlow").0, Holds::No);
    facts.outcome(&fails(
        "eu",
        300,
        Fault::new(Class::RevocationIneffective, "us: the revoked access token still works"),
    ));
    assert_eq!(login(&mut facts, 300, "AuthRevocationSlow").0, Holds::Yes);
}

#[test]
fn a_clock_is_wrong_after_three_runs_beyond_its_uncertainty() {
    let mut facts = facts();
    let skew = |seconds, uncertainty| [Observation::ClockSkew { seconds, uncertainty }];
    let mut step = |secs, seconds, uncertainty| {
        facts.outcome(&observes("eu", secs, &skew(seconds, uncertainty)));
        facts.outcome(&observes("us", secs, &skew(0.1, 0.5)));
        login(&mut facts, secs, "AuthClockSkew")
    };
    use Holds::{No, Unknown, Yes};
    // Whether it was wrong before the start is not known until it was right once, or wrong often enough.
    assert_eq!(step(1, 31.0, 0.5).0, Unknown);
    assert_eq!(step(2, 31.0, 0.5).0, Unknown);
    let (holds, text) = step(3, -31.2, 0.5);
    assert_eq!(holds, Yes);
    assert!(text.contains("more than 30s in 3 runs in a row") && text.contains("eu 31.2 s ± 0.5 s behind."), "{text}");
    assert_eq!(step(4, 30.5, 0.5).0, No, "30 s is not more than 30 s");
    assert_eq!(step(5, 40.0, 1.0).0, No);
    assert_eq!(step(6, 40.0, 20.0).0, No, "it may be right");
    assert_eq!(step(7, 40.0, 1.0).0, No);
    assert_eq!(step(8, 40.0, 1.0).0, No);
    assert_eq!(step(9, 40.0, 1.0).0, Yes);
}

fn showing(region: &str, secs: u64, certificates: &[(&'static str, &str, Timestamp)]) -> Outcome {
    let requests = certificates.iter().map(|(endpoint, host, not_after)| RequestRecord {
        span_id: Id([2; 8]),
        endpoint,
        region: region.into(),
        method: "GET",
        url: format!("https://{host}/"),
        host: (*host).to_owned(),
        port: 443,
        status: Some(200),
        resend: 0,
        start: at(secs),
        duration: Duration::from_millis(10),
        phases: Default::default(),
        body_bytes: 10,
        error: None,
        certificate_not_after: Some(*not_after),
    });
    let step = StepRecord {
        name: "token",
        span_id: Id([3; 8]),
        state: StepState::Done,
        start: at(secs),
        duration: Duration::from_millis(10),
        note: String::new(),
        cleanup: false,
        requests: requests.collect(),
    };
    Outcome { steps: vec![step], ..good(region, secs) }
}

#[test]
fn the_earliest_certificate_alerts_as_a_ticket_and_then_as_a_page() {
    let mut facts = facts();
    let early = at(20 * DAY);
    facts.outcome(&showing("eu", 60, &[("token", "late.example", at(90 * DAY)), ("jwks", "early.example", early)]));
    let both = |facts: &mut Facts, secs| {
        let mut of = |severity| find(all(facts, secs), "AuthCertificateExpiring", severity, Some("login")).holds;
        (of("ticket"), of("page"))
    };
    use Holds::{No, Unknown, Yes};
    assert_eq!(both(&mut facts, 60), (Unknown, Unknown), "us may see an older one");
    facts.outcome(&showing("us", 60, &[("token", "late.example", at(90 * DAY))]));
    assert_eq!(both(&mut facts, 60), (No, No));
    assert_eq!(both(&mut facts, 6 * DAY), (No, No));
    assert_eq!(both(&mut facts, 6 * DAY + 1), (Yes, No));
    assert_eq!(both(&mut facts, 17 * DAY + 1), (Yes, Yes));
    let text =
        find(all(&mut facts, 17 * DAY + 1), "AuthCertificateExpiring", "page", Some("login")).annotations["description"]
            .clone();
    assert_eq!(
        text,
        "The certificate that early.example shows at the jwks endpoint expires in 2 d 23 h, at 2023-12-04 22:13 UTC (seen from \
         eu). It is the earliest of those that this probe sees; the alert begins 3d before."
    );
    assert!(
        find(all(&mut facts, 20 * DAY), "AuthCertificateExpiring", "page", Some("login")).annotations["description"]
            .contains("expired at 2023-12-04 22:13 UTC: every client refuses it")
    );
    // Renewed; the other server of that endpoint shows the old one still.
    let renewed = at(200 * DAY);
    let half = [("jwks", "early.example", renewed), ("jwks", "early.example", early)];
    facts.outcome(&showing("eu", 18 * DAY, &half));
    assert_eq!(both(&mut facts, 18 * DAY).1, Yes);
    facts.outcome(&showing("eu", 18 * DAY + 60, &half[..1]));
    assert_eq!(both(&mut facts, 18 * DAY + 60), (No, No));
}

#[test]
fn a_certificate_that_nobody_shows_any_more_is_forgotten_after_a_day() {
    let mut facts = facts();
    let expiring = at(2 * DAY);
    let of = |facts: &mut Facts, secs| find(all(facts, secs), "AuthCertificateExpiring", "ticket", Some("login")).holds;
    facts.outcome(&showing("eu", 60, &[("jwks", "old.example", expiring)]));
    facts.outcome(&showing("us", 60, &[("jwks", "new.example", at(90 * DAY))]));
    assert_eq!(of(&mut facts, 60), Holds::Yes);
    facts.outcome(&showing("eu", 60 + DAY, &[("token", "new.example", at(90 * DAY))]));
    assert_eq!(of(&mut facts, 60 + DAY), Holds::Yes, "key sets may come from a cache");
    facts.outcome(&Outcome { verdict: Verdict::Bad, ..showing("eu", 61 + DAY, &[]) });
    assert_eq!(of(&mut facts, 61 + DAY), Holds::Yes, "a run that failed may not have come to it");
    facts.outcome(&showing("eu", 61 + DAY, &[("token", "new.example", at(90 * DAY))]));
    assert_eq!(of(&mut facts, 61 + DAY), Holds::No);
}

#[test]
fn tokens_that_live_long_alert_and_refresh_tokens_may() {
    let mut facts = facts();
    let lives = |token, seconds| Observation::TokenLifetime { token, seconds };
    facts.outcome(&observes("us", 60, &[lives("access", DAY as f64), lives("refresh", 30.0 * DAY as f64)]));
    assert_eq!(login(&mut facts, 60, "AuthTokenLifetimeLong").0, Holds::Unknown);
    facts.outcome(&good("eu", 60));
    assert_eq!(login(&mut facts, 60, "AuthTokenLifetimeLong").0, Holds::No, "a day is not more than a day");
    facts.outcome(&observes("us", 120, &[lives("id", DAY as f64 + 3600.0)]));
    let (holds, text) = login(&mut facts, 120, "AuthTokenLifetimeLong");
    assert_eq!(holds, Holds::Yes);
    assert!(
        text.ends_with("live longer than 1d: a stolen one can be used for as long. id token 1 d 1 h from us."),
        "{text}"
    );
    facts.outcome(&observes("us", 180, &[lives("id", 3600.0)]));
    assert_eq!(login(&mut facts, 180, "AuthTokenLifetimeLong").0, Holds::No);
}
