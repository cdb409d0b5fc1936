//! Kind `hardening` against the lab: which attack each weakness lets through, and that a sound provider lets none. Written by
//! hand from RFC 9700 and the specifications that each attack names.

mod lab_stage;

use std::collections::BTreeSet;

use authprobe::fault::Class;
use authprobe::journey::Ended;
use authprobe::lab::Options;
use authprobe::oidc::settings::Client;
use authprobe::outcome::{Observation, StepState, Verdict};
use authprobe::probe::{self, ParseContext, hardening};
use lab_stage::{Stage, none};
use serde_json::{Value, json};

/// Who tries.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    /// A public client with a user.
    Spa,
    /// A confidential client with a user, for which PKCE is a must.
    Web,
    /// The same without a user.
    Nobody,
    /// A client without users.
    Machine,
    /// The same with a key of its own.
    Keyed,
}

struct Scene(Stage);

impl Scene {
    async fn new() -> Self {
        Self(Stage::before(Options::default()).await)
    }

    /// The same, over TLS, by that host.
    async fn over_tls(host: &str) -> Self {
        let issuer = Some(format!("https://{host}:0"));
        Self(Stage::before(Options { issuer, tls: true, ..Options::default() }).await)
    }

    fn client(&self, who: Who) -> Client {
        let stage = &self.0;
        let with = |client: Client, scopes: &[&str]| {
            let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            Client { scopes, ..client }
        };
        let user = ["openid", "profile", "offline_access"];
        match who {
            Who::Spa => with(stage.client_of("spa"), &user),
            Who::Web | Who::Nobody => Client { require_pkce: who == Who::Web, ..with(stage.client_of("web"), &user) },
            Who::Machine => Client { redirect_uri: None, ..with(stage.client_of("svc"), &["api"]) },
            Who::Keyed => Client { redirect_uri: None, ..with(stage.client_of("keyed"), &["api"]) },
        }
    }

    async fn run(&mut self, who: Who, own: &str) -> Ended {
        self.0.client = Some(self.client(who));
        self.0.user = matches!(who, Who::Spa | Who::Web);
        self.0.run("hardening", own).await
    }

    fn fault(&self, name: &str, parameters: &Value) {
        self.0.fault(name, parameters);
    }
}

fn observed(ended: &Ended, wanted: Option<bool>) -> BTreeSet<&'static str> {
    let attacks = ended.observations.iter().filter_map(|observation| match observation {
        Observation::Attack { attack, accepted } if *accepted == wanted => Some(*attack),
        _ => None,
    });
    attacks.collect()
}

/// The attacks that were accepted: those of the fault's findings, which must be those that are counted.
fn accepted(ended: &Ended) -> BTreeSet<&'static str> {
    let counted = observed(ended, Some(true));
    let Some(fault) = &ended.fault else {
        assert_eq!((ended.verdict, counted.len()), (Verdict::Good, 0));
        return counted;
    };
    assert_eq!((ended.verdict, fault.class), (Verdict::Bad, Class::AttackAccepted), "{fault}");
    assert_eq!(fault.findings.len(), counted.len());
    for finding in &fault.findings {
        let (name, _) = finding.detail.split_once(':').unwrap();
        assert!(counted.contains(name), "{}", finding.detail);
        assert!(!finding.clause.is_empty());
    }
    let failed: Vec<_> =
        ended.steps.iter().filter(|step| step.state == StepState::Failed && !step.cleanup).map(|s| s.name).collect();
    assert_eq!(failed.first(), Some(&fault.step), "the waterfall shows where");
    counted
}

fn warned(ended: &Ended) -> BTreeSet<&'static str> {
    ended.warnings.iter().map(|warning| warning.code).collect()
}

fn set<const N: usize>(names: [&'static str; N]) -> BTreeSet<&'static str> {
    names.into_iter().collect()
}

const NONE: [&str; 0] = [];

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_provider_refuses_everything() {
    let mut scene = Scene::new().await;
    for (who, tried) in [(Who::Spa, 30), (Who::Web, 34), (Who::Nobody, 22), (Who::Machine, 4), (Who::Keyed, 6)] {
        let ended = scene.run(who, "").await;
        assert_eq!((ended.verdict, &ended.fault), (Verdict::Good, &None), "{who:?}");
        assert_eq!(warned(&ended), set(NONE), "{who:?}: {:?}", ended.warnings);
        let refused = observed(&ended, Some(false));
        assert!(refused.len() >= tried, "{who:?}: only {} tried: {refused:?}", refused.len());
        assert_eq!(observed(&ended, None), set(NONE), "{who:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_said_what_was_not_tried_and_why() {
    let mut scene = Scene::new().await;
    let ended = scene.run(Who::Nobody, "").await;
    let note =
        |name: &str| ended.steps.iter().find(|step| step.name == name).map(|step| (step.state, step.note.as_str()));
    assert_eq!(note("login"), Some((StepState::Skipped, "the probe has no `user`")));
    assert_eq!(note("replay"), Some((StepState::Skipped, "it takes a `user`")));
    assert_eq!(note("transport"), Some((StepState::Skipped, "the issuer is served over http on this machine")));
    let (state, text) = note("redirect_uri").unwrap();
    assert_eq!(state, StepState::Done);
    assert!(text.starts_with("not tried: ") && text.contains("redirect_port"), "{text}");
    let ended = scene.run(Who::Spa, "").await;
    let step = ended.steps.iter().find(|step| step.name == "client_auth").unwrap();
    assert_eq!((step.state, step.note.as_str()), (StepState::Skipped, "the client is public"));
}

/// What begins with `http://127.0.0.1`, whatever comes then.
const BEGINS_THE_SAME: [&str; 13] = [
    "redirect_host_suffix",
    "redirect_userinfo",
    "redirect_path_suffix",
    "redirect_path_longer",
    "redirect_path_traversal",
    "redirect_path_encoded_traversal",
    "redirect_path_case",
    "redirect_path_encoded",
    "redirect_trailing_slash",
    "redirect_query",
    "redirect_open_redirector",
    "redirect_fragment",
    "redirect_two_in_one",
];

#[tokio::test(flavor = "multi_thread")]
async fn redirect_uris_that_only_begin_like_the_registered_one_are_found() {
    let mut scene = Scene::new().await;
    scene.fault("redirect_uri_loose", &json!({"match": "prefix"}));
    let ended = scene.run(Who::Nobody, "").await;
    let mut expected = set(BEGINS_THE_SAME);
    expected.insert("redirect_null");
    assert_eq!(accepted(&ended), expected);
    let fault = ended.fault.unwrap();
    assert_eq!(fault.step, "redirect_uri");
    assert!(
        fault.detail.contains("redirect_host_suffix (RFC 9700 §4.1.1)") && fault.detail.ends_with("and 8 more"),
        "{fault}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_redirect_uri_is_found_where_any_will_do() {
    let mut scene = Scene::new().await;
    scene.fault("redirect_uri_loose", &json!({"match": "any"}));
    let mut expected: BTreeSet<&str> =
        hardening::attack::labels().filter(|name| name.starts_with("redirect_")).collect();
    // A loopback address has neither ports that differ nor domains (RFC 8252 §7.3).
    for not_here in ["redirect_port", "redirect_subdomain", "redirect_host_prefix", "redirect_host_dot"] {
        assert!(expected.remove(not_here));
    }
    assert_eq!(accepted(&scene.run(Who::Spa, "").await), expected);
}

/// A fault of the lab, its parameters, who is attacked, what is then accepted, what is only warned of.
type Weakness<'c> = (&'c str, Value, Who, &'c [&'c str], &'c [&'c str]);

#[tokio::test(flavor = "multi_thread")]
async fn each_weakness_lets_its_attacks_through_and_no_others() {
    let mut scene = Scene::new().await;
    let assertions = ["assertion_unsigned", "assertion_hmac_client_id", "assertion_hmac_random"];
    let keyed = [&assertions[..], &["assertion_hmac_public_key", "assertion_foreign_key"]].concat();
    let cases: &[Weakness] = &[
        ("response_type_unchecked", json!({}), Who::Nobody, &["response_type_unknown"], &["response_type_token"]),
        ("silent_login", json!({}), Who::Nobody, &["prompt_none_without_session"], &[]),
        ("authorization_cors", json!({}), Who::Nobody, &[], &["authorization_cors"]),
        ("login_page_framed", json!({}), Who::Nobody, &[], &["login_page_framed"]),
        ("state_missing", json!({}), Who::Spa, &["state_not_echoed"], &[]),
        ("state_mangled", json!({}), Who::Web, &["state_not_echoed"], &[]),
        ("missing_claim", json!({"claim": "nonce"}), Who::Spa, &["nonce_missing"], &[]),
        ("wrong_nonce", json!({}), Who::Spa, &["nonce_missing"], &[]),
        ("response_iss_missing", json!({}), Who::Spa, &["response_issuer_missing"], &[]),
        ("pkce_not_enforced", json!({}), Who::Spa, &["pkce_missing"], &[]),
        ("pkce_not_enforced", json!({}), Who::Web, &["pkce_missing"], &[]),
        ("pkce_plain_accepted", json!({}), Who::Spa, &["pkce_plain"], &[]),
        ("pkce_verifier_ignored", json!({}), Who::Web, &["pkce_no_verifier", "pkce_wrong_verifier"], &[]),
        ("code_replay_accepted", json!({}), Who::Web, &["code_replay"], &["code_replay_keeps_tokens"]),
        ("code_replay_keeps_tokens", json!({}), Who::Spa, &[], &["code_replay_keeps_tokens"]),
        ("code_redirect_uri_unchecked", json!({}), Who::Spa, &["code_other_redirect_uri"], &[]),
        ("token_by_get", json!({}), Who::Web, &["token_by_get"], &[]),
        ("access_token_in_query", json!({}), Who::Spa, &[], &["access_token_in_query"]),
        ("reuse_accepted", json!({}), Who::Spa, &["refresh_replay"], &[]),
        ("reuse_accepted", json!({}), Who::Web, &["refresh_replay"], &[]),
        // RFC 9700 §2.2.2 asks for rotation of public clients only.
        ("no_rotation", json!({}), Who::Spa, &["refresh_replay"], &[]),
        ("no_rotation", json!({}), Who::Web, &[], &[]),
        ("client_unproven", json!({}), Who::Web, &["client_auth_missing"], &[]),
        ("client_unproven", json!({}), Who::Machine, &["client_auth_missing"], &[]),
        ("assertion_unsigned_accepted", json!({}), Who::Web, &["assertion_unsigned"], &[]),
        ("assertion_unsigned_accepted", json!({}), Who::Machine, &["assertion_unsigned"], &[]),
        ("assertion_hmac_accepted", json!({}), Who::Machine, &["assertion_hmac_client_id"], &[]),
        ("assertion_unverified", json!({}), Who::Machine, &assertions, &[]),
        ("assertion_unverified", json!({}), Who::Keyed, &keyed, &[]),
    ];
    let mut wrong = Vec::new();
    for (fault, parameters, who, attacks, warnings) in cases {
        scene.fault(fault, parameters);
        let ended = scene.run(*who, "").await;
        let (found, codes) = (accepted(&ended), warned(&ended));
        let expected: (BTreeSet<&str>, BTreeSet<&str>) =
            (attacks.iter().copied().collect(), warnings.iter().copied().collect());
        if (&found, &codes) != (&expected.0, &expected.1) {
            wrong.push(format!("{fault} {who:?}: accepted {found:?}, warned {codes:?}: {:?}", ended.warnings));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The remark beside a step.
fn note<'e>(ended: &'e Ended, name: &str) -> &'e str {
    ended.steps.iter().find(|step| step.name == name && !step.cleanup).map_or("", |step| &step.note)
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_tls_a_sound_provider_is_not_to_be_had_without() {
    let mut scene = Scene::over_tls("localhost").await;
    let (both, all) = (["http_discovery", "http_token"], ["http_authorization", "http_discovery", "http_token"]);
    for (who, refused) in [(Who::Spa, &all[..]), (Who::Web, &all), (Who::Nobody, &all), (Who::Machine, &both)] {
        let ended = scene.run(who, "").await;
        assert_eq!((ended.verdict, &ended.fault), (Verdict::Good, &None), "{who:?}");
        assert_eq!(warned(&ended), set(NONE), "{who:?}: {:?}", ended.warnings);
        let plain: Vec<&str> =
            observed(&ended, Some(false)).into_iter().filter(|name| name.starts_with("http_")).collect();
        assert_eq!(plain, refused, "{who:?}");
        // All of the step but what needs a login page.
        let left = if who == Who::Machine { "not tried: http_authorization (" } else { "" };
        assert!(note(&ended, "transport").starts_with(left), "{who:?}: {}", note(&ended, "transport"));
    }
}

/// RFC 8414 §3, RFC 6749 §3.1 and §3.2.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_without_tls_is_found() {
    let mut scene = Scene::over_tls("localhost").await;
    for (parameters, who, found) in [
        (none(), Who::Nobody, &["http_authorization", "http_discovery", "http_token"][..]),
        (none(), Who::Machine, &["http_discovery", "http_token"]),
        (json!({"endpoint": "discovery"}), Who::Web, &["http_discovery"]),
        (json!({"endpoint": "token"}), Who::Web, &["http_token"]),
        // The way leads to TLS after all; a key set is public.
        (json!({"endpoint": "authorization"}), Who::Web, &[]),
        (json!({"endpoint": "jwks"}), Who::Web, &[]),
    ] {
        scene.fault("plain_http_served", &parameters);
        let ended = scene.run(who, "").await;
        assert_eq!(accepted(&ended).into_iter().collect::<Vec<_>>(), found, "{parameters} {who:?}");
        assert_eq!(ended.fault.map(|fault| fault.step), (!found.is_empty()).then_some("transport"), "{parameters}");
    }
    // The document alone is enough to page: whoever changes it on the way chooses the token endpoint.
    scene.fault("plain_http_served", &json!({"endpoint": "discovery"}));
    let fault = scene.run(Who::Nobody, "").await.fault.unwrap();
    assert!(fault.detail.contains("http_discovery") && fault.detail.contains("RFC 8414 §3"), "{fault}");
}

/// RFC 6797 §7.1 is a SHOULD, §8.1.1 wants a name.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_send_browsers_back_to_tls_is_told_and_no_more() {
    let mut scene = Scene::over_tls("localhost").await;
    for parameters in [none(), json!({"header": "zero"})] {
        for who in [Who::Web, Who::Machine] {
            scene.fault("hsts_missing", &parameters);
            let ended = scene.run(who, "").await;
            assert_eq!((ended.verdict, &ended.fault), (Verdict::Good, &None), "{parameters} {who:?}");
            assert_eq!(warned(&ended), set(["hsts_missing"]), "{parameters} {who:?}");
            assert_eq!(accepted(&ended), set(NONE));
        }
    }
    let mut scene = Scene::over_tls("127.0.0.1").await;
    scene.fault("hsts_missing", &none());
    let ended = scene.run(Who::Nobody, "").await;
    assert_eq!((ended.verdict, warned(&ended)), (Verdict::Good, set(NONE)));
    assert!(note(&ended, "transport").contains("it holds for names, not for addresses"), "{:?}", ended.steps);
    assert!(observed(&ended, Some(false)).contains("http_token"));
}

/// What operators read of canaille, which is known for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_without_pkce_is_told_so() {
    let mut scene = Scene::new().await;
    scene.fault("pkce_not_enforced", &json!({}));
    let fault = scene.run(Who::Web, "").await.fault.unwrap();
    assert_eq!(fault.step, "pkce");
    assert!(fault.detail.contains("does not enforce PKCE") && fault.detail.contains("RFC 9700 §2.1.1"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_groups_make_one_fault() {
    let mut scene = Scene::new().await;
    scene.0.lab.set_fault("pkce_not_enforced", &json!({})).unwrap();
    scene.0.lab.set_fault("silent_login", &json!({})).unwrap();
    scene.0.lab.set_fault("code_replay_accepted", &json!({})).unwrap();
    let ended = scene.run(Who::Spa, "").await;
    assert_eq!(accepted(&ended), set(["pkce_missing", "prompt_none_without_session", "code_replay"]));
    let failed: Vec<&str> =
        ended.steps.iter().filter(|step| step.state == StepState::Failed).map(|step| step.name).collect();
    assert_eq!(failed, ["request", "pkce", "replay"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_wanted_is_tried() {
    let mut scene = Scene::new().await;
    scene.fault("pkce_not_enforced", &json!({}));
    let ended = scene.run(Who::Spa, "skip = [\"pkce_missing\"]").await;
    assert_eq!(accepted(&ended), set(NONE));
    let ended = scene.run(Who::Spa, "attacks = [\"pkce_plain\", \"code_replay\"]").await;
    assert_eq!(observed(&ended, Some(false)), set(["pkce_plain", "code_replay"]));
    // The used token of a confidential client is only looked for where it must be rotated.
    scene.fault("no_rotation", &json!({}));
    let ended = scene.run(Who::Web, "rotation = \"required\"").await;
    assert_eq!(accepted(&ended), set(["refresh_replay"]));
}

/// A provider that is down refuses everything, and that is no merit.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_control_nothing_is_judged() {
    let mut scene = Scene::new().await;
    for (fault, parameters, class, step) in [
        ("http_500", json!({"endpoint": "authorization"}), "http_status", "authorize"),
        ("http_500", json!({"endpoint": "discovery"}), "http_status", "discovery"),
        ("login_page_maintenance", json!({}), "login_page", "authorize"),
        ("login_page_maintenance", json!({"status": 503}), "http_status", "authorize"),
        ("authorization_error", json!({}), "oauth_error", "authorize"),
        ("rate_limited", json!({"endpoint": "authorization"}), "rate_limited", "authorize"),
    ] {
        scene.fault(fault, &parameters);
        let ended = scene.run(Who::Spa, "").await;
        let found = ended.fault.as_ref().unwrap();
        if fault == "authorization_error" {
            // Its errors are only sent to those who are logged in.
            assert_eq!((found.class.as_str(), found.step), (class, "login"), "{found}");
            continue;
        }
        assert_eq!((found.class.as_str(), found.step), (class, step), "{fault}: {found}");
        assert_eq!(observed(&ended, Some(false)), set(NONE), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_judged_before_a_failure_stands_and_the_rest_is_unknown() {
    let mut scene = Scene::new().await;
    scene.fault("http_500", &json!({"endpoint": "token"}));
    let ended = scene.run(Who::Spa, "").await;
    let fault = ended.fault.as_ref().unwrap();
    assert_eq!((fault.class, fault.step), (Class::HttpStatus, "token"));
    assert!(observed(&ended, Some(false)).contains("redirect_unregistered"));
    assert!(observed(&ended, None).contains("code_replay"));
    // Accepted is accepted, whatever fails afterwards.
    scene.0.lab.set_fault("redirect_uri_loose", &json!({"match": "any"})).unwrap();
    let ended = scene.run(Who::Spa, "").await;
    let fault = ended.fault.unwrap();
    assert_eq!((fault.class, fault.step), (Class::AttackAccepted, "redirect_uri"));
    let last = ended.steps.iter().rfind(|step| !step.cleanup).map(|step| (step.name, step.state));
    assert_eq!(last, Some(("token", StepState::Failed)));
}

/// A step in which nothing could be judged is none that passed.
#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_of_a_step_is_known_the_run_is_not_good() {
    let mut scene = Scene::new().await;
    for (fault, who, expected) in [
        // The good login's code is the last that is exchanged.
        ("http_500", Who::Web, (Class::HttpStatus, "client_auth")),
        ("http_500", Who::Spa, (Class::HttpStatus, "replay")),
        // Whoever says that it is enough is believed: what comes after is not tried.
        ("rate_limited", Who::Spa, (Class::RateLimited, "pkce")),
    ] {
        scene.fault(fault, &json!({"endpoint": "token", "after": 1}));
        let ended = scene.run(who, "").await;
        let found = ended.fault.as_ref().map(|fault| (fault.class, fault.step));
        assert_eq!((ended.verdict, found), (Verdict::Bad, Some(expected)), "{fault} {who:?}: {:?}", ended.fault);
        assert!(observed(&ended, None).contains("code_replay") && warned(&ended).contains("attack_unjudged"));
        assert!(observed(&ended, Some(false)).contains("redirect_unregistered"), "what is known stands");
    }
    // What only a SHOULD asks for leaves it good, unless nothing else was asked.
    scene.fault("http_500", &json!({"endpoint": "userinfo"}));
    let ended = scene.run(Who::Spa, "").await;
    assert_eq!((ended.verdict, warned(&ended)), (Verdict::Good, set(["attack_unjudged"])));
    for (fault, endpoint, class) in [
        ("http_500", "userinfo", Class::HttpStatus),
        ("connection_reset", "userinfo", Class::Reset),
        // Nothing failed; but nobody is let in by a token, wherever it is, so nothing is told.
        ("http_401_bare", "userinfo", Class::Unsupported),
    ] {
        scene.fault(fault, &json!({"endpoint": endpoint}));
        let ended = scene.run(Who::Spa, "attacks = [\"access_token_in_query\"]").await;
        assert_eq!(ended.fault.map(|fault| (fault.class, fault.step)), Some((class, "replay")), "{fault}");
    }
    // The time is over before all were tried.
    scene.0.timeout = std::time::Duration::from_secs(4);
    scene.fault("hang", &json!({"endpoint": "userinfo"}));
    let ended = scene.run(Who::Spa, "").await;
    assert_eq!(ended.fault.as_ref().map(|fault| (fault.class, fault.step)), Some((Class::Timeout, "replay")));
    assert!(observed(&ended, None).contains("code_replay"));
}

/// RFC 7009 §2.1: a revocation may take its time; and what never worked does not show that it was revoked.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_code_that_came_twice_are_looked_at_with_patience() {
    let mut scene = Scene::new().await;
    let only = "attacks = [\"code_replay\", \"code_replay_keeps_tokens\"]";
    for (fault, parameters, codes) in [
        ("stale_tokens", json!({"seconds": 2}), &[][..]),
        ("stale_tokens", json!({"seconds": 60}), &["code_replay_keeps_tokens"]),
        ("http_401_bare", json!({"endpoint": "userinfo"}), &["attack_unjudged", "challenge_missing"]),
    ] {
        scene.fault(fault, &parameters);
        let ended = scene.run(Who::Spa, only).await;
        assert_eq!(ended.verdict, Verdict::Good, "{fault}");
        assert_eq!(warned(&ended).into_iter().collect::<Vec<_>>(), codes, "{fault} {parameters}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_issued_is_left_alive() {
    let mut scene = Scene::new().await;
    let ended = scene.run(Who::Web, "").await;
    let revoke = ended.steps.iter().find(|step| step.cleanup && step.name == "revoke").unwrap();
    assert_eq!(revoke.state, StepState::Done, "{}", revoke.note);
    assert!(revoke.requests.iter().filter(|request| request.endpoint == "revocation").count() >= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_types_the_password_twice_at_most() {
    let mut scene = Scene::new().await;
    let ended = scene.run(Who::Spa, "").await;
    let posted =
        |request: &&authprobe::outcome::RequestRecord| request.endpoint == "login_page" && request.method == "POST";
    let forms = ended.steps.iter().flat_map(|step| &step.requests).filter(posted).count();
    assert_eq!(forms, 1, "the session is enough for every further code");
}

/// Up to one run a second would be an attack itself.
#[test]
fn outages_are_not_confirmed_by_attacks() {
    let parse = ParseContext { regions: 1, base: ".".into(), client: true };
    for kind in ["hardening", "device", "logout", "registration"] {
        let probe = probe::kind(kind).map(|kind| (kind.parse)(toml::Table::new(), &parse));
        let probe = probe.unwrap().unwrap_or_else(|problems| panic!("{kind}: {problems:?}"));
        assert!(!probe.confirms(), "{kind}");
    }
}

#[test]
fn kinds_know_it() {
    assert_eq!(probe::kind("hardening").map(|kind| kind.name), Some("hardening"));
}

#[test]
fn the_documented_attacks_are_the_real_ones() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/kinds/hardening.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (begin, end) = ("<!-- attacks -->\n", "<!-- /attacks -->");
    let from = document.find(begin).unwrap() + begin.len();
    let to = document.find(end).unwrap();
    let table = hardening::attack::describe();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{}{table}{}", &document[..from], &document[to..])).unwrap();
        return;
    }
    assert_eq!(&document[from..to], table, "run this test with UPDATE_DOCS=1");
}
