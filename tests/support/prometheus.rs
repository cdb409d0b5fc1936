//! A real Prometheus.

use serde_json::Value;

use super::process::Process;
use super::{Folder, eventually, net};

/// One that scrapes a daemon every second.
pub struct Prometheus {
    process: Process,
    url: String,
    _folder: Folder,
}

impl Prometheus {
    /// Starts it; `target` is `host:port`.
    pub fn scraping(target: &str) -> Self {
        Self::start(target, 1, "")
    }

    /// With a file of rules; scrapes every other second, so that a busy machine has time to answer.
    #[allow(dead_code)] // Of tests/gate.rs.
    pub fn with_rules(target: &str, rules: &std::path::Path) -> Self {
        Self::start(target, 2, &format!("rule_files: ['{}']\n", rules.display()))
    }

    /// With the rules that `authprobe rules` writes for this configuration, as they are, but evaluated every other second in
    /// place of every 30 s.
    #[allow(dead_code)] // Of tests/real/dashboards.
    pub fn with_rules_of(config: &std::path::Path, environment: &[(&str, &str)], target: &str) -> Self {
        let folder = Folder::new();
        let [config, out] = [config, folder.path()].map(|path| path.to_str().unwrap());
        let made = super::authprobe::authprobe(&["rules", "-c", config, "--output", out], environment);
        assert_eq!(made.code, 0, "{made:?}");
        let file = folder.file("authprobe.rules.yml");
        let rules = std::fs::read_to_string(&file).unwrap();
        assert!(rules.contains("interval: 30s"));
        std::fs::write(&file, rules.replace("interval: 30s", "interval: 2s")).unwrap();
        // It reads them at its start.
        Self::with_rules(target, &file)
    }

    fn start(target: &str, seconds: u32, more: &str) -> Self {
        let (folder, port) = (Folder::new(), net::free_port());
        let file = folder.write(
            "prometheus.yml",
            &format!(
                "global: {{scrape_interval: {seconds}s}}\n\
                 scrape_configs: [{{job_name: authprobe, static_configs: [{{targets: ['{target}']}}]}}]\n{more}"
            ),
        );
        let process = Process::start("prometheus", |command| {
            command.arg(format!("--config.file={}", file.display()));
            command.arg(format!("--storage.tsdb.path={}", folder.file("data").display()));
            command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
            command.arg("--enable-feature=exemplar-storage");
        });
        let url = format!("http://127.0.0.1:{port}");
        eventually("a Prometheus that is ready", || {
            net::get(&format!("{url}/-/ready")).filter(|answer| answer.status == 200)
        });
        Self { process, url, _folder: folder }
    }

    /// Where it serves.
    #[allow(dead_code)] // Of tests/gate.rs.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Evaluates an expression now: each result's labels and value.
    pub fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let encoded = url::form_urlencoded::byte_serialize(expression.as_bytes()).collect::<String>();
        let answer = self.api(&format!("query?query={encoded}"));
        let read = |result: &Value| (result["metric"].clone(), result["value"][1].as_str().unwrap().parse().unwrap());
        answer["result"].as_array().unwrap().iter().map(read).collect()
    }

    /// Asks until the expression has a result that is not zero.
    pub fn eventually(&self, expression: &str) -> Vec<(Value, f64)> {
        eventually(expression, || Some(self.query(expression)).filter(|r| r.iter().any(|(_, value)| *value != 0.0)))
    }

    /// The data of an API call, which must succeed.
    pub fn api(&self, call: &str) -> Value {
        let answer = net::get(&format!("{}/api/v1/{call}", self.url)).expect("Prometheus answers");
        let mut json = answer.json();
        assert_eq!(json["status"], "success", "{call}: {json}");
        json["data"].take()
    }

    /// What it logged.
    pub fn output(&self) -> String {
        self.process.output()
    }
}
