//! A Chromium with a page, and the two scripts in a world of their own as WebDriver BiDi runs them.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};

use super::support::Folder;
use super::support::process::Process;

const LOOK: &str = include_str!("../../src/browser/look.js");
const ACT: &str = include_str!("../../src/browser/act.js");
/// How long a look may take that should show something at once (ms).
const PATIENCE: u32 = 20_000;

/// A browser showing a page.
pub struct Stage {
    client: Client,
    /// The isolated world of the page; none: the page's own.
    world: Option<u64>,
    pub url: String,
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

impl Stage {
    /// Shows `body`, in a page whose frames show the other bodies as `/0`, `/1`, ….
    pub async fn with(body: &str, frames: &[&str]) -> Self {
        let page = format!("<!DOCTYPE html><html><head><title>Stage</title></head><body>{body}</body></html>");
        let late = || async {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            ([("content-type", "text/javascript")], "document.body.append('In time')")
        };
        let mut router = Router::new().route("/", get(move || async move { Html(page) }));
        router = router.route("/late.js", get(late)).route("/never.js", get(std::future::pending::<&str>));
        for (number, frame) in frames.iter().enumerate() {
            let frame = format!("<!DOCTYPE html><html><body>{frame}</body></html>");
            router = router.route(&format!("/{number}"), get(move || async move { Html(frame) }));
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });

        let folder = Folder::new();
        let home = folder.path().to_owned();
        let mut driver = Process::start("/usr/bin/chromedriver", |command| {
            command.args(["--port=0"]).env("TMPDIR", &home).env("HOME", &home);
        });
        let port = driver.wait_for("its port", |line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let browser = "/usr/lib/chromium/chromium-headless-shell";
        let options =
            json!({ "binary": browser, "args": ["--no-sandbox", "--disable-dev-shm-usage", "--window-size=900,700"] });
        // Commands do not wait for pages that are still loading: some here never end.
        let strategy = ("pageLoadStrategy".to_owned(), json!("none"));
        let capabilities: Capabilities = [("goog:chromeOptions".to_owned(), options), strategy].into_iter().collect();
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let driver_url = format!("http://127.0.0.1:{port}");
        let client = ClientBuilder::new(connector).capabilities(capabilities).connect(&driver_url).await.unwrap();
        let mut stage = Self { client, world: None, url: url.clone(), _driver: driver, _folder: folder };
        stage.client.goto(&url).await.unwrap();
        stage.arrive(&url).await;
        for _ in 0..2000 {
            if stage.page("return document.readyState").await == "complete" {
                return stage;
            }
        }
        panic!("the page was never complete");
    }

    pub async fn of(body: &str) -> Self {
        Self::with(body, &[]).await
    }

    /// From now on the scripts run apart from those of the page.
    async fn isolate(&mut self) {
        let tree = self.tools("Page.getFrameTree", json!({})).await;
        let frame = &tree["frameTree"]["frame"]["id"];
        let world = self.tools("Page.createIsolatedWorld", json!({ "frameId": frame, "worldName": "authprobe" })).await;
        self.world = world["executionContextId"].as_u64();
        assert!(self.world.is_some(), "{world}");
    }

    /// Goes to another page and does not wait for it.
    pub async fn leave_for(&mut self, path: &str) {
        self.page(&format!("setTimeout(() => {{ location.href = '{path}' }}, 0)")).await;
        let wanted = format!("{}{}", self.url.trim_end_matches('/'), path);
        self.arrive(&wanted).await;
    }

    async fn arrive(&mut self, wanted: &str) {
        for _ in 0..2000 {
            let tree = self.tools("Page.getFrameTree", json!({})).await;
            if tree["frameTree"]["frame"]["url"] == wanted {
                return self.isolate().await;
            }
        }
        panic!("{wanted} never came");
    }

    /// From now on the scripts run among those of the page.
    pub fn mingle(&mut self) {
        self.world = None;
    }

    async fn tools(&self, command: &str, parameters: Value) -> Value {
        self.client.issue_cmd(DevTools(json!({ "cmd": command, "params": parameters }))).await.unwrap()
    }

    /// A script of the page's own.
    pub async fn page(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    async fn run(&self, function: &str, arguments: Vec<Value>) -> Value {
        let Some(world) = self.world else {
            let script = format!("return ({function})(...arguments)");
            return self.client.execute(&script, arguments).await.unwrap();
        };
        let arguments: Vec<Value> = arguments.into_iter().map(|value| json!({ "value": value })).collect();
        let call = json!({
            "functionDeclaration": format!("async function(...a) {{ return ({function})(...a); }}"),
            "executionContextId": world,
            "arguments": arguments,
            "awaitPromise": true,
            "returnByValue": true,
        });
        let answer = self.tools("Runtime.callFunctionOn", call).await;
        assert!(answer.get("exceptionDetails").is_none(), "{answer}");
        answer["result"]["value"].clone()
    }

    /// What is seen that was not under that generation; none after `wait` (ms).
    pub async fn look_within(&self, after: u64, wait: u32) -> Option<Value> {
        let story = self.run(LOOK, vec![json!(after), json!(wait)]).await;
        let story: Value = serde_json::from_str(story.as_str()?).unwrap();
        assert!(story.get("failed").is_none(), "{story}");
        Some(story)
    }

    /// What is seen now.
    pub async fn look(&self) -> Value {
        self.look_within(0, PATIENCE).await.expect("something is seen")
    }

    /// What is seen once it is not that any more.
    pub async fn look_after(&self, story: &Value) -> Value {
        let after = story["generation"].as_u64().unwrap();
        self.look_within(after, PATIENCE).await.expect("something new is seen")
    }

    pub async fn act(&self, operation: &str, mark: u64, words: &str) -> String {
        let answer = self.run(ACT, vec![json!(operation), json!(mark), json!(words)]).await;
        answer.as_str().unwrap_or_else(|| panic!("{operation}: {answer}")).to_owned()
    }

    /// Where to press.
    pub async fn point(&self, mark: u64) -> Value {
        serde_json::from_str(&self.act("point", mark, "").await).unwrap()
    }

    /// The picture of the window: width, and four bytes a pixel.
    pub async fn picture(&self) -> Picture {
        let png = self.client.screenshot().await.unwrap();
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(frame.color_type, png::ColorType::Rgba);
        Picture { width: frame.width as usize, pixels }
    }

    /// Where an element is in the window: left, top, right, bottom.
    pub async fn place(&self, script: &str) -> [usize; 4] {
        let script = format!("const b = ({script}).getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]");
        let edges = self.page(&script).await;
        [0, 1, 2, 3].map(|edge| edges[edge].as_f64().unwrap().max(0.0) as usize)
    }
}

/// A screenshot.
pub struct Picture {
    width: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// How many colours there are within these edges.
    pub fn colours(&self, [left, top, right, bottom]: [usize; 4]) -> usize {
        assert!(right > left + 2 && bottom > top + 2, "nothing to see");
        let pixel = |x: usize, y: usize| &self.pixels[(y * self.width + x) * 4..][..4];
        let all = (top + 1..bottom - 1).flat_map(|y| (left + 1..right - 1).map(move |x| pixel(x, y)));
        all.collect::<std::collections::HashSet<_>>().len()
    }
}

/// The HTML of a story.
pub fn html(story: &Value) -> &str {
    story["html"].as_str().unwrap()
}

/// The tag of the element with that id, as it is in the snapshot.
pub fn tag<'a>(story: &'a Value, id: &str) -> &'a str {
    let html = html(story);
    let at = html.find(&format!(" id=\"{id}\"")).unwrap_or_else(|| panic!("#{id} is not in {html}"));
    let start = html[..at].rfind('<').unwrap();
    let end = html[at..].find('>').unwrap() + at;
    &html[start..=end]
}

/// The mark of the element with that id.
pub fn mark(story: &Value, id: &str) -> u64 {
    let tag = tag(story, id);
    let (_, rest) = tag.split_once(" data-authprobe=\"").unwrap_or_else(|| panic!("no mark: {tag}"));
    rest.split('"').next().unwrap().parse().unwrap()
}

/// Whether a person sees the element with that id, as the snapshot says.
pub fn seen(story: &Value, id: &str) -> bool {
    !tag(story, id).contains(" data-authprobe-hidden")
}
