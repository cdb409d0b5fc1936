//! What a person meets at the prompt.

use crate::support::authprobe::authprobe;
use crate::support::idp::Idp;
use crate::support::scene::{EVERY_KIND, Scene};
use crate::support::{Folder, net};

#[test]
fn every_mistake_is_told_at_once_and_nothing_starts() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);
    let before = idp.requests();
    let probes = EVERY_KIND
        .replace("rotation = \"required\"", "rotation = \"requird\"")
        .replace("client = \"svc\"", "client = \"scv\"")
        .replace("kind = \"jwks\"", "kind = \"jwk\"")
        .replace("token = \"access\"", "tokn = \"access\"");
    for command in ["check", "run", "probe"] {
        let arguments = if command == "probe" { &["keys"][..] } else { &[] };
        let finished = scene.command(&probes, command, arguments);
        assert_eq!(finished.code, 2, "{command}: {finished:?}");
        for hint in ["required", "svc", "jwks", "token"] {
            assert!(finished.stderr.contains(hint), "{command} does not say {hint}: {}", finished.stderr);
        }
        let file = scene.folder.file("authprobe.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        for mistake in ["requird", "\"scv\"", "\"jwk\"", "tokn"] {
            let line = text.lines().position(|line| line.contains(mistake)).unwrap() + 1;
            let place = format!("authprobe.toml:{line}:");
            assert!(finished.stderr.contains(&place), "{command} does not say {place} {}", finished.stderr);
        }
    }
    assert_eq!(idp.requests(), before, "nothing was probed");
}

#[test]
fn check_prints_the_plan() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);
    let finished = scene.command(EVERY_KIND, "check", &[]);
    assert_eq!(finished.code, 0, "{finished:?}");
    for name in ["discovery", "keys", "machine", "login", "refresh", "revocation", "exchange", "direct"] {
        assert!(finished.stdout.contains(name), "{name} is missing: {}", finished.stdout);
    }
}

#[test]
fn init_writes_a_configuration_that_works() {
    let idp = Idp::start();
    let folder = Folder::new();
    let init = authprobe(&["init", "--issuer", &idp.issuer], &[]);
    assert_eq!(init.code, 0, "{init:?}");
    let file = folder.write("authprobe.toml", &init.stdout);
    let secrets = [("WEB_SECRET", "x"), ("AUTHPROBE_CLIENT_SECRET", "x"), ("AUTHPROBE_PASSWORD", "x")];
    let check = authprobe(&["check", "--config", file.to_str().unwrap()], &secrets);
    assert_eq!(check.code, 0, "{check:?}\n{}", init.stdout);
    assert!(init.stdout.contains(&idp.issuer));

    let nobody = format!("http://127.0.0.1:{}", net::free_port());
    let init = authprobe(&["init", "--issuer", &nobody], &[]);
    assert_eq!((init.code, init.stdout.as_str()), (1, ""), "{init:?}");
}

#[test]
fn probe_draws_the_waterfall() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);
    let finished = scene.command(EVERY_KIND, "probe", &["login"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(!finished.stdout.contains('\u{1b}'), "no colour when it is not a terminal");
    let widest = finished.stdout.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest} columns:\n{}", finished.stdout);
    for word in ["good", "discovery", "token", "userinfo"] {
        assert!(finished.stdout.contains(word), "{word} is missing:\n{}", finished.stdout);
    }
    assert_eq!(scene.command(EVERY_KIND, "probe", &["nobody"]).code, 2);
    assert_eq!(scene.command(EVERY_KIND, "probe", &["login", "--region", "nowhere"]).code, 2);
}
