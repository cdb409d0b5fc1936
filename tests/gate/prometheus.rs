use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use serde_json::json;

use crate::stage::{Gate, Stage, gate};
use crate::support::authprobe::authprobe;
use crate::support::prometheus::Prometheus;

const PRESENT: &str = "count(slo:authprobe_slo_present:ratio == 1) == 2";

/// A Prometheus that scrapes the stage's daemon with its rules, evaluated every second in place of every 30 s.
fn prometheus(stage: &Stage) -> Prometheus {
    let config = stage.folder.file("authprobe.toml");
    let out = stage.folder.path().join("rules");
    let made = authprobe(&["rules", "-c", config.to_str().unwrap(), "--output", out.to_str().unwrap()], &[]);
    assert_eq!(made.code, 0, "{made:?}");
    let file = out.join("authprobe.rules.yml");
    let rules = std::fs::read_to_string(&file).unwrap();
    assert!(rules.contains("interval: 30s"));
    std::fs::write(&file, rules.replace("interval: 30s", "interval: 1s")).unwrap();
    Prometheus::with_rules(&stage.listen, &file)
}

fn watch(prometheus: &Prometheus, arguments: &[&str]) -> Gate {
    gate(&[&["--prometheus", prometheus.url()], arguments].concat())
}

#[test]
fn from_good_to_one_failure_to_broken() {
    let stage = Stage::new();
    let daemon = stage.daemon();
    let prometheus = prometheus(&stage);
    prometheus.eventually(PRESENT);

    let good = watch(&prometheus, &["--watch", "8s"]);
    assert_eq!((good.code, good.whys()), (0, vec![]), "{good:?}");
    let slo = good.slo("tokens");
    assert_eq!(
        (&slo["provider"], &slo["objective"], &slo["min_coverage"]),
        (&json!("lab"), &json!("99%"), &json!(0.5))
    );
    let judged = slo["counts"]["good"].as_u64().unwrap();
    assert!((2..=15).contains(&judged), "what was judged before does not count: {judged}");

    stage.break_tokens(json!({ "count": 1 }));
    daemon.until("authprobe_slo_errors_total", &["slo=\"tokens\""], |errors| errors == 1.0);
    let one = watch(&prometheus, &["--since", "10s", "--watch", "18s", "--slo", "tokens"]);
    assert_eq!((one.code, one.whys()), (0, vec![]), "{one:?}");
    assert_eq!(one.slo("tokens")["counts"]["bad"], 1, "{one:?}");

    stage.break_tokens(json!({}));
    let broken = watch(&prometheus, &["--watch", "10m", "--slo", "tokens"]);
    assert_eq!(broken.code, 1, "{broken:?}");
    let cause = &broken.slo("tokens")["cause"];
    assert_eq!((&cause["class"], &cause["step"]), (&json!("http_status"), &json!("token")), "{broken:?}");

    // The outage of one probe's step is the provider's.
    prometheus.eventually("ALERTS{alertname=\"AuthOutage\", alertstate=\"firing\"}");
    let outage = watch(&prometheus, &["--since", "3m", "--watch", "10m", "--slo", "key-set"]);
    assert_eq!((outage.code, outage.whys()), (1, vec!["alert"]), "{outage:?}");
    let text = outage.report["alerts"].to_string();
    assert!(text.contains("AuthOutage") && text.contains("Evidence"), "{text}");
    let before = watch(&prometheus, &["--watch", "3s", "--slo", "key-set"]);
    assert_eq!((before.code, before.whys()), (1, vec!["broken_before"]), "{before:?}");

    let wrong = watch(&prometheus, &["--slo", "token"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("did you mean `tokens`?"), "{wrong:?}");
    let marked = gate(&[
        "--prometheus",
        prometheus.url(),
        "--server",
        &stage.url(),
        "--deployment",
        "seven",
        "--watch",
        "2s",
        "--slo",
        "key-set",
    ]);
    assert_eq!(
        (&marked.report["deployment"]["id"], &marked.report["source"]["kind"]),
        (&json!("seven"), &json!("prometheus"))
    );
    assert_eq!(daemon.get("/api/v1/deployments").json()["deployments"][0]["id"], "seven");
}

#[test]
fn what_was_not_measured_and_a_daemon_that_is_gone_cannot_be_told() {
    let stage = Stage::new();
    let mut daemon = stage.daemon();
    let prometheus = prometheus(&stage);
    prometheus.eventually(PRESENT);
    assert_eq!(daemon.post("/api/v1/pause").status, 200);
    let paused = watch(&prometheus, &["--watch", "8s"]);
    assert_eq!((paused.code, paused.whys()), (3, vec!["coverage", "coverage"]), "{paused:?}");
    daemon.process.kill();
    prometheus.eventually("count(slo:authprobe_slo_present:ratio == 0) == 2");
    let gone = watch(&prometheus, &["--watch", "5s", "--patience", "5s"]);
    assert_eq!(gone.code, 3, "{gone:?}");
}

#[test]
fn without_our_rules_it_cannot_be_told() {
    let stage = Stage::new();
    let _daemon = stage.daemon();
    let prometheus = Prometheus::scraping(&stage.listen);
    prometheus.eventually("count(authprobe_slo_info)");
    let gate = watch(&prometheus, &["--watch", "2s"]);
    assert_eq!(gate.code, 3, "{gate:?}");
    assert!(gate.report["reason"].as_str().unwrap().contains("`authprobe rules`"), "{gate:?}");
}

/// What stands before Prometheus asks for a token; Prometheus itself knows none.
#[test]
fn its_token_is_sent_and_a_refusal_is_a_mistake() {
    let folder = crate::support::Folder::new();
    let token = folder.write("token", "prometheus-canary\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/prom", listener.local_addr().unwrap());
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head: Vec<String> = BufReader::new(stream.try_clone().unwrap())
            .lines()
            .map_while(Result::ok)
            .take_while(|l| !l.is_empty())
            .collect();
        stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        head
    });
    let gate = gate(&["--prometheus", &url, "--watch", "2s", "--prometheus-token-file", token.to_str().unwrap()]);
    let head = heard.join().unwrap();
    assert!(head[0].starts_with("GET /prom/api/v1/query?query=time"), "{head:?}");
    let bearer = head.iter().any(|line| line.eq_ignore_ascii_case("authorization: Bearer prometheus-canary"));
    assert!(bearer, "{head:?}");
    assert_eq!(gate.code, 2, "{gate:?}");
    assert!(gate.stderr.contains("--prometheus-token-file") && !gate.stderr.contains("canary"), "{}", gate.stderr);
}
