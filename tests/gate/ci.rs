//! The commands of docs/ci.md, run as they stand there.

use std::process::Command;
use std::time::Duration;

use crate::stage::BINARY;
use crate::support::process::Process;
use crate::support::{Folder, net, repository};

/// The commands of its `sh` blocks as one script. Each command must end with 0, or with the status that a comment beside it
/// begins with; what is in the background is ended with the script.
fn script(text: &str) -> (String, usize) {
    let mut out = String::from("set -u\ntrap 'kill $(jobs -p)' EXIT\nexpect() {\n");
    out.push_str("  [ \"$1\" = \"$2\" ] || { echo \"status $2 where $1 is promised: $3\"; exit 1; }\n}\n");
    let mut commands = 0;
    for block in text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        let mut here = false;
        for line in block.lines() {
            if here || line.ends_with("<<'END'") {
                here = line != "END";
                out.push_str(&format!("{line}\n"));
                continue;
            }
            let (command, comment) = line.split_once(" # ").unwrap_or((line, ""));
            let promised = comment.split(':').next().unwrap().trim().parse::<u8>().unwrap_or(0);
            out.push_str(&format!("{command}\n"));
            if !command.trim_end().ends_with('&') && !command.starts_with("export ") {
                out.push_str(&format!("expect {promised} $? '{}'\n", command.replace('\'', "")));
                commands += 1;
            }
        }
    }
    (out + "echo all is as promised\n", commands)
}

#[test]
fn its_commands_do_what_it_says() {
    let text = std::fs::read_to_string(repository().join("docs/ci.md")).unwrap();
    let (script, commands) = script(&text);
    assert!(commands >= 11, "{commands}: {script}");
    // Others may listen where the page does.
    let (lab, daemon) = (net::free_port().to_string(), net::free_port().to_string());
    let script = script.replace("127.0.0.1:9480", &format!("127.0.0.1:{lab}"));
    let script = script.replace("127.0.0.1:9464", &format!("127.0.0.1:{daemon}"));
    let folder = Folder::new();
    let file = folder.write("ci.sh", &script);
    // By its own name, as readers have it.
    Command::new("ln").args(["-s", BINARY]).arg(folder.file("authprobe")).status().unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut shell = Process::start("bash", |command| {
        command.arg(&file).current_dir(folder.path()).env("PATH", path).env_remove("SERVICE_SECRET");
    });
    let status = shell.wait(Duration::from_secs(180)).expect("an end");
    assert!(status.success() && shell.output().contains("all is as promised"), "{}", shell.output());
    for file in ["smoke.json", "smoke.xml", "gate.json"] {
        assert!(folder.file(file).exists(), "{file}");
    }
}
