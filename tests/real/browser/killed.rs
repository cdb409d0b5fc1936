//! `kill -9` of each process in the middle of a login: five seconds later nothing is left of it, and the next run is fine.

use std::time::Duration;

use super::processes::{Found, descendants, folders, gone_within, nothing_is_left};
use super::{assert_good, login, now, on_demand, probe, scene};
use crate::support::authprobe::Daemon;
use crate::support::eventually;
use crate::support::idp::Idp;
use crate::support::scene::Scene;

/// How long what is left may live.
const END: Duration = Duration::from_secs(5);

/// Has a login under way, and does something in the middle of it. The class of the login's fault.
fn in_the_middle(idp: &Idp, daemon: &Daemon, act: impl FnOnce()) -> String {
    let asked = || idp.requests().get("GET /interaction").copied().unwrap_or_default();
    let before = asked();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| now(daemon, "stuck"));
        eventually("a login under way", || (asked() > before).then_some(()));
        act();
        run.join().unwrap().fault()
    })
}

/// One process of the daemon's browser.
fn one(daemon: &Daemon, what: &str, fits: impl Fn(&Found) -> bool) -> u32 {
    let all = descendants(daemon.process.id());
    all.iter().find(|process| fits(process)).unwrap_or_else(|| panic!("no {what} in {all:#?}")).pid
}

fn kill(pid: u32) {
    let status = std::process::Command::new("sh").args(["-c", &format!("kill -s KILL {pid}")]).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_killed_driver_browser_or_keeper_costs_one_run() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    let probes = [login(&scene("plain")), probe("stuck", &format!("timeout = \"25s\"\n{}", scene("hang")))];
    let mut daemon = on_demand(&mut stage, &probes);
    let keeper = |p: &Found| p.command.contains("__keep-browser");
    let driver = |p: &Found| p.command.contains("chromedriver") && p.command.contains("--port=") && !keeper(p);
    let browser = |p: &Found| p.command.contains("--user-data-dir=") && !p.command.contains("--type=") && !driver(p);
    type Fits<'a> = &'a dyn Fn(&Found) -> bool;
    let victims: [(&str, Fits<'_>); 3] = [("driver", &driver), ("browser", &browser), ("keeper", &keeper)];
    for (what, fits) in victims {
        assert_good(&now(&daemon, "login"), what);
        let named = folders(&stage.temporary);
        let running = descendants(daemon.process.id());
        // Keeper, driver, browser, and what the browser starts.
        assert!(named.len() == 1 && running.len() >= 5, "{what}: {named:?} {running:#?}");
        let fault = in_the_middle(&idp, &daemon, || kill(one(&daemon, what, fits)));
        assert_eq!(fault, "browser/monitor at authorize", "{what}");
        // Another browser takes its place at once, in a folder of its own.
        let took = gone_within(END, &running, &stage.temporary, &named);
        println!("{what}: {} processes gone {took:.1?} after the run", running.len());
    }
    assert_good(&now(&daemon, "login"), "the next");
    assert_eq!(daemon.terminate(crate::support::PATIENCE), 0);
    nothing_is_left(&stage.temporary);
}

#[test]
fn a_killed_authprobe_leaves_no_browser() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    stage.every = "100ms";
    stage.regions = "[[region]]\nname = \"north\"\n\n[[region]]\nname = \"south\"\n".into();
    let mut moment = std::process::id();
    for _ in 0..3 {
        let mut daemon = stage.daemon(&login(&scene("plain")));
        daemon.until("authprobe_runs_total", &[], |runs| runs >= 2.0);
        // At any moment of a login.
        moment = moment.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        std::thread::sleep(Duration::from_millis(u64::from(moment >> 23)));
        let (running, named) = (descendants(daemon.process.id()), folders(&stage.temporary));
        assert!(named.len() == 2 && running.len() >= 10, "two browsers: {named:?} {running:#?}");
        daemon.process.signal("KILL");
        daemon.process.wait(END).expect("its end");
        let took = gone_within(END, &running, &stage.temporary, &named);
        println!("authprobe: {} processes gone after {took:.1?}", running.len());
        nothing_is_left(&stage.temporary);
    }
    let (code, run) = super::once(&Scene { regions: "[[region]]\nname = \"direct\"\n".into(), ..stage }, "");
    assert_good(&run, "the next");
    assert_eq!(code, 0);
}

#[test]
fn killed_together_with_its_keepers_the_next_start_clears_up() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    let mut daemon = on_demand(&mut stage, &[login(&scene("plain"))]);
    assert_good(&now(&daemon, "login"), "before");
    let keeper = one(&daemon, "keeper", |p| p.command.contains("__keep-browser"));
    let both = format!("kill -s KILL {} {keeper}", daemon.process.id());
    assert!(std::process::Command::new("sh").args(["-c", &both]).status().unwrap().success());
    daemon.process.wait(END).expect("its end");
    let (code, run) = super::once(&stage, "");
    assert_good(&run, "the next");
    assert_eq!(code, 0);
}

#[test]
fn an_interrupted_login_at_the_prompt_leaves_no_browser() {
    use crate::support::process::Process;
    let idp = Idp::start();
    let stage = Scene::new(&idp);
    let config = stage.config(&login(&scene("hang")));
    for signal in ["INT", "TERM"] {
        let before = idp.requests().get("GET /interaction").copied().unwrap_or_default();
        let mut process = Process::start(env!("CARGO_BIN_EXE_authprobe"), |command| {
            command.args(["probe", "login", "--config"]).arg(&config).envs(stage.environment());
        });
        eventually("a login under way", || {
            (idp.requests().get("GET /interaction").copied().unwrap_or_default() > before).then_some(())
        });
        process.signal(signal);
        let status = process.wait(crate::support::PATIENCE).expect("its end");
        assert_eq!(status.code(), Some(130), "{}", process.output());
        nothing_is_left(&stage.temporary);
    }
}
