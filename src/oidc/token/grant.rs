//! What is given for tokens, and the form that it makes.

use crate::secret::Secret;

/// The grant type of RFC 8693 §2.1.
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// The grant type of RFC 7523 §2.1.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The grant type of RFC 8628 §3.4.
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What is given for tokens.
#[derive(Clone, Debug)]
pub enum Grant {
    /// RFC 6749 §4.1.3 with RFC 7636 §4.5.
    AuthorizationCode {
        /// From the authorization response.
        code: Secret,
        /// The very one of the authorization request.
        redirect_uri: String,
        /// PKCE's `code_verifier`.
        verifier: Secret,
        /// `resource`, once each (RFC 8707 §2.2).
        resource: Vec<String>,
    },
    /// RFC 6749 §6.
    Refresh {
        /// The refresh token.
        token: Secret,
        /// Fewer scopes than granted; empty: the same.
        scopes: Vec<String>,
    },
    /// RFC 6749 §4.4.
    ClientCredentials {
        /// What to ask for; empty: the client's default.
        scopes: Vec<String>,
        /// Further parameters, such as `resource` or `audience`.
        extra: Vec<(String, String)>,
    },
    /// RFC 8693 §2.1.
    TokenExchange {
        /// `subject_token`.
        subject: Secret,
        /// `subject_token_type`.
        subject_type: String,
        /// `actor_token` and its type.
        actor: Option<(Secret, String)>,
        /// `requested_token_type`.
        requested_type: Option<String>,
        /// `audience`, once each.
        audience: Vec<String>,
        /// `resource`, once each.
        resource: Vec<String>,
        /// What to ask for.
        scopes: Vec<String>,
    },
    /// RFC 7523 §2.1.
    JwtBearer {
        /// `assertion`.
        assertion: Secret,
        /// What to ask for; empty: nothing.
        scopes: Vec<String>,
        /// Further parameters, such as `resource` or `audience`.
        extra: Vec<(String, String)>,
    },
    /// RFC 8628 §3.4.
    Device {
        /// `device_code`.
        code: Secret,
    },
}

impl Grant {
    /// `grant_type`, as metadata lists it too.
    pub const fn grant_type(&self) -> &'static str {
        match self {
            Self::AuthorizationCode { .. } => "authorization_code",
            Self::Refresh { .. } => "refresh_token",
            Self::ClientCredentials { .. } => "client_credentials",
            Self::Device { .. } => DEVICE_CODE,
            Self::TokenExchange { .. } => TOKEN_EXCHANGE,
            Self::JwtBearer { .. } => JWT_BEARER,
        }
    }

    /// The form of the token request, client authentication not included.
    pub fn form(&self) -> Vec<(String, String)> {
        let mut form = Form(Vec::new());
        form.add("grant_type", self.grant_type());
        match self {
            Self::AuthorizationCode { code, redirect_uri, verifier, resource } => {
                form.add("code", code.expose());
                form.add("redirect_uri", redirect_uri);
                form.add("code_verifier", verifier.expose());
                resource.iter().for_each(|value| form.add("resource", value));
            }
            Self::Refresh { token, scopes } => {
                form.add("refresh_token", token.expose());
                form.scope(scopes);
            }
            Self::ClientCredentials { scopes, extra } => {
                form.scope(scopes);
                form.0.extend(extra.iter().cloned());
            }
            Self::Device { code } => form.add("device_code", code.expose()),
            Self::TokenExchange { subject, subject_type, actor, requested_type, audience, resource, scopes } => {
                form.add("subject_token", subject.expose());
                form.add("subject_token_type", subject_type);
                if let Some((token, kind)) = actor {
                    form.add("actor_token", token.expose());
                    form.add("actor_token_type", kind);
                }
                if let Some(kind) = requested_type {
                    form.add("requested_token_type", kind);
                }
                audience.iter().for_each(|value| form.add("audience", value));
                resource.iter().for_each(|value| form.add("resource", value));
                form.scope(scopes);
            }
            Self::JwtBearer { assertion, scopes, extra } => {
                form.add("assertion", assertion.expose());
                form.scope(scopes);
                form.0.extend(extra.iter().cloned());
            }
        }
        form.0
    }

    /// Everything in it that must not be seen.
    pub fn secrets(&self) -> Vec<&Secret> {
        match self {
            Self::AuthorizationCode { code, verifier, .. } => vec![code, verifier],
            Self::Refresh { token, .. } => vec![token],
            Self::Device { code } => vec![code],
            Self::ClientCredentials { .. } => vec![],
            Self::JwtBearer { assertion, .. } => vec![assertion],
            Self::TokenExchange { subject, actor, .. } => {
                std::iter::once(subject).chain(actor.iter().map(|(token, _)| token)).collect()
            }
        }
    }
}

struct Form(Vec<(String, String)>);

impl Form {
    fn add(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    fn scope(&mut self, scopes: &[String]) {
        if !scopes.is_empty() {
            self.add("scope", &scopes.join(" "));
        }
    }
}
