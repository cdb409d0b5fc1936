//! Child processes.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::{PATIENCE, within};

/// Everything that a process has written, line by line.
#[derive(Default)]
struct Written {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

/// A process with all its children: they end when it is dropped, and when the test's process is killed.
pub struct Process {
    name: String,
    child: Child,
    written: Arc<Written>,
}

impl Process {
    /// Starts `program` in a process group of its own, reading what it writes.
    pub fn start(program: &str, configure: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", program]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        configure(&mut command);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        let written = Arc::<Written>::default();
        // What was sent elsewhere is read there.
        if let Some(stdout) = child.stdout.take() {
            collect(stdout, &written);
        }
        if let Some(stderr) = child.stderr.take() {
            collect(stderr, &written);
        }
        let name = program.rsplit('/').next().unwrap_or(program).to_owned();
        Self { name, child, written }
    }

    /// Waits for a line that `pick` makes something of. Fails the test when none comes, or the process ends before.
    pub fn wait_for<T>(&mut self, what: &str, pick: impl Fn(&str) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        let mut seen = 0;
        let mut lines = self.written.lines.lock().unwrap();
        loop {
            if let Some(found) = lines[seen..].iter().find_map(|line| pick(line)) {
                return found;
            }
            seen = lines.len();
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > end {
                let (name, all) = (&self.name, lines.join("\n"));
                // What else it writes is shown when it is dropped.
                drop(lines);
                panic!("{name} never wrote {what} (ended: {ended:?}). It wrote:\n{all}");
            }
            lines = self.written.more.wait_timeout(lines, Duration::from_millis(100)).unwrap().0;
        }
    }

    /// Everything written so far.
    pub fn output(&self) -> String {
        self.written.lines.lock().unwrap().join("\n")
    }

    /// The process id, which is its group's as well.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process alone.
    pub fn signal(&self, name: &str) {
        kill(name, &self.id().to_string());
    }

    /// Whether it runs still.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub fn wait(&mut self, time: Duration) -> Option<ExitStatus> {
        within(time, || self.child.try_wait().unwrap())
    }

    /// Ends it and its children at once.
    pub fn kill(&mut self) {
        if self.is_running() {
            kill("KILL", &format!("-{}", self.id()));
        }
        self.child.wait().ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Children may outlive the process itself: the group is ended in any case.
        kill("KILL", &format!("-{}", self.id()));
        self.child.wait().ok();
        if std::thread::panicking() {
            let output = self.output();
            let tail = output.lines().rev().take(60).collect::<Vec<_>>();
            eprintln!("--- {} wrote:", self.name);
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

fn collect(from: impl Read + Send + 'static, to: &Arc<Written>) {
    let to = to.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            to.lines.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
            to.more.notify_all();
        }
        to.more.notify_all();
    });
}

fn kill(signal: &str, target: &str) {
    // The shell's own: not every machine has the program.
    let script = format!("kill -s {signal} -- {target}");
    Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status().unwrap();
}
