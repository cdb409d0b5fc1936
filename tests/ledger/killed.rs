//! kill -9 at any moment: what was called kept is there, and no counter that was shown goes back.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use authprobe::alert::{Alert, State};
use authprobe::clock::{Clock, Timestamp};
use authprobe::detect;
use authprobe::outcome::{Id, Verdict};
use authprobe::sink::metrics::counters::Kept;
use authprobe::sink::metrics::{Format, Metrics};
use authprobe::store::{Batch, CounterValue, Feed, Store};

use crate::stage::{self, Folder, ask, block, detector, open, tally};
use crate::support_outcome::{check, failed_in_browser, outcome};

/// Says where the child's ledger is; without it [`child`] is no test.
const FILE: &str = "AUTHPROBE_TEST_LEDGER";
const HOUR: i64 = 480_000;
const KILLS: usize = 20;

/// Hands over something of every sort in each round, all with the round's number.
struct Work {
    round: AtomicU64,
    store: OnceLock<Store>,
    metrics: Arc<Metrics>,
}

impl Feed for Work {
    fn collect(&self) -> Batch {
        let round = self.round.fetch_add(1, Ordering::SeqCst) + 1;
        let check = check("login", "eu");
        let mut run = if round.is_multiple_of(3) { failed_in_browser(&check, "x") } else { outcome(&check) };
        run.start = run.start + Duration::from_secs(round);
        run.trace_id = Id(u128::from(round).to_be_bytes());
        self.store.get().unwrap().outcome(&Arc::new(run));
        Batch {
            blocks: (0..20).map(|n| block(&format!("slo {n}"), HOUR + n, &[(7, tally(round, 1))])).collect(),
            counters: self.metrics.changed_counters().into_iter().map(stored).collect(),
            alerts: Some(vec![alert(round)]),
            detectors: Some(detectors(round)),
            ..Batch::default()
        }
    }

    fn kept(&self, ok: bool) {
        assert!(ok, "{:?}", self.store.get().unwrap().failing());
        self.metrics.counters_kept();
        println!("kept {}", self.round.load(Ordering::SeqCst));
    }
}

fn stored(Kept { name, labels, value, since }: Kept) -> CounterValue {
    CounterValue { name, labels, value, since_nanos: since.as_nanos() }
}

fn restored(CounterValue { name, labels, value, since_nanos }: CounterValue) -> Kept {
    Kept { name, labels, value, since: Timestamp::from_nanos(since_nanos) }
}

fn alert(round: u64) -> Alert {
    Alert {
        labels: [("alertname".to_owned(), "A".to_owned())].into(),
        annotations: Default::default(),
        state: State::Firing,
        active_nanos: 1,
        fired_nanos: Some(round as i64),
        cleared_nanos: None,
    }
}

/// Fewer and more from round to round: what goes must not come back.
fn detectors(round: u64) -> Vec<detect::Kept> {
    (0..round % 4).map(|n| detector("main", &format!("step {n}"), &format!(r#"{{"round":{round}}}"#))).collect()
}

/// What `/metrics` shows of the only counter that counts here.
fn shown(metrics: &Metrics) -> u64 {
    let text = String::from_utf8(metrics.render(Format::Prometheus)).unwrap();
    let line = text.lines().find(|line| line.contains(r#"reason="late""#)).unwrap();
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// The process that is killed.
#[test]
fn child() {
    let Ok(path) = std::env::var(FILE) else { return };
    let (store, opened) = Store::open(&stage::settings(Path::new(&path)), Clock::manual(stage::NOW)).unwrap();
    let metrics = Metrics::new("test");
    metrics.declare(&[check("login", "eu")]);
    metrics.keep_counters();
    metrics.restore_counters(opened.counters.into_iter().map(restored));
    let begin = opened.alerts.first().map_or(0, |alert| alert.fired_nanos.unwrap() as u64);
    let work = Work { round: AtomicU64::new(begin), store: OnceLock::new(), metrics: metrics.clone() };
    work.store.set(store.clone()).unwrap();
    // A line of its own, whatever the harness has written.
    println!("\nshown {}", shown(&metrics));
    store.start_every(Arc::new(work), Duration::from_millis(2));
    loop {
        metrics.missed(&check("login", "eu"), "late");
        println!("shown {}", shown(&metrics));
        std::thread::sleep(Duration::from_micros(300));
    }
}

/// What the child said last.
#[derive(Default)]
struct Said {
    kept: u64,
    first_shown: Option<u64>,
    shown: u64,
}

fn start(path: &Path) -> (Child, Arc<Mutex<Said>>, std::thread::JoinHandle<()>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::child", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let said = Arc::new(Mutex::new(Said::default()));
    let heard = said.clone();
    let ears = std::thread::spawn(move || {
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 {
            let mut heard = heard.lock().unwrap();
            // The last line may be half a line.
            match line.strip_suffix('\n').and_then(|line| line.split_once(' ')) {
                Some(("kept", round)) => heard.kept = round.parse().unwrap(),
                Some(("shown", value)) => {
                    let value = value.parse().unwrap();
                    heard.shown = value;
                    heard.first_shown.get_or_insert(value);
                }
                _ => {}
            }
            line.clear();
        }
    });
    (child, said, ears)
}

#[test]
fn nothing_that_was_called_kept_is_lost_to_a_kill() {
    let folder = Folder::new();
    let path = folder.file();
    let (mut seed, mut last_shown, mut last_kept) = (0x9e37_79b9_7f4a_7c15_u64, 0, 0);
    for kill in 0..KILLS {
        let (mut child, said, ears) = start(&path);
        stage::wait("the child to begin", || said.lock().unwrap().kept > last_kept);
        // xorshift64: the same moments in every run, as far as machines let them.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        std::thread::sleep(Duration::from_micros(seed % 60_000));
        child.kill().unwrap();
        child.wait().unwrap();
        ears.join().unwrap();
        let said = said.lock().unwrap();
        let first = said.first_shown.unwrap();
        assert!(first >= last_shown, "kill {kill}: {last_shown} was shown before, now {first}");
        (last_shown, last_kept) = (said.shown, said.kept);
        everything_is_there(&path, said.kept, kill);
    }
    assert!(last_shown > 0 && last_kept > KILLS as u64);
}

fn everything_is_there(path: &Path, kept: u64, kill: usize) {
    let (store, opened) = open(&stage::settings(path)).unwrap();
    assert_eq!(ask::<String>(path, "PRAGMA integrity_check"), "ok", "kill {kill}");
    // One more may be there: on disk, and killed before it could say so.
    let round = opened.alerts[0].fired_nanos.unwrap() as u64;
    assert!((kept..=kept + 1).contains(&round), "kill {kill}: {round} of {kept}");
    assert_eq!(opened.detectors, detectors(round), "kill {kill}");
    let hours: Vec<i64> = (0..20).map(|n| HOUR + n).collect();
    let blocks = store.minutes(&hours).unwrap();
    assert_eq!(blocks.len(), 20);
    for block in &blocks {
        assert_eq!(block.minutes, [(7, tally(round, 1))], "kill {kill}");
    }
    let days: Vec<_> = store.days(0).unwrap().into_iter().flat_map(|day| day.hours).collect();
    assert_eq!(days.len(), 20);
    assert!(days.iter().all(|(_, sum)| *sum == tally(round, 1)), "kill {kill}: roll-ups belong to their hours");
    for n in (1..=round).rev().take(30) {
        let run = store.run(&format!("{n:032x}")).unwrap().unwrap_or_else(|| panic!("kill {kill}: no run {n}"));
        let verdict = if n.is_multiple_of(3) { Verdict::Bad } else { Verdict::Good };
        assert_eq!(run.json["verdict"], verdict.as_str());
    }
    let runs = ask::<i64>(path, "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM failure)");
    assert_eq!(runs as u64, round, "kill {kill}");
    stage::close(&store);
}
