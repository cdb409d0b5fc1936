//! Requests that prove something: who the client is, and that it holds the key or certificate its tokens are bound to.

use ::http::{HeaderValue, header};
use url::Url;

use super::Relying;
use crate::fault::{Account, Class, Fault};
use crate::oidc::authorize::Pending;
use crate::oidc::binding::Binding;
use crate::oidc::client_auth::{self, Means};
use crate::oidc::http::{Endpoint, Identity, Request, Response};
use crate::oidc::metadata::Metadata;
use crate::oidc::private_key::PrivateKey;
use crate::oidc::settings::{Audience, AuthMethod, Client};
use crate::oidc::{bearer, dpop, par, pkce};
use crate::outcome::Warning;
use crate::secret::{Secret, SecretSource};

/// RFC 8705 §5: where a certificate is asked for.
const ALIASES: &str = "mtls_endpoint_aliases";

impl Relying {
    /// Sends a form to an endpoint where the client says who it is: the one that `member` of the metadata names. Faults
    /// besides those of the request: `unsupported` if there is none, `config`, `credentials` if the client's certificate
    /// is refused.
    pub(super) async fn post(
        &self,
        metadata: &Metadata,
        endpoint: Endpoint,
        member: &'static str,
        client: &Client,
        form: Vec<(String, String)>,
    ) -> Result<Response, Fault> {
        self.post_for("application/json", metadata, endpoint, member, client, form).await
    }

    /// The same, for an answer of another media type.
    pub(super) async fn post_for(
        &self,
        accept: &'static str,
        metadata: &Metadata,
        endpoint: Endpoint,
        member: &'static str,
        client: &Client,
        form: Vec<(String, String)>,
    ) -> Result<Response, Fault> {
        // A proof there binds what is issued, or the code that will be (RFC 9449 §5 and §10.1).
        let proves = client.proof.dpop && matches!(endpoint, Endpoint::Token | Endpoint::PushedAuthorization);
        let make = || {
            let mut request = Request::post(endpoint, self.address(metadata, member, client)?, form.clone());
            request.headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            self.authenticate(metadata, client, &mut request)?;
            Ok(request)
        };
        if endpoint == Endpoint::Token {
            self.remark_method(metadata, client);
        }
        let answer =
            if proves { self.send_proven(Some(metadata), client, make, None).await } else { self.send(make()?).await };
        answer.map_err(|fault| match fault.class {
            Class::Credentials if fault.account.is_none() => {
                fault.with_account(Account::Client(client.name.to_string()))
            }
            _ => fault,
        })
    }

    /// Sends a request to a protected resource with an access token of ours (RFC 6750 §2.1, RFC 9449 §7.1): bound tokens
    /// with their proof, or from behind their certificate. Faults besides those of the request: `config`, `malformed`.
    pub async fn send_with_token(&self, request: Request, access: &Secret) -> Result<Response, Fault> {
        let client = self.client.as_deref();
        let scheme = if client.is_some_and(|client| client.proof.dpop) { dpop::SCHEME } else { "Bearer" };
        let identity = match client.filter(|_| request.url.scheme() == "https") {
            Some(client) => self.identity(client)?,
            None => None,
        };
        let make = || {
            let mut request = request.clone();
            request.headers.insert(header::AUTHORIZATION, bearer::authorization(scheme, access)?);
            request.identity.clone_from(&identity);
            Ok(request)
        };
        match client {
            Some(client) if client.proof.dpop => self.send_proven(None, client, make, Some(access)).await,
            _ => self.send(make()?).await,
        }
    }

    /// Where `member` of the metadata is for that client: the alias for certificates, if it has one to show and nobody
    /// has configured the endpoint. Faults: `unsupported`, `metadata_invalid`.
    pub fn address(&self, metadata: &Metadata, member: &'static str, client: &Client) -> Result<Url, Fault> {
        let alias = metadata.members().get(ALIASES).and_then(|aliases| aliases.get(member));
        match alias {
            Some(alias) if client.proof.certificate.is_some() && !self.provider.endpoints.contains_key(member) => {
                let usable =
                    alias.as_str().and_then(|text| Url::parse(text).ok()).filter(|url| url.scheme() == "https");
                usable.ok_or_else(|| {
                    let detail = format!("{ALIASES}.{member} is no https URL (RFC 8705 §5)");
                    Fault::new(Class::MetadataInvalid, detail)
                })
            }
            _ => metadata.endpoint(member),
        }
    }

    /// Pushes the authorization request, if this client's are to be (RFC 9126): what is left leads to it. Faults besides
    /// those of the request: `unsupported`, `credentials`, `oauth_error`, `malformed`.
    pub async fn push(&self, metadata: &Metadata, pending: Pending) -> Result<Pending, Fault> {
        let client = self.client()?.clone();
        if !par::applies(&client, metadata) {
            return Ok(pending);
        }
        let endpoint = metadata.endpoint("authorization_endpoint")?;
        let mut form = par::form(&endpoint, &pending.url);
        if client.auth_method == AuthMethod::ClientSecretBasic {
            // A parameter of the request all the same (RFC 9126 §2.1).
            form.insert(0, ("client_id".to_owned(), client.client_id.to_string()));
        }
        let answer = self.post(metadata, Endpoint::PushedAuthorization, par::ENDPOINT, &client, form).await?;
        let mut warnings = Vec::new();
        let result = par::process(&answer, &client, &mut warnings);
        self.recorder.warn_all(warnings);
        let pushed = result?;
        self.recorder.protect(pushed.request_uri.expose());
        Ok(Pending { url: par::request(&endpoint, &client.client_id, &pushed), ..pending })
    }

    /// What our access tokens must be bound to. Faults: `config`, `unsupported`.
    pub(super) fn binding(&self, metadata: &Metadata, client: &Client) -> Result<Binding, Fault> {
        let key = match client.proof.dpop {
            true => Some(self.dpop_key(Some(metadata), client)?.key.thumbprint()),
            false => None,
        };
        let bound = metadata.flag("tls_client_certificate_bound_access_tokens") == Some(true);
        let identity = if bound { self.identity(client)? } else { None };
        Ok(Binding { key, certificate: identity.map(|identity| identity.thumbprint().to_owned()) })
    }

    /// Read anew for every request: a rotated secret is used at once.
    pub(super) fn secret(&self, client: &Client) -> Result<Option<Secret>, Fault> {
        client.secret.as_ref().map(|source| self.read(client, source)).transpose()
    }

    fn read(&self, client: &Client, source: &SecretSource) -> Result<Secret, Fault> {
        let secret = source.read().map_err(|why| unusable(client, &why))?;
        self.recorder.protect(secret.expose());
        Ok(secret)
    }

    pub(super) fn key(&self, client: &Client) -> Result<Option<PrivateKey>, Fault> {
        let Some(source) = &client.proof.key else { return Ok(None) };
        let text = self.read(client, source)?;
        PrivateKey::parse(text.expose()).map(Some).map_err(|why| unusable(client, &format!("{source}: {why}")))
    }

    fn identity(&self, client: &Client) -> Result<Option<Identity>, Fault> {
        let Some((certificate, key)) = &client.proof.certificate else { return Ok(None) };
        // The certificate is public: nothing of it needs masking.
        let chain = certificate.read().map_err(|why| unusable(client, &why))?;
        let identity = Identity::parse(chain.expose(), self.read(client, key)?.expose());
        identity.map(Some).map_err(|why| unusable(client, &format!("{certificate}: {why}")))
    }

    fn authenticate(&self, metadata: &Metadata, client: &Client, request: &mut Request) -> Result<(), Fault> {
        let secret = self.secret(client)?;
        if let Some(secret) = &secret {
            self.recorder.protect(&client_auth::basic(&client.client_id, secret));
        }
        let key = if client.auth_method == AuthMethod::PrivateKeyJwt { self.key(client)? } else { None };
        let means = Means {
            secret: secret.as_ref(),
            key: key.as_ref(),
            audience: audience(metadata, client),
            now: self.clock.now(),
        };
        let form = request.form.get_or_insert_default();
        if let Some(assertion) = client_auth::authenticate(client, &means, &mut request.headers, form)? {
            self.recorder.protect(assertion.expose());
        }
        match request.url.scheme() {
            "https" => request.identity = self.identity(client)?,
            _ if client.auth_method.shows_certificate() => {
                let why = format!("{} needs https, and {} is not", client.auth_method.as_str(), request.url.path());
                return Err(unusable(client, &why));
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends what `make` makes with a proof of possession; if the server demands a nonce and gives it, once more.
    async fn send_proven(
        &self,
        metadata: Option<&Metadata>,
        client: &Client,
        make: impl Fn() -> Result<Request, Fault>,
        access: Option<&Secret>,
    ) -> Result<Response, Fault> {
        let key = self.dpop_key(metadata, client)?;
        let mut again = false;
        loop {
            let mut request = make()?;
            let nonce = self.nonces.of(&request.url);
            let (method, url, jti) = (&request.method, &request.url, pkce::random());
            let what =
                dpop::Use { method, url, access, nonce: nonce.as_deref(), jti: jti.expose(), now: self.clock.now() };
            let proof = dpop::proof(&key.key, key.alg, what)?;
            self.recorder.protect(proof.expose());
            let mut value = HeaderValue::from_str(proof.expose())
                .map_err(|_| Fault::new(Class::Internal, "a JWT is always a header value"))?;
            value.set_sensitive(true);
            request.headers.insert("dpop", value);
            let path = url.path().to_owned();
            let answer = self.send(request).await?;
            let given = self.nonces.saw(&answer);
            if !dpop::wants_nonce(&answer) {
                return Ok(answer);
            }
            if again || !given {
                return Err(dpop::insists(&answer, &path));
            }
            again = true;
        }
    }

    /// What its proofs are signed with: its `key`, unless that signs its assertions; else one made here. Without metadata:
    /// as the token was asked for.
    fn dpop_key(&self, metadata: Option<&Metadata>, client: &Client) -> Result<dpop::Key, Fault> {
        let own = if client.auth_method == AuthMethod::PrivateKeyJwt { None } else { self.key(client)? };
        match own {
            Some(key) => Ok(dpop::Key { alg: dpop::algorithm(&key, metadata)?, key: key.into() }),
            None => match metadata {
                Some(metadata) => self.memory.dpop.of(&client.name, dpop::fresh_algorithm(metadata)?),
                None => self.memory.dpop.known(&client.name),
            },
        }
    }

    /// The client is registered, whatever the metadata lists (OIDC Discovery §3, RFC 8414 §2): if the provider minds, it
    /// will say so. Public clients do not authenticate, so many providers leave `none` out.
    fn remark_method(&self, metadata: &Metadata, client: &Client) {
        let method = client.auth_method.as_str();
        let member = "token_endpoint_auth_methods_supported";
        let listed = metadata.list(member);
        if client.auth_method != AuthMethod::None && listed.is_some_and(|listed| !listed.contains(&method)) {
            let detail = format!("{member} does not list {method}, which client {} uses", client.name);
            self.recorder.warn(Warning::new("auth_method_not_listed", "RFC 8414 §2", detail));
        }
    }
}

/// `aud` of the client's assertions: as the metadata writes it, for it may be compared character by character.
fn audience<'m>(metadata: &'m Metadata, client: &Client) -> &'m str {
    let endpoint = metadata.members().get("token_endpoint").and_then(serde_json::Value::as_str);
    match client.proof.audience {
        Audience::TokenEndpoint => endpoint.unwrap_or(metadata.issuer()),
        Audience::Issuer => metadata.issuer(),
    }
}

fn unusable(client: &Client, why: &str) -> Fault {
    Fault::new(Class::Config, format!("client {}: {why}", client.name))
}
