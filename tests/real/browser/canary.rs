//! Whatever a browser is given or gets to see is nowhere in what authprobe shows, nor in what it leaves on the machine
//! while it works: passwords, seeds, passkeys, codes, tokens, cookies.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use super::{now, probe, processes, scene};
use crate::canary::assert_nowhere;
use crate::support::collector::Collector;
use crate::support::idp::{Idp, Options};
use crate::support::scene::Scene;
use crate::support::{PATIENCE, eventually};

const PASSWORD: &str = "pl@nted/pass word+7&=é";
const WRONG: &str = "an0ther planted/password";
const CLIENT: &str = "planted+client/secret%3D 42";
const SEED: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
/// A file of a browser larger than that holds no text of ours.
const MAX_FILE: u64 = 16 << 20;

fn users() -> String {
    let user = |name: &str, password: &str, more: &str| {
        format!(
            "[[user]]\nname = \"{name}\"\nusername = \"{}\"\npassword = {{ file = \"{password}\" }}\n{more}\n",
            if name == "wrong" { "alice" } else { name }
        )
    };
    [
        user("wrong", "wrong.password", ""),
        user("tess", "alice.password", "totp = { file = \"tess.totp\" }"),
        user("kay", "alice.password", "passkey = { file = \"kay.passkey\" }"),
    ]
    .concat()
}

/// Ends the watch, also where an assertion fails: who waits for it would wait for ever.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What other users of the machine can see of running processes: command lines; and, of ours, the environment.
fn watch(of: u32, until: &AtomicBool) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    while !until.load(Ordering::Relaxed) {
        for process in processes::descendants(of) {
            let environment = std::fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
            seen.insert(process.command);
            seen.insert(String::from_utf8_lossy(&environment).replace('\0', "\n"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    seen
}

/// All that is in the files of a folder, as text.
fn files(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            files(&entry.path(), into);
        } else if kind.is_file() {
            let mut bytes = Vec::new();
            let opened = std::fs::File::open(entry.path());
            opened.map(|file| file.take(MAX_FILE).read_to_end(&mut bytes)).ok();
            into.push_str(&format!("{}\n{}\n", entry.path().display(), String::from_utf8_lossy(&bytes)));
        }
    }
}

#[test]
fn nothing_secret_leaves_through_a_browser() {
    let users_there =
        json!({ "alice": PASSWORD, "kay": PASSWORD, "tess": { "password": PASSWORD, "totp": SEED } }).to_string();
    let environment = [("USERS", users_there.as_str()), ("CLIENT_SECRET", CLIENT)];
    let idp = Idp::with(&Options { name: Some("localhost"), environment: &environment, ..Options::default() });
    let collector = Collector::start();
    let mut stage = Scene::new(&idp);
    let passkey = idp.control("POST", "/passkeys", &json!({ "user": "kay" }));
    for (file, content) in [("alice.password", PASSWORD), ("wrong.password", WRONG), ("tess.totp", SEED)] {
        stage.folder.write(file, content);
    }
    stage.folder.write("kay.passkey", &passkey.to_string());
    (stage.web_secret, stage.svc_secret) = (CLIENT.into(), CLIENT.into());
    let telemetry = format!(
        "[telemetry]\notlp_endpoint = \"{}\"\ninterval = \"1s\"\npropagate_traceparent = true\n",
        collector.url
    );
    stage.more = format!("{}{telemetry}[browser]\nmax_sessions = 1\n", users());

    let of = |name: &str, user: &str, scenes: &str| {
        probe(name, &format!("timeout = \"60s\"\n{}", scene(scenes))).replace("\"alice\"", &format!("\"{user}\""))
    };
    let cases = [
        of("chatty", "alice", "chatty"),
        probe("posted", "timeout = \"60s\"\nresponse_mode = \"form_post\""),
        of("totp", "tess", "live-two-step"),
        of("passkey", "kay", "passkey"),
        of("echo", "alice", "echo"),
        of("wrong", "wrong", "plain"),
    ];
    stage.every = "366d";
    let probes = cases.join("\n");
    let mut daemon = stage.daemon_with(&probes, &[("RUST_LOG", "trace")]);
    let (over, mut shown) = (AtomicBool::new(false), Vec::new());
    let commands = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(daemon.process.id(), &over));
        let ends = Over(&over);
        for (name, verdict) in [
            ("chatty", "good"),
            ("posted", "good"),
            ("totp", "good"),
            ("passkey", "good"),
            ("echo", "inconclusive"),
            ("wrong", "inconclusive"),
        ] {
            let run = now(&daemon, name);
            assert_eq!(run.verdict(), verdict, "{name}: {:#}", run.0);
            shown.push(("answer of a run", run.0.to_string()));
            let mut written = String::new();
            files(Path::new(&stage.temporary), &mut written);
            shown.push(("temporary files", written));
        }
        drop(ends);
        watching.join().unwrap()
    });
    assert!(commands.iter().any(|command| command.contains("--user-data-dir")), "{commands:?}");
    shown.push(("command lines and environments", Vec::from_iter(commands).join("\n")));

    for name in ["chatty", "posted", "totp", "passkey", "echo", "wrong"] {
        shown.extend(daemon.runs(name).iter().map(|run| ("API run", run.0.to_string())));
        shown.push(("API runs", daemon.get(&format!("/api/v1/probes/{name}/runs")).body));
    }
    let echo = &daemon.runs("echo")[0];
    let evidence = &echo.0["browser"]["evidence"];
    for part in ["outline", "console", "screenshot_bytes", "url", "title"] {
        assert!(!evidence[part].is_null(), "no {part} was kept of the page that shows it all: {evidence:#}");
    }
    shown.push(("screenshot", daemon.get(&format!("/api/v1/runs/{}/screenshot", echo.trace())).body));
    for path in ["/", "/metrics", "/api/v1/probes", "/api/v1/regions"] {
        shown.push(("page", daemon.get(path).body));
    }
    eventually("spans of a failed run", || collector.output().contains("STATUS_CODE_ERROR").then_some(()));
    assert_eq!(daemon.terminate(PATIENCE), 0);
    shown.push(("traces and metrics", collector.output()));
    shown.push(("logs", daemon.process.output()));

    for arguments in [&["echo"][..], &["echo", "--json"], &["wrong"], &["chatty"]] {
        let finished = stage.command(&probes, "probe", arguments);
        shown.extend([("probe", finished.stdout), ("stderr", finished.stderr)]);
    }

    let mut secrets = idp.secrets();
    let seen = secrets.len();
    assert!(seen > 40, "the provider saw only {seen} secrets");
    secrets.extend([PASSWORD, WRONG, CLIENT, SEED].map(str::to_owned));
    secrets.push(passkey["privateKey"].as_str().unwrap().to_owned());
    assert_nowhere(&secrets, &shown);
    processes::nothing_is_left(&stage.temporary);
}
