//! The configuration to start from, written out of metadata. Pure. Of the metadata only what is looked for gets into
//! it: nothing that the provider says is copied.

use std::path::Path;

use crate::oidc::metadata::Metadata;
use crate::oidc::settings::AuthMethod;
use crate::oidc::token::TOKEN_EXCHANGE;
use crate::plan::PLACEHOLDER;
use crate::probe::{self, Need};

/// What is left to do, by the word in the file that asks for it.
pub const TO_DO: [(&str, &str); 6] = [
    (CLIENT_SECRET, "set AUTHPROBE_CLIENT_SECRET to the client's secret"),
    (CLIENT_KEY, "set AUTHPROBE_CLIENT_KEY to the client's private key (PEM or JWK), or name its file"),
    (CLIENT_CERTIFICATE, "set AUTHPROBE_CLIENT_CERTIFICATE to the client's certificate (PEM), or name its file"),
    (PLACEHOLDER, "write the synthetic user's name in place of CHANGE-ME"),
    (PASSWORD, "set AUTHPROBE_USER_PASSWORD to that user's password"),
    ("client = \"web\"", KEEP),
];

/// The metadata says what the provider can do, and nothing about the one client.
const KEEP: &str = "keep only those probes whose grants the client is registered for";

const CLIENT_SECRET: &str = "AUTHPROBE_CLIENT_SECRET";
const CLIENT_KEY: &str = "AUTHPROBE_CLIENT_KEY";
const CLIENT_CERTIFICATE: &str = "AUTHPROBE_CLIENT_CERTIFICATE";
const PASSWORD: &str = "AUTHPROBE_USER_PASSWORD";

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// A registered client.
    pub client_id: Option<&'a str>,
    /// Certificates to believe.
    pub ca_file: Option<&'a Path>,
}

/// What a probe would look like, and why not.
struct Offer {
    kind: &'static str,
    name: &'static str,
    about: &'static str,
    every: &'static str,
    lines: &'static [&'static str],
    /// An entry of the catalogue that watches over it.
    objective: Option<&'static str>,
    why_not: Option<String>,
}

/// Just enough to read the provider's metadata with.
pub fn smallest(ask: &Ask<'_>) -> String {
    let mut text = provider(ask);
    text.push_str("\n[[probe]]\nname = \"discovery\"\nkind = \"discovery\"\nprovider = \"main\"\nevery = \"5m\"\n");
    text
}

/// A commented configuration with the kinds that this provider supports; the others are there as comments, with the
/// reason.
pub fn starter(ask: &Ask<'_>, metadata: &Metadata) -> String {
    let auth = auth_method(metadata);
    let offers = offers(ask, metadata, &auth);
    let logs_in = |offer: &Offer| probe::kind(offer.kind).is_some_and(|kind| kind.user == Need::Required);
    let login = offers.iter().any(|offer| offer.why_not.is_none() && logs_in(offer));
    let mut text = head(ask);
    text.push('\n');
    text.push_str(&provider(ask));
    text.push_str(&client(ask, metadata, auth));
    text.push_str(&user(login));
    for offer in &offers {
        text.push_str(&block(offer));
    }
    text
}

fn head(ask: &Ask<'_>) -> String {
    format!(
        "# authprobe watches the login door of {}
# Validate this file and see what it will do: authprobe check --config FILE
# Run one probe now:                           authprobe probe NAME --config FILE
# Run them all, for ever:                      authprobe run --config FILE

[server]
listen = \"127.0.0.1:9464\"                  # page, API and /metrics for Prometheus

[store]                                    # counts, and with them budgets, outlive a restart
path = \"authprobe.db\"

# [[alerting.alertmanager]]                # every peer; `authprobe check` explains the objectives below
# url = \"http://127.0.0.1:9093\"

# [telemetry]                              # traces and metrics over OTLP/HTTP
# otlp_endpoint = \"http://127.0.0.1:4318\"

[[region]]                                 # a way out of this machine; more: one each proxy
name = \"local\"
# reference = [\"https://www.example.org/\"] # tried after a network fault: if it fails too, the fault is our own
",
        ask.issuer.replace(|c: char| c.is_control(), " ")
    )
}

fn provider(ask: &Ask<'_>) -> String {
    let mut text = format!("[[provider]]\nname = \"main\"\nissuer = {}\n", quoted(ask.issuer));
    if let Some(path) = ask.ca_file {
        text.push_str(&format!("ca_file = {}\n", quoted(&path.display().to_string())));
    }
    text.push_str("max_requests_per_minute = 120              # all probes and regions together\n");
    text
}

fn client(ask: &Ask<'_>, metadata: &Metadata, auth: Result<AuthMethod, String>) -> String {
    let mut lines = vec![
        "[[client]]".to_owned(),
        "name = \"web\"".to_owned(),
        "provider = \"main\"".to_owned(),
        format!("client_id = {}", quoted(ask.client_id.unwrap_or(PLACEHOLDER))),
    ];
    let secret = format!("client_secret = {{ env = \"{CLIENT_SECRET}\" }}");
    match &auth {
        Ok(AuthMethod::None) => lines.push("auth_method = \"none\"".to_owned()),
        Ok(method) => {
            if method.shows_certificate() {
                lines.push(format!("certificate = {{ env = \"{CLIENT_CERTIFICATE}\" }}"));
            }
            lines.push(match method {
                AuthMethod::PrivateKeyJwt => format!("key = {{ env = \"{CLIENT_KEY}\" }}"),
                _ if method.shows_certificate() => format!("certificate_key = {{ env = \"{CLIENT_KEY}\" }}"),
                _ => secret,
            });
            lines.push(format!("auth_method = \"{}\"", method.as_str()));
        }
        Err(_) => lines.push(secret),
    }
    lines.push("redirect_uri = \"http://127.0.0.1:8765/cb\"  # must be registered; nothing listens there".to_owned());
    let scopes: Vec<String> = scopes(metadata).into_iter().map(quoted).collect();
    lines.push(format!("scopes = [{}]", scopes.join(", ")));
    let why = match (ask.client_id, auth) {
        (None, _) => {
            Some("register a client for authprobe alone, name it here, and take the comment marks away".to_owned())
        }
        (_, Err(why)) => Some(why),
        _ => None,
    };
    section(&lines, why.as_deref(), &format!("The client that probes act as: {KEEP}."))
}

fn user(wanted: bool) -> String {
    let lines = [
        "[[user]]".to_owned(),
        "name = \"synthetic\"".to_owned(),
        format!("username = \"{PLACEHOLDER}\""),
        format!("password = {{ env = \"{PASSWORD}\" }}"),
    ];
    let why = (!wanted).then_some("no probe logs in yet");
    section(&lines, why, "An account that exists for this alone: nobody's own, with no rights.")
}

fn block(offer: &Offer) -> String {
    let Some(kind) = probe::kind(offer.kind) else { return String::new() };
    let mut lines =
        vec!["[[probe]]".to_owned(), format!("name = \"{}\"", offer.name), format!("kind = \"{}\"", kind.name)];
    lines.push(if kind.client == Need::Forbidden { "provider = \"main\"" } else { "client = \"web\"" }.to_owned());
    if kind.user == Need::Required {
        lines.push("user = \"synthetic\"".to_owned());
    }
    lines.push(format!("every = \"{}\"", offer.every));
    lines.extend(offer.lines.iter().map(|line| (*line).to_owned()));
    if let Some(entry) = offer.objective {
        lines.push(String::new());
        lines.push("[[slo]]".to_owned());
        lines.push(format!("name = \"{}\"", offer.name));
        lines.push(format!("probes = [\"{}\"]", offer.name));
        lines.push(format!("catalogue = \"{entry}\""));
    }
    section(&lines, offer.why_not.as_deref(), offer.about)
}

fn section(lines: &[String], why_not: Option<&str>, about: &str) -> String {
    let mut text = format!("\n# {about}\n");
    if let Some(why) = why_not {
        text.push_str(&format!("# Not enabled: {why}.\n"));
    }
    let mark = if why_not.is_some() { "# " } else { "" };
    for line in lines {
        text.push_str(format!("{mark}{line}").trim_end());
        text.push('\n');
    }
    text
}

/// How a client can prove itself here; absent is `client_secret_basic` (OIDC Discovery 1.0 §3, RFC 8414 §2).
fn auth_method(metadata: &Metadata) -> Result<AuthMethod, String> {
    let Some(offered) = metadata.list("token_endpoint_auth_methods_supported") else {
        return Ok(AuthMethod::ClientSecretBasic);
    };
    [
        AuthMethod::ClientSecretBasic,
        AuthMethod::ClientSecretPost,
        AuthMethod::PrivateKeyJwt,
        AuthMethod::TlsClientAuth,
        AuthMethod::ClientSecretJwt,
        AuthMethod::SelfSignedTlsClientAuth,
        AuthMethod::None,
    ]
    .into_iter()
    .find(|method| offered.contains(&method.as_str()))
    .ok_or_else(|| "authprobe knows none of the client authentications that the metadata lists".to_owned())
}

fn scopes(metadata: &Metadata) -> Vec<&'static str> {
    let offered = metadata.list("scopes_supported").unwrap_or_default();
    let mut scopes = vec!["openid"];
    scopes.extend(["profile", "email", "offline_access"].into_iter().filter(|scope| offered.contains(scope)));
    scopes
}

fn offers(ask: &Ask<'_>, metadata: &Metadata, auth: &Result<AuthMethod, String>) -> Vec<Offer> {
    let absent = |member: &str| (!metadata.has(member)).then(|| format!("`{member}` is absent from the metadata"));
    // Without the member code and implicit are offered (OIDC Discovery 1.0 §3, RFC 8414 §2).
    let grant = |name: &str| match metadata.list("grant_types_supported") {
        Some(grants) if grants.contains(&name) => None,
        Some(_) => Some(format!("`grant_types_supported` does not list {name}")),
        None if name == "authorization_code" => None,
        None => Some(format!("`grant_types_supported` is absent, which means without {name} (RFC 8414 §2)")),
    };
    let code = match metadata.list("response_types_supported") {
        Some(types) if !types.contains(&"code") => Some("`response_types_supported` does not list code".to_owned()),
        _ => None,
    };
    let acting = match (ask.client_id, auth) {
        (None, _) => Some("it needs a client: see above".to_owned()),
        (_, Err(_)) => Some("it needs a client that can prove itself: see above".to_owned()),
        _ => None,
    };
    let login = || {
        absent("authorization_endpoint")
            .or_else(|| absent("token_endpoint"))
            .or_else(|| code.clone())
            .or_else(|| grant("authorization_code"))
            .or_else(|| acting.clone())
    };
    let refresh = || {
        let offline = metadata.list("scopes_supported").unwrap_or_default().contains(&"offline_access");
        if offline { None } else { grant("refresh_token") }
    };
    let service = || {
        absent("token_endpoint")
            .or_else(|| grant("client_credentials"))
            .or_else(|| (*auth == Ok(AuthMethod::None)).then(|| "a public client cannot use it".to_owned()))
            .or_else(|| acting.clone())
    };
    let offer = |kind, name, about, every, lines, objective, why_not| Offer {
        kind,
        name,
        about,
        every,
        lines,
        objective,
        why_not,
    };
    let mut offers = vec![
        offer(
            "discovery",
            "discovery",
            "The metadata: complete, consistent, and what changes in it.",
            "5m",
            &[],
            None,
            None,
        ),
        offer(
            "jwks",
            "keys",
            "The keys that tokens are verified with, and how they rotate.",
            "1m",
            &[],
            Some("jwks-failures"),
            absent("jwks_uri"),
        ),
        offer(
            "client_credentials",
            "service",
            "A token for a service (the client must be registered for that grant).",
            "1m",
            &[],
            Some("token-issuance"),
            service(),
        ),
        offer(
            "form_login",
            "login",
            "A person's login over plain HTTP and HTML forms, to the verified ID token.",
            "1m",
            &[],
            Some("login-success"),
            login(),
        ),
        offer("refresh", "refresh", "A login, then its refresh token used.", "5m", &[], None, login().or_else(refresh)),
        offer(
            "revocation",
            "revocation",
            "A login, then how soon a revoked token is refused everywhere.",
            "15m",
            &["user = \"synthetic\""],
            Some("revocation-propagation"),
            absent("revocation_endpoint").or_else(login),
        ),
        offer(
            "token_exchange",
            "exchange",
            "A service's token turned into another (RFC 8693).",
            "5m",
            &[],
            None,
            grant(TOKEN_EXCHANGE).or_else(service),
        ),
    ];
    offers.extend(further(absent, login, *auth == Ok(AuthMethod::None)));
    offers
}

/// Beyond getting tokens. `absent` says that a member is, `login` why nobody can log in.
fn further(absent: impl Fn(&str) -> Option<String>, login: impl Fn() -> Option<String>, public: bool) -> Vec<Offer> {
    let proves_itself = || public.then(|| "a public client cannot use it".to_owned());
    let own_client = || Some("it needs a client that is registered for devices".to_owned());
    let agreed = || Some("it tries attacks: agree on that with whoever runs the provider".to_owned());
    vec![
        Offer {
            kind: "userinfo",
            name: "userinfo",
            about: "A login, then who the user is, asked with good tokens and bad ones.",
            every: "5m",
            lines: &[],
            objective: None,
            why_not: absent("userinfo_endpoint").or_else(&login),
        },
        Offer {
            kind: "introspection",
            name: "introspection",
            about: "A login, then what is said of its token, of a made-up one and of a revoked one.",
            every: "15m",
            lines: &["user = \"synthetic\""],
            objective: None,
            why_not: absent("introspection_endpoint").or_else(proves_itself).or_else(&login),
        },
        Offer {
            kind: "device",
            name: "device",
            about: "A device authorized on the login pages (RFC 8628).",
            every: "15m",
            lines: &[],
            objective: None,
            why_not: absent("device_authorization_endpoint").or_else(own_client),
        },
        Offer {
            kind: "logout",
            name: "logout",
            about: "A login, then its session ended: it must be gone.",
            every: "15m",
            lines: &[],
            objective: None,
            why_not: absent("end_session_endpoint").or_else(&login),
        },
        Offer {
            kind: "hardening",
            name: "hardening",
            about: "Attacks that must be refused; it has an objective of its own.",
            every: "1h",
            lines: &["user = \"synthetic\"", "timeout = \"2m\""],
            objective: Some("security"),
            why_not: login().or_else(agreed),
        },
    ]
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
