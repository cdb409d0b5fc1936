//! A Chromium that looks at pages: how wide it is, which colours it prefers, what axe-core and its console say.

use std::path::PathBuf;

use base64::Engine as _;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};

use crate::support::process::Process;
use crate::support::{Folder, installed};

/// See the module.
pub struct Eyes {
    pub client: Client,
    _driver: Process,
    _folder: Folder,
}

/// A command of the DevTools protocol.
#[derive(Debug)]
struct DevTools(Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}

/// What the console holds since it was asked last.
#[derive(Debug)]
struct Console;

impl WebDriverCompatibleCommand for Console {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

impl Eyes {
    /// Opens them.
    pub async fn open() -> Self {
        let folder = Folder::new();
        let home = folder.path().to_owned();
        let mut driver = Process::start("chromedriver", |command| {
            command.args(["--port=0"]).env("TMPDIR", &home).env("HOME", &home);
        });
        let port = driver.wait_for("its port", |line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let options = json!({
            "binary": "/usr/lib/chromium/chromium-headless-shell",
            "args": ["--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"],
        });
        let capabilities: Capabilities =
            [("goog:chromeOptions".to_owned(), options), ("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }))]
                .into_iter()
                .collect();
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let url = format!("http://127.0.0.1:{port}");
        let client = ClientBuilder::new(connector).capabilities(capabilities).connect(&url).await.unwrap();
        Self { client, _driver: driver, _folder: folder }
    }

    async fn tools(&self, command: &str, parameters: Value) -> Value {
        self.client.issue_cmd(DevTools(json!({ "cmd": command, "params": parameters }))).await.unwrap()
    }

    /// From now on the window is so wide, and prefers light or dark.
    pub async fn adapt(&self, width: u32, dark: bool) {
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.tools("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.tools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Whether pages may run scripts, from the next one on.
    pub async fn allow_scripts(&self, allow: bool) {
        self.tools("Emulation.setScriptExecutionDisabled", json!({ "value": !allow })).await;
    }

    /// Goes to a page.
    pub async fn see(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// What a script says, which may be a promise's value.
    pub async fn ask(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// The text that a person reads of an element.
    pub async fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({selector:?})?.innerText ?? ''");
        self.ask(&script).await.as_str().unwrap_or_default().to_owned()
    }

    /// What axe-core finds wrong, a line each.
    pub async fn axe(&self) -> Vec<String> {
        let source = std::fs::read_to_string(installed("tests/page/npm/node_modules/axe-core/axe.min.js")).unwrap();
        // As the page's own script its policy would forbid it.
        let loaded = self.tools("Runtime.evaluate", json!({ "expression": source })).await;
        assert!(loaded.get("exceptionDetails").is_none(), "{loaded}");
        let run = "axe.run(document, { resultTypes: ['violations'] }).then(r => JSON.stringify(r.violations.flatMap(v => \
                   v.nodes.map(n => `${v.id} (${v.impact}): ${n.target.join(' ')}: ${n.failureSummary}`))))";
        let answer = self
            .tools("Runtime.evaluate", json!({ "expression": run, "awaitPromise": true, "returnByValue": true }))
            .await;
        let text = answer["result"]["value"].as_str().unwrap_or_else(|| panic!("axe said {answer}"));
        serde_json::from_str(text).unwrap()
    }

    /// What the console has said since it was asked last: errors, and what a policy forbade.
    pub async fn console(&self) -> Vec<String> {
        let lines = self.client.issue_cmd(Console).await.unwrap();
        let lines = lines.as_array().cloned().unwrap_or_default();
        lines.iter().map(|line| format!("{} {}", line["level"], line["message"])).collect()
    }

    /// How much wider the page is than the window (CSS pixels).
    pub async fn overflow(&self) -> i64 {
        self.ask("return document.documentElement.scrollWidth - window.innerWidth").await.as_i64().unwrap()
    }

    /// The first elements that stand out of the window and are in none that scrolls by itself.
    pub async fn too_wide(&self) -> String {
        let script = "return [...document.querySelectorAll('main *, header *, footer *')].filter(e => \
                      e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.wide')).slice(0, 5)\
                      .map(e => e.outerHTML.slice(0, 160)).join(' | ')";
        self.ask(script).await.as_str().unwrap_or_default().to_owned()
    }

    /// A picture of the whole page, for people.
    pub async fn picture(&self, name: &str) -> PathBuf {
        let shot =
            self.tools("Page.captureScreenshot", json!({ "captureBeyondViewport": true, "format": "png" })).await;
        let png = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}.png"));
        std::fs::write(&file, png).unwrap();
        file
    }

    /// Presses a key, such as `\u{E004}` for Tab.
    pub async fn press(&self, key: &str) {
        let code = match key {
            "Tab" => json!({ "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9 }),
            other => json!({ "key": other, "code": other }),
        };
        for kind in ["rawKeyDown", "keyUp"] {
            let mut event = code.clone();
            event["type"] = kind.into();
            self.tools("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Closes them.
    pub async fn close(self) {
        self.client.close().await.unwrap();
    }
}
