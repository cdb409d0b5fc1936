//! What a provider does not offer is nothing that it does badly: each kind, and each thing that it may need, against a lab
//! whose metadata lacks the member for it (OIDC Discovery §3, RFC 8414 §2 and the specification of each kind).

use authprobe::fault::Class;
use authprobe::outcome::Verdict;
use serde_json::json;

use super::lab_stage::{Stage, detail, none, shown};

const OPENID: &[&str] = &["openid", "profile", "email"];
const FORGETS: &str = "grants_not_offered";

/// Who asks.
#[derive(Clone, Copy, Debug)]
enum Who {
    /// The client `svc` for itself.
    Machine,
    /// The same, with DPoP.
    Bound,
    /// alice, through `web`.
    User,
    /// The same, her requests pushed.
    Pushed,
    /// alice, on a device.
    Device,
}

impl Who {
    async fn stage(self) -> Stage {
        let mut stage = match self {
            Self::Machine | Self::Bound => Stage::machine("svc").await,
            Self::User | Self::Pushed => Stage::user("web", OPENID).await,
            Self::Device => Stage::user("tv", OPENID).await,
        };
        let client = stage.client.as_mut().unwrap();
        client.proof.dpop = matches!(self, Self::Bound);
        client.par = matches!(self, Self::Pushed).then_some(true);
        if matches!(self, Self::Machine) {
            client.redirect_uri = None;
        }
        stage
    }
}

fn lacks(member: &str) -> Vec<(&'static str, serde_json::Value)> {
    vec![("metadata_member_missing", json!({ "which": member }))]
}

/// `grant_types_supported` is without it, and the token endpoint says so in its own way.
fn refuses(error: &str) -> Vec<(&'static str, serde_json::Value)> {
    vec![(FORGETS, none()), ("token_error", json!({ "error": error }))]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lack_ends_as_unsupported_and_names_its_member() {
    let grants = "grant_types_supported";
    let exchange = "subject = { file = 'token' }";
    let rows = [
        // RFC 6749 §5.2: whichever of its errors comes first, the grant was never promised.
        (Who::Machine, "client_credentials", "", refuses("unsupported_grant_type"), grants, "token"),
        (Who::Machine, "client_credentials", "", refuses("invalid_scope"), grants, "token"),
        (Who::Machine, "client_credentials", "", refuses("invalid_request"), grants, "token"),
        (Who::Machine, "client_credentials", "", refuses("unauthorized_client"), grants, "token"),
        (Who::Machine, "token_exchange", "", refuses("invalid_scope"), grants, "subject_token"),
        (Who::Machine, "token_exchange", exchange, refuses("invalid_grant"), grants, "token"),
        (Who::Machine, "introspection", "", refuses("invalid_scope"), grants, "token"),
        (Who::Machine, "revocation", "", refuses("invalid_scope"), grants, "token"),
        (Who::Machine, "resource", "url = 'RESOURCE'", refuses("invalid_scope"), grants, "token"),
        (Who::Machine, "hardening", "", refuses("invalid_scope"), grants, "token"),
        (Who::Machine, "jwt_bearer", "assertion = { file = 'token' }", refuses("invalid_grant"), grants, "discovery"),
        (Who::Device, "device", "", refuses("unsupported_grant_type"), grants, "pending"),
        (Who::User, "refresh", "", vec![(FORGETS, none())], grants, "refresh"),
        (Who::User, "form_login", "response_type = 'id_token'", vec![(FORGETS, none())], grants, "authorize"),
        (Who::User, "revocation", "token = 'refresh'", vec![(FORGETS, none())], grants, "alive"),
        // Endpoints.
        (Who::Machine, "introspection", "", lacks("introspection_endpoint"), "introspection_endpoint", "discovery"),
        (Who::Machine, "revocation", "", lacks("revocation_endpoint"), "revocation_endpoint", "discovery"),
        (Who::Machine, "revocation", "", lacks("introspection_endpoint"), "introspection_endpoint", "discovery"),
        (
            Who::Machine,
            "resource",
            "url = 'RESOURCE'\nrevoked = true",
            lacks("revocation_endpoint"),
            "revocation_endpoint",
            "discovery",
        ),
        (Who::User, "userinfo", "", lacks("userinfo_endpoint"), "userinfo_endpoint", "discovery"),
        (Who::User, "logout", "", lacks("end_session_endpoint"), "end_session_endpoint", "discovery"),
        (Who::Machine, "registration", "", lacks("registration_endpoint"), "registration_endpoint", "discovery"),
        (
            Who::Device,
            "device",
            "",
            lacks("device_authorization_endpoint"),
            "device_authorization_endpoint",
            "discovery",
        ),
        (
            Who::Pushed,
            "form_login",
            "",
            lacks("pushed_authorization_request_endpoint"),
            "pushed_authorization_request_endpoint",
            "authorize",
        ),
        // What else can be asked for.
        (
            Who::User,
            "logout",
            "back_channel = true",
            lacks("backchannel_logout_supported"),
            "backchannel_logout_supported",
            "discovery",
        ),
        (
            Who::User,
            "form_login",
            "response_mode = 'form_post'",
            lacks("response_modes_supported"),
            "response_modes_supported",
            "authorize",
        ),
        (
            Who::User,
            "form_login",
            "claims = { userinfo = { name = {} } }",
            lacks("claims_parameter_supported"),
            "claims_parameter_supported",
            "authorize",
        ),
        (Who::User, "form_login", "acr_values = ['gold']", vec![], "acr_values_supported", "authorize"),
        (
            Who::Bound,
            "client_credentials",
            "",
            lacks("dpop_signing_alg_values_supported"),
            "dpop_signing_alg_values_supported",
            "token",
        ),
        (
            Who::User,
            "userinfo",
            "signed = true",
            lacks("userinfo_signing_alg_values_supported"),
            "userinfo_signing_alg_values_supported",
            "userinfo",
        ),
    ];
    let mut wrong = Vec::new();
    for (who, kind, own, faults, member, step) in rows {
        let stage = who.stage().await;
        stage.file("token", "anything");
        for (fault, parameters) in &faults {
            stage.lab.set_fault(fault, parameters).unwrap();
        }
        let ended = stage.run(kind, &own.replace("RESOURCE", &stage.resource())).await;
        let expected = format!("inconclusive unsupported/configuration at {step}");
        let said = if ended.verdict == Verdict::Good { "good".to_owned() } else { shown(&ended) };
        if said != expected || !detail(&ended).contains(member) {
            wrong.push(format!("{who:?} {kind} {own} {faults:?}: {said}: {}", detail(&ended)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A list that is not there is no word against a grant (many providers that have none offer more than the default), and a
/// configured endpoint is a word for it: a refusal is then what it is.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_denied_is_judged_as_it_is_refused() {
    let mut stage = Stage::machine("svc").await;
    let (bad, unsupported) = ("bad oauth_error/provider at token", "inconclusive unsupported/configuration at token");
    for (metadata, error, expected) in [
        (None, "invalid_scope", bad),
        (None, "unsupported_grant_type", bad),
        (Some(lacks("grant_types_supported")), "invalid_scope", bad),
        (Some(lacks("grant_types_supported")), "unsupported_grant_type", unsupported),
        // Who the client is comes before what it may.
        (Some(vec![(FORGETS, none())]), "invalid_client", "inconclusive credentials/configuration at token"),
        (Some(vec![(FORGETS, none())]), "server_error", bad),
    ] {
        stage.lab.clear_faults();
        for (fault, parameters) in metadata.iter().flatten() {
            stage.lab.set_fault(fault, parameters).unwrap();
        }
        stage.lab.set_fault("token_error", &json!({ "error": error })).unwrap();
        assert_eq!(shown(&stage.run("client_credentials", "").await), expected, "{metadata:?} {error}");
    }
    let token = format!("{}/token", stage.lab.issuer);
    stage.provider.endpoints.insert("token_endpoint".to_owned(), token.parse().unwrap());
    stage.lab.clear_faults();
    refuses("invalid_scope").iter().for_each(|(fault, parameters)| stage.lab.set_fault(fault, parameters).unwrap());
    assert_eq!(shown(&stage.run("client_credentials", "").await), bad, "configured");
}

/// Otherwise an outage of what has worked for months would pass for a lack.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_has_worked_is_offered_whatever_the_list_forgets() {
    let stage = Stage::machine("svc").await;
    stage.fault(FORGETS, &none());
    assert_eq!(shown(&stage.run("client_credentials", "").await), "good");
    stage.lab.set_fault("token_error", &json!({ "error": "invalid_scope" })).unwrap();
    let ended = stage.run("client_credentials", "").await;
    assert_eq!(ended.fault.map(|fault| fault.class), Some(Class::OauthError));
}
