//! Kind `hardening` against the lab: which attack each weakness lets through, and that a sound provider lets none. Written by
//! hand from RFC 9700 and the specifications that each attack names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use authprobe::browser::Browsers;
use authprobe::clock::Clock;
use authprobe::fault::Class;
use authprobe::journey::{Ended, Journey};
use authprobe::lab::proofs::PRIVATE_KEY;
use authprobe::lab::{Lab, LabHandle, Options};
use authprobe::oidc::http::{Egress, Trust};
use authprobe::oidc::memory::Memories;
use authprobe::oidc::settings::{AuthMethod, Client, MetadataSource, Proof, Provider, RedirectUri, User};
use authprobe::outcome::{Observation, StepState, Verdict};
use authprobe::probe::{self, Context, ParseContext, hardening};
use authprobe::secret::SecretSource;
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

struct Scene {
    lab: LabHandle,
    provider: Provider,
    folder: std::path::PathBuf,
}

impl Scene {
    async fn new() -> Self {
        let lab = Lab::start(Options::default()).await.expect("the lab starts");
        let provider = Provider {
            name: "lab".into(),
            issuer: lab.issuer.as_str().into(),
            metadata: MetadataSource::Auto,
            endpoints: BTreeMap::new(),
            upstream: None,
            headers: Default::default(),
            trust: Trust::default(),
            max_requests_per_minute: None,
            propagate_traceparent: false,
        };
        let folder =
            std::env::temp_dir().join(format!("authprobe-hardening-{}-{}", std::process::id(), lab.address.port()));
        std::fs::create_dir_all(&folder).unwrap();
        let secrets = [("web", "web-secret"), ("svc", "svc-secret"), ("keyed", PRIVATE_KEY), ("alice", "wonderland-7")];
        for (name, secret) in secrets {
            std::fs::write(folder.join(name), secret).unwrap();
        }
        Self { lab, provider, folder }
    }

    fn secret(&self, name: &str) -> SecretSource {
        SecretSource::File(self.folder.join(name))
    }

    fn client(&self, who: Who) -> Client {
        let id = match who {
            Who::Spa => "spa",
            Who::Web | Who::Nobody => "web",
            Who::Machine => "svc",
            Who::Keyed => "keyed",
        };
        Client {
            name: id.into(),
            client_id: id.into(),
            secret: (!matches!(who, Who::Spa | Who::Keyed)).then(|| self.secret(id)),
            auth_method: match who {
                Who::Spa => AuthMethod::None,
                Who::Keyed => AuthMethod::PrivateKeyJwt,
                _ => AuthMethod::ClientSecretBasic,
            },
            proof: Proof { key: (who == Who::Keyed).then(|| self.secret(id)), ..Proof::default() },
            par: None,
            post_logout_redirect_uri: None,
            redirect_uri: (!matches!(who, Who::Machine | Who::Keyed))
                .then(|| RedirectUri::parse("http://127.0.0.1:8765/cb").unwrap()),
            scopes: match who {
                Who::Machine | Who::Keyed => vec!["api".to_owned()],
                _ => ["openid", "profile", "offline_access"].map(str::to_owned).to_vec(),
            },
            require_pkce: who == Who::Web,
            id_token_alg: None,
        }
    }

    async fn run(&self, who: Who, own: &str) -> Ended {
        let parse = ParseContext { regions: 1, base: self.folder.clone(), client: true };
        let table = toml::from_str(own).unwrap();
        let probe = (hardening::KIND.parse)(table, &parse).unwrap_or_else(|problems| panic!("{problems:?}"));
        let region = Arc::new(Egress::direct("here"));
        let user = User {
            name: "alice".into(),
            username: "alice".into(),
            password: self.secret("alice"),
            totp: None,
            passkey: None,
        };
        let memories = Memories::default();
        let cx = Context {
            clock: Clock::system(),
            region: region.clone(),
            regions: vec![region],
            provider: Arc::new(self.provider.clone()),
            client: Some(Arc::new(self.client(who))),
            second_client: None,
            user: matches!(who, Who::Spa | Who::Web).then(|| Arc::new(user)),
            provider_memory: memories.provider(&self.provider.name),
            memory: memories.check("hardening"),
            browsers: Arc::new(Browsers::new(Clock::system())),
            mailbox: memories.mailbox.clone(),
        };
        let mut journey = Journey::new(Clock::system(), Duration::from_secs(60), probe.steps());
        let _ = probe.run(&cx, &mut journey).await;
        let ended = journey.finish(Duration::from_secs(10)).await;
        let sent: usize = ended.steps.iter().map(|step| step.requests.len()).sum();
        assert!(sent <= probe.cost().burst as usize, "{sent} requests, and a burst of {}", probe.cost().burst);
        ended
    }

    fn fault(&self, name: &str, parameters: &Value) {
        self.lab.clear_faults();
        if !name.is_empty() {
            self.lab.set_fault(name, parameters).unwrap();
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
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
    let scene = Scene::new().await;
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
    let scene = Scene::new().await;
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
    let scene = Scene::new().await;
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
    let scene = Scene::new().await;
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
    let scene = Scene::new().await;
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
    let scene = Scene::new().await;
    scene.fault("pkce_not_enforced", &json!({}));
    let fault = scene.run(Who::Web, "").await.fault.unwrap();
    assert_eq!(fault.step, "pkce");
    assert!(fault.detail.contains("does not enforce PKCE") && fault.detail.contains("RFC 9700 §2.1.1"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_groups_make_one_fault() {
    let scene = Scene::new().await;
    scene.lab.set_fault("pkce_not_enforced", &json!({})).unwrap();
    scene.lab.set_fault("silent_login", &json!({})).unwrap();
    scene.lab.set_fault("code_replay_accepted", &json!({})).unwrap();
    let ended = scene.run(Who::Spa, "").await;
    assert_eq!(accepted(&ended), set(["pkce_missing", "prompt_none_without_session", "code_replay"]));
    let failed: Vec<&str> =
        ended.steps.iter().filter(|step| step.state == StepState::Failed).map(|step| step.name).collect();
    assert_eq!(failed, ["request", "pkce", "replay"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_wanted_is_tried() {
    let scene = Scene::new().await;
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
    let scene = Scene::new().await;
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
    let scene = Scene::new().await;
    scene.fault("http_500", &json!({"endpoint": "token"}));
    let ended = scene.run(Who::Spa, "").await;
    let fault = ended.fault.as_ref().unwrap();
    assert_eq!((fault.class, fault.step), (Class::HttpStatus, "token"));
    assert!(observed(&ended, Some(false)).contains("redirect_unregistered"));
    assert!(observed(&ended, None).contains("code_replay"));
    // Accepted is accepted, whatever fails afterwards.
    scene.lab.set_fault("redirect_uri_loose", &json!({"match": "any"})).unwrap();
    let ended = scene.run(Who::Spa, "").await;
    let fault = ended.fault.unwrap();
    assert_eq!((fault.class, fault.step), (Class::AttackAccepted, "redirect_uri"));
    let last = ended.steps.iter().rfind(|step| !step.cleanup).map(|step| (step.name, step.state));
    assert_eq!(last, Some(("token", StepState::Failed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_issued_is_left_alive() {
    let scene = Scene::new().await;
    let ended = scene.run(Who::Web, "").await;
    let revoke = ended.steps.iter().find(|step| step.cleanup && step.name == "revoke").unwrap();
    assert_eq!(revoke.state, StepState::Done, "{}", revoke.note);
    assert!(revoke.requests.iter().filter(|request| request.endpoint == "revocation").count() >= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_types_the_password_twice_at_most() {
    let scene = Scene::new().await;
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
