//! Another process in the place of authprobe, for stories in which it is killed: the test's own program, started once
//! more for the same test, which then plays its part instead.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use authprobe::browser::Settings;

use crate::driver::{Session, impatient, keepers};
use crate::system::{Traces, kill};

/// Says that a part is to be played.
const PLAYS: &str = "AUTHPROBE_TEST_PLAYS";
/// What lines of the play start with, among those of the test harness.
const CUE: &str = "actor: ";

/// What is played.
#[derive(Clone, Copy)]
pub enum Part {
    /// Launches, opens a session, says what there is, stays until it is ended.
    Holds,
    /// Launches a driver that never listens, gives up, stays until it is ended.
    Abandons,
}

/// Plays the part if this process is the actor; returns whether it was.
pub async fn act(part: Part) -> bool {
    if std::env::var_os(PLAYS).is_none() {
        return false;
    }
    match part {
        Part::Holds => {
            let held = keepers().launch(&Settings::default(), None).await.unwrap();
            let _session = Session::open(&held).await;
            println!("\n{CUE}{}", Traces::of(&held).written());
            wait();
        }
        Part::Abandons => {
            let settings = Settings { driver: std::env::var_os("DRIVER").map(Into::into), ..Settings::default() };
            let (keepers, soon) = (impatient(), Duration::from_millis(500));
            let launch = keepers.launch(&settings, None);
            assert!(tokio::time::timeout(soon, launch).await.is_err(), "it listens");
            println!("\n{CUE}abandoned");
            wait();
        }
    }
    true
}

/// Until the test closes our standard input, by word or by its own end.
fn wait() {
    let _ = std::io::stdin().read(&mut [0]);
}

/// The process that plays.
pub struct Actor {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Actor {
    /// Starts this program once more for that test, with a folder of its own for temporary files.
    pub fn start(test: &str, temporary: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(PLAYS, "yes")
            .env("TMPDIR", temporary)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// Waits until it holds a browser.
    pub fn holds(&mut self) -> Traces {
        let line = self.cue();
        Traces::read(&line).unwrap_or_else(|| panic!("{line}"))
    }

    /// Waits until it says so.
    pub fn says(&mut self, expected: &str) {
        assert_eq!(self.cue(), expected);
    }

    fn cue(&mut self) -> String {
        let mut lines = self.output.by_ref().lines().map_while(Result::ok);
        let line = lines.find_map(|line| Some(line.strip_prefix(CUE)?.to_owned()));
        line.expect("a word of the actor before its end")
    }

    /// Stops it: it notices nothing from now on.
    pub fn freeze(&self) {
        kill("STOP", self.child.id().cast_signed());
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As authprobe ends by itself.
    pub fn end(&mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
