//! A browser elsewhere: asked for over classic WebDriver, and told to end whatever becomes of the run.
//!
//! A driver keeps a session until somebody ends it. So each is ended by a request of its own that nothing else holds up,
//! also when the run was given up, and when nobody waited any more for the browser that was asked for. Only if this
//! process is killed is it left to the driver's own limits.

use std::time::Duration;

use fantoccini::Client;
use fantoccini::error::{CmdError, ErrorStatus};
use fantoccini::wd::WebDriverCompatibleCommand;
use http::Method;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use url::{ParseError, Url};

use super::Settings;
use super::basic::Basic;
use super::net_error;
use super::session::{Kind, Running, Session, connector};
use crate::fault::{Class, Fault};
use crate::oidc::http::Webdriver;
use crate::secret::Secret;

/// How long a driver that was asked for a browser is waited for, if only to end it.
const ASKING: Duration = Duration::from_secs(120);
/// How long a driver may take to end one.
const ENDING: Duration = Duration::from_secs(8);
/// How long a script may hold up the other commands of its session.
const SCRIPT: Duration = Duration::from_secs(2);
/// How much of a driver's message is repeated (characters).
const MAX_SAID: usize = 200;

/// A session at a driver. Dropped, it is ended in the background.
pub(super) struct Remote {
    way: Way,
    id: String,
    running: Running,
    over: bool,
}

/// What a driver answers to a request for a session.
struct Made {
    client: Client,
    capabilities: Map<String, Value>,
    remote: Remote,
}

/// Asks a driver for a browser. Fault: `browser`.
pub(super) async fn start(
    webdriver: &Webdriver,
    settings: &Settings,
    epoch: u64,
    running: Running,
) -> Result<Session, Fault> {
    let way = Way::to(webdriver);
    let (tell, told) = oneshot::channel();
    let asking = ask(way, capabilities(settings), running.clone());
    // Whoever waits may give up; what was asked for still comes, and is ended then.
    running.spawn(async move { drop(tell.send(asking.await)) });
    let gone = |_| Fault::new(Class::Browser, "authprobe is ending: no browser is started any more");
    let Made { client, capabilities, remote } = told.await.map_err(gone)??;
    let mut session = Session::of(Kind::Remote(webdriver.clone()), epoch, client, &capabilities, None, running);
    session.remote = Some(remote);
    let credentials = webdriver.credentials.as_ref().map(|(user, password)| (user.as_str(), password.expose()));
    let offered = capabilities.get("webSocketUrl").and_then(Value::as_str).and_then(|url| Url::parse(url).ok());
    let opened = match offered.map(|url| reachable(url, &webdriver.url)) {
        Some(url) => session.open_bidi(&url, credentials).await.map_err(|fault| fault.detail),
        None => Err("it offers no `webSocketUrl`".to_owned()),
    };
    session.no_bidi = opened.err();
    Ok(session)
}

/// The way to a driver.
#[derive(Clone)]
struct Way {
    url: Url,
    credentials: Option<(String, Secret)>,
}

impl Way {
    fn to(webdriver: &Webdriver) -> Self {
        let mut url = webdriver.url.clone();
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Self { url, credentials: webdriver.credentials.clone() }
    }

    /// A client of that session. It does not end it: that is for [`Remote`].
    async fn client(&self, id: &str) -> Result<Client, String> {
        let connector = Basic::over(connector(self.url.as_str()), self.credentials.as_ref());
        let cannot = |_| "its address cannot be used".to_owned();
        let client = Client::with_existing_session(self.url.as_str(), id, connector).await.map_err(cannot)?;
        client.persist().await.map_err(|_| "the client of the driver has ended".to_owned())?;
        Ok(client)
    }
}

/// What is wanted of a browser, whichever it is.
fn capabilities(settings: &Settings) -> Value {
    let chrome: Vec<&str> =
        ["--headless=new"].into_iter().chain(settings.arguments.iter().map(String::as_str)).collect();
    json!({
        "webSocketUrl": true,
        "pageLoadStrategy": "none",
        "unhandledPromptBehavior": "dismiss",
        "timeouts": { "script": SCRIPT.as_millis() as u64 },
        "goog:chromeOptions": { "args": chrome },
        // Firefox's virtual authenticators are behind the first, and it must not wait for a key that somebody touches.
        "moz:firefoxOptions": { "args": ["-headless"], "prefs": {
            "security.webauth.webauthn_enable_softtoken": true,
            "security.webauth.webauthn_enable_usbtoken": false,
        } },
    })
}

/// A driver that names its own loopback address means the host that we know it by.
fn reachable(mut offered: Url, webdriver: &Url) -> Url {
    let local = |url: &Url| match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if local(&offered) && !local(webdriver) {
        let _ = offered.set_host(webdriver.host_str());
    }
    offered
}

async fn ask(way: Way, mut wanted: Value, running: Running) -> Result<Made, Fault> {
    let failed = |why: String| Fault::new(Class::Browser, format!("the driver starts no browser: {why}"));
    let asking = way.client("none").await.map_err(failed)?;
    let mut answer = tokio::time::timeout(ASKING, asking.issue_cmd(New(wanted.to_string()))).await;
    if let Ok(Err(CmdError::Standard(error))) = &answer
        && matches!(error.error, ErrorStatus::InvalidArgument | ErrorStatus::SessionNotCreated)
    {
        // Drivers of before WebDriver BiDi refuse what they do not know.
        wanted.as_object_mut().and_then(|wanted| wanted.remove("webSocketUrl"));
        answer = tokio::time::timeout(ASKING, asking.issue_cmd(New(wanted.to_string()))).await;
    }
    let answer = match answer {
        Ok(answer) => answer.map_err(|error| failed(refusal(&error)))?,
        Err(_) => return Err(failed(format!("no answer within {} s", ASKING.as_secs()))),
    };
    let id = answer["sessionId"].as_str().unwrap_or_default();
    if id.is_empty() || id.len() > 300 || id.contains(['/', '?', '#', '\\']) || id.starts_with('.') {
        return Err(failed("its answer names no session".to_owned()));
    }
    let remote = Remote { way: way.clone(), id: id.to_owned(), running, over: false };
    let client = way.client(id).await.map_err(failed)?;
    let capabilities = answer["capabilities"].as_object().cloned().unwrap_or_default();
    Ok(Made { client, capabilities, remote })
}

impl Remote {
    /// Ends it and waits until the driver says so.
    pub(super) async fn end(mut self) {
        part(&self.way, &self.id).await;
        self.over = true;
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if !self.over && tokio::runtime::Handle::try_current().is_ok() {
            let (way, id) = (self.way.clone(), std::mem::take(&mut self.id));
            self.running.spawn(async move { part(&way, &id).await });
        }
    }
}

async fn part(way: &Way, id: &str) {
    let Ok(client) = way.client(id).await else { return };
    match tokio::time::timeout(ENDING, client.issue_cmd(Delete)).await {
        Ok(Ok(_)) => {}
        // It has ended already.
        Ok(Err(error)) if error.is_invalid_session_id() => {}
        Ok(Err(error)) => tracing::warn!(why = why(&error), "a remote browser could not be ended"),
        Err(_) => tracing::warn!(why = "no answer in time", "a remote browser could not be ended"),
    }
}

/// Why a driver starts no browser: in its own words, which hold nothing but what it was asked for.
fn refusal(error: &CmdError) -> String {
    match error {
        CmdError::Standard(said) => {
            let line = said.message.lines().next().unwrap_or_default();
            let line: String = line.chars().filter(|c| !c.is_control()).take(MAX_SAID).collect();
            format!("{}: {line}", said.error)
        }
        other => why(other),
    }
}

/// Why a command failed: what a driver says may repeat what it was sent, so only its error code is passed on, and the name
/// of a network error.
pub(super) fn why(error: &CmdError) -> String {
    match error {
        CmdError::Standard(said) => match net_error::name(&said.message) {
            Some(name) => format!("{} ({name})", said.error),
            None => said.error.to_string(),
        },
        CmdError::NotJson(_) | CmdError::NotW3C(_) | CmdError::Json(_) => {
            "what answers there is no WebDriver, or does not accept our user name and password".to_owned()
        }
        CmdError::Failed(_) | CmdError::FailedC(_) | CmdError::Lost(_) => {
            let mut cause: &dyn std::error::Error = error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            let io = cause.downcast_ref::<std::io::Error>().map(|io| format!(": {}", io.kind()));
            format!("the driver does not answer{}", io.unwrap_or_default())
        }
        _ => "the driver's answer cannot be used".to_owned(),
    }
}

/// A request for a session (WebDriver §8.1).
#[derive(Debug)]
struct New(String);

impl WebDriverCompatibleCommand for New {
    fn endpoint(&self, base: &Url, _: Option<&str>) -> Result<Url, ParseError> {
        base.join("session")
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(format!("{{\"capabilities\":{{\"alwaysMatch\":{}}}}}", self.0)))
    }
}

/// The end of a session (WebDriver §8.2).
#[derive(Debug)]
struct Delete;

impl WebDriverCompatibleCommand for Delete {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::DELETE, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_address_is_the_drivers_own() {
        let url = |text: &str| Url::parse(text).unwrap();
        let at = |offered: &str, webdriver: &str| reachable(url(offered), &url(webdriver)).to_string();
        assert_eq!(at("ws://127.0.0.1:9222/session/1", "http://grid:4444"), "ws://grid:9222/session/1");
        assert_eq!(
            at("ws://localhost:9222/session/1", "http://[2001:db8::1]:4444"),
            "ws://[2001:db8::1]:9222/session/1"
        );
        assert_eq!(at("ws://127.0.0.1:9222/session/1", "http://127.0.0.1:4444"), "ws://127.0.0.1:9222/session/1");
        assert_eq!(at("wss://node.example/session/1", "https://grid"), "wss://node.example/session/1");
    }

    #[test]
    fn commands_begin_where_the_driver_has_them() {
        let at = |text: &str| Way::to(&Webdriver::parse(text).unwrap()).url.to_string();
        assert_eq!(at("http://me:sec%2Fret@grid/wd/hub"), "http://grid/wd/hub/");
        assert_eq!(at("http://127.0.0.1:9515"), "http://127.0.0.1:9515/");
    }

    #[test]
    fn what_a_driver_says_is_cut_to_its_code() {
        let said = |message: &'static str| {
            let error = fantoccini::error::WebDriver::new(ErrorStatus::JavascriptError, message);
            why(&CmdError::Standard(error))
        };
        assert_eq!(said("fill('wonderland-7') is wrong"), "javascript error");
        assert_eq!(said("unknown error: net::ERR_TIMED_OUT for https://a/?code=x"), "javascript error (ERR_TIMED_OUT)");
        let lost = CmdError::Lost(std::io::Error::other("wonderland-7"));
        assert!(!why(&lost).contains("wonderland"));
        assert!(!why(&CmdError::NotJson("wonderland-7".into())).contains("wonderland"));
    }
}
