//! A relying party for tests, written apart from the one in the crate.

use std::collections::HashMap;
use std::time::Duration;

use authprobe::clock::{Clock, Timestamp};
use authprobe::lab::{Lab, LabHandle, Options};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::{Method, Response};
use scraper::{Html, Selector};
use serde_json::{Value, json};

/// Where answers are sent; nobody listens there.
pub const CALLBACK: &str = "http://127.0.0.1:8765/cb";

/// 2027-01-15T08:00:00Z.
pub const START: Timestamp = Timestamp::from_secs(1_800_000_000);

pub type Params = HashMap<String, String>;

/// A lab under a clock that stands still, and a browser in front of it.
pub struct Rp {
    pub lab: LabHandle,
    pub clock: Clock,
    pub http: reqwest::Client,
    pub metadata: Value,
    /// The key set as it was at the start.
    pub cached_keys: Value,
}

/// What a login sent, to compare with what comes back.
#[derive(Clone, Debug)]
pub struct Sent {
    pub client: &'static str,
    pub verifier: String,
    pub state: String,
    pub nonce: String,
}

impl Rp {
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        // Fails when another test of this process did it already: just as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clock = Clock::manual(START);
        let lab = Lab::start(Options { clock: clock.clone(), ..options }).await.expect("the lab starts");
        let http = browser(&lab);
        let discovery = format!("{}/.well-known/openid-configuration", lab.issuer.trim_end_matches('/'));
        let mut rp = Self { lab, clock, http, metadata: json!({}), cached_keys: json!({}) };
        rp.metadata = rp.json(&discovery).await;
        rp.cached_keys = rp.json(&rp.url("jwks_uri")).await;
        rp
    }

    /// Another browser before the same lab: no cookies yet.
    pub fn forget_cookies(&mut self) {
        self.http = browser(&self.lab);
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.set(self.clock.now() + Duration::from_secs(seconds));
    }

    /// A URL of the metadata.
    pub fn url(&self, member: &str) -> String {
        self.metadata[member].as_str().unwrap_or_else(|| panic!("{member} is in the metadata")).to_owned()
    }

    pub async fn json(&self, url: &str) -> Value {
        let response = self.http.get(url).send().await.expect(url);
        serde_json::from_slice(&response.bytes().await.expect(url)).expect(url)
    }

    pub async fn post(&self, url: &str, form: &[(&str, &str)]) -> Response {
        self.request(Method::POST, url, form, None).await
    }

    pub async fn request(&self, method: Method, url: &str, form: &[(&str, &str)], bearer: Option<&str>) -> Response {
        let mut request = self.http.request(method.clone(), url);
        if method == Method::POST {
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        }
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        request.send().await.expect(url)
    }

    /// A form posted by a confidential client, and the JSON that comes back (null when it is none).
    pub async fn as_client(&self, member: &str, client: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.http.post(self.url(member)).header("content-type", "application/x-www-form-urlencoded");
        let request = request.basic_auth(client, Some(format!("{client}-secret"))).body(body);
        let response = request.send().await.expect(member);
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.expect(member)).unwrap_or(Value::Null))
    }

    /// The control interface: the status and what it says.
    pub async fn control(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = self.http.request(method, format!("http://{}/lab/{path}", self.lab.address));
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let mut sent = request.try_clone().expect("a body to send again").send().await;
        // Nobody may listen for a second.
        for _ in 0..40 {
            match &sent {
                Err(error) if error.is_connect() => tokio::time::sleep(Duration::from_millis(50)).await,
                _ => break,
            }
            sent = request.try_clone().expect("a body to send again").send().await;
        }
        let response = sent.expect(path);
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.expect(path)).unwrap_or(Value::Null))
    }

    /// An authorization request of `client` that nothing is wrong with, for who does not go on from there.
    pub fn good_request(&self, client: &'static str) -> [(&'static str, &'static str); 8] {
        [
            ("client_id", client),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "s"),
            ("nonce", "n"),
            // RFC 7636 appendix B.
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
        ]
    }

    /// Begins a login of `client`; `more` is added to the authorization request, or replaces what is in it.
    pub async fn begin(&self, client: &'static str, scope: &str, more: &[(&str, &str)]) -> (Sent, Response) {
        let random = || {
            let mut bytes = [0; 32];
            aws_lc_rs::rand::fill(&mut bytes).expect("random bytes");
            URL_SAFE_NO_PAD.encode(bytes)
        };
        let sent = Sent { client, verifier: random(), state: random(), nonce: random() };
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, sent.verifier.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(digest);
        let mut query = vec![
            ("client_id", client),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", scope),
            ("state", &sent.state),
            ("nonce", &sent.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        query.retain(|(name, _)| !more.iter().any(|(replaced, _)| replaced == name));
        query.extend(more);
        let url = url::Url::parse_with_params(&self.url("authorization_endpoint"), &query).expect("a URL");
        let response = self.follow(self.http.get(url).send().await.expect("authorization")).await;
        (sent, response)
    }

    /// Follows redirects until a page, or a redirect to the callback.
    pub async fn follow(&self, mut response: Response) -> Response {
        for _ in 0..10 {
            match location(&response) {
                Some(next) if !next.starts_with(CALLBACK) => {
                    response = self.http.get(next).send().await.expect("redirect")
                }
                _ => return response,
            }
        }
        response
    }

    /// Fills in the form of a page and submits it: hidden fields as they are, others from `fill` by name.
    pub async fn submit(&self, response: Response, fill: &[(&str, &str)]) -> Result<Response, String> {
        let base = response.url().clone();
        let html = response.text().await.map_err(|e| e.to_string())?;
        let (action, form) = filled(&html, fill).ok_or("no form")?;
        let url = base.join(&action).map_err(|e| e.to_string())?;
        let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Ok(self.follow(self.post(url.as_str(), &form).await).await)
    }

    /// Logs alice in and agrees to what is asked; the parameters of the callback, or what stood in the way.
    pub async fn log_in(&self, client: &'static str, scope: &str) -> Result<(Sent, Params), String> {
        let (sent, mut response) = self.begin(client, scope, &[]).await;
        if location(&response).is_none() {
            response = self.submit(response, &[("username", "alice"), ("password", "wonderland-7")]).await?;
        }
        if location(&response).is_none() {
            response = self.submit(response, &[("decision", "allow")]).await?;
        }
        Ok((sent, callback(&response)?))
    }

    /// Exchanges a code.
    pub async fn exchange(&self, sent: &Sent, code: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", &sent.verifier),
        ];
        if sent.client == "spa" {
            let form: Vec<_> = form.into_iter().chain([("client_id", "spa")]).collect();
            let response = self.post(&self.url("token_endpoint"), &form).await;
            let status = response.status().as_u16();
            return (status, serde_json::from_slice(&response.bytes().await.expect("body")).unwrap_or(Value::Null));
        }
        self.as_client("token_endpoint", sent.client, &form).await
    }

    /// A whole login, to the token response.
    pub async fn tokens(&self, client: &'static str, scope: &str) -> Result<(Sent, Value), String> {
        let (sent, params) = self.log_in(client, scope).await?;
        let code = params.get("code").ok_or_else(|| format!("callback without code: {params:?}"))?;
        match self.exchange(&sent, code).await {
            (200, tokens) => Ok((sent, tokens)),
            (status, body) => Err(format!("token endpoint: {status} {body}")),
        }
    }

    pub async fn refresh(&self, token: &Value) -> (u16, Value) {
        let token = token.as_str().unwrap_or_default();
        self.as_client("token_endpoint", "web", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Whether introspection calls a token active.
    pub async fn active(&self, token: &Value) -> bool {
        let form = [("token", token.as_str().expect("a token"))];
        let (status, answer) = self.as_client("introspection_endpoint", "svc", &form).await;
        assert_eq!(status, 200);
        answer["active"].as_bool().expect("`active` is a boolean")
    }

    pub async fn revoke(&self, token: &Value) -> u16 {
        let form = [("token", token.as_str().expect("a token"))];
        self.as_client("revocation_endpoint", "web", &form).await.0
    }
}

fn browser(lab: &LabHandle) -> reqwest::Client {
    let mut builder = reqwest::Client::builder();
    if let Some(authority) = &lab.authority {
        let authority = reqwest::Certificate::from_pem(authority.as_bytes()).expect("a certificate");
        builder = builder.tls_certs_only([authority]);
    }
    builder
        .cookie_store(true)
        // A connection that is kept hides what a new one is shown.
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .build()
        .expect("a client")
}

/// `Location`, absolute.
pub fn location(response: &Response) -> Option<String> {
    let location = response.headers().get("location")?.to_str().expect("a readable Location");
    Some(response.url().join(location).expect("a URL").into())
}

/// The parameters that a redirect brings to the callback.
pub fn callback(response: &Response) -> Result<Params, String> {
    let url = location(response).filter(|to| to.starts_with(CALLBACK)).ok_or("no way back to the client")?;
    Ok(url::Url::parse(&url).map_err(|e| e.to_string())?.query_pairs().into_owned().collect())
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).expect("a selector")
}

/// Action and fields of the first form. `None` without a form, or when it has no field of a name in `fill`.
fn filled(html: &str, fill: &[(&str, &str)]) -> Option<(String, Vec<(String, String)>)> {
    let document = Html::parse_document(html);
    let form = document.select(&selector("form")).next()?;
    let mut fields = Vec::new();
    for input in form.select(&selector("input[name]")) {
        let name = input.attr("name")?;
        let given = fill.iter().find(|(wanted, _)| *wanted == name).map(|(_, value)| *value);
        fields.push((name.to_owned(), given.or(input.attr("value")).unwrap_or_default().to_owned()));
    }
    for (name, value) in fill {
        let button = format!("button[name={name}][value='{value}']");
        if form.select(&selector(&button)).next().is_some() {
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        fields.iter().any(|(found, _)| found == name).then_some(())?;
    }
    Some((form.attr("action").unwrap_or_default().to_owned(), fields))
}

/// A part of a JWS, not verified: 0 the header, 1 the claims.
pub fn part(token: &Value, which: usize) -> Value {
    let part = token.as_str().and_then(|token| token.split('.').nth(which)).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

/// Whether a token verifies with a key set, or why not.
pub fn verify(token: &Value, keys: &Value) -> &'static str {
    let kid = part(token, 0)["kid"].clone();
    let Some(key) = keys["keys"].as_array().expect("keys").iter().find(|key| key["kid"] == kid) else {
        return "unknown kid";
    };
    let member = |name: &str| key[name].as_str().expect("a member of a JWK").to_owned();
    let key = DecodingKey::from_rsa_components(&member("n"), &member("e")).expect("an RSA key");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    match jsonwebtoken::decode::<Value>(token.as_str().expect("a token"), &key, &validation) {
        Ok(_) => "verifies",
        Err(_) => "refused",
    }
}
