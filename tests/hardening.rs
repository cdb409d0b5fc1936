//! Kind `hardening` against the lab: which attack each weakness lets through, and that a sound provider lets none. Written by
//! hand from RFC 9700 and the specifications that each attack names.

mod folder;
mod lab_stage;
#[path = "hardening/over_tls.rs"]
mod over_tls;
#[path = "hardening/unknown.rs"]
mod unknown;

use std::collections::BTreeSet;

use authprobe::fault::Class;
use authprobe::journey::Ended;
use authprobe::lab::Options;
use authprobe::oidc::settings::Client;
use authprobe::outcome::{Observation, StepState, Verdict};
use authprobe::probe::{self, ParseContext, hardening};
use lab_stage::Stage;
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
