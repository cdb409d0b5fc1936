//! `authprobe lab`, the command.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

fn authprobe(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_authprobe"));
    command.arg("lab").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = authprobe(arguments).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn bad_usage_starts_nothing() {
    for (arguments, says) in [
        (&["--listen", "0.0.0.0:0"][..], "0.0.0.0:0 is not a loopback address"),
        (&["--listen", "9480"], "not an address like 127.0.0.1:9480"),
        (&["--listen", "127.0.0.1:0", "--fault", "htp_500"], "did you mean `http_500`?"),
        (&["--listen", "127.0.0.1:0", "--fault", "latency=soon"], "`delay_ms` is a whole number"),
        (&["--listen", "127.0.0.1:0", "--issuer", "ftp://x"], "must be http or https"),
    ] {
        let (code, stderr) = refused(arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    }
}

#[test]
fn faults_are_listed() {
    let output = authprobe(&["--list-faults"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let list = String::from_utf8(output.stdout).unwrap();
    assert!(authprobe::lab::fault::all().all(|fault| list.lines().any(|line| line == fault.name)));
}

#[tokio::test]
async fn it_announces_itself_and_stops_on_a_signal() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut lab =
        authprobe(&["--listen", "127.0.0.1:0", "--fault", "hang=jwks", "--fault", "http_500=endpoint:userinfo"])
            .spawn()
            .unwrap();
    let mut lines = BufReader::new(lab.stdout.take().unwrap()).lines();
    let issuer =
        lines.find_map(|line| line.unwrap().trim().strip_prefix("issuer").map(|i| i.trim().to_owned())).unwrap();
    let rest: Vec<_> = lines.by_ref().map_while(|line| line.ok().filter(|l| !l.contains("rotate"))).collect();
    let rest = rest.join("\n");
    for told in ["alice / wonderland-7", "web / web-secret", "svc / svc-secret", "spa (public)", "hang=jwks"] {
        assert!(rest.contains(told), "{told}: {rest}");
    }
    let get = async |path: &str| reqwest::get(format!("{issuer}{path}")).await;
    assert_eq!(get("/userinfo").await.unwrap().status().as_u16(), 500);
    assert_eq!(get("/.well-known/openid-configuration").await.unwrap().status().as_u16(), 200);
    let (hanging, ()) = tokio::join!(get("/jwks"), async {
        // Give the hanging request time to arrive; whether it did makes no difference to what is asked here.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let stopped = Command::new("kill").args(["-TERM", &lab.id().to_string()]).status().unwrap();
        assert!(stopped.success());
    });
    assert!(hanging.is_err(), "a hanging request is never answered");
    let status = lab.wait().unwrap();
    assert_eq!(status.code(), Some(130), "interrupted, after cleaning up");
    let mut errors = String::new();
    lab.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(!errors.contains("panicked"), "{errors}");
}
