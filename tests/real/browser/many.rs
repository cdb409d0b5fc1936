//! Many logins in one daemon: processes and memory stay as they were, and nothing is left at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::{login, processes, scene};
use crate::support::idp::Idp;
use crate::support::scene::Scene;
use crate::support::{PATIENCE, within};

/// How many logins; more by the environment.
const LOGINS: u64 = 100;
/// From here on a browser has all that it keeps for itself.
const WARM: u64 = 40;
/// How much more or less memory than that is still the same.
const FLAT: f64 = 0.2;
/// How long all of it may take at most, for each login.
const PACE: Duration = Duration::from_millis(1700);

struct Sample {
    logins: u64,
    memory: u64,
    processes: usize,
}

#[test]
#[allow(clippy::disallowed_methods)]
fn many_logins_leave_nothing_behind_and_cost_no_more_memory() {
    let logins = std::env::var("AUTHPROBE_TEST_LOGINS").map_or(LOGINS, |text| text.parse().unwrap());
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    stage.every = "100ms";
    stage.regions = "[[region]]\nname = \"north\"\n\n[[region]]\nname = \"south\"\n".into();
    let mut daemon = stage.daemon(&login(&scene("plain")));
    let begun = Instant::now();
    let (mut samples, mut known, mut zombies) = (Vec::<Sample>::new(), BTreeMap::new(), BTreeSet::new());
    let time = PACE * u32::try_from(logins).unwrap() + PATIENCE;
    let all = within(time, || {
        let now = processes::descendants(daemon.process.id());
        // A process that has ended waits for its parent for a moment: not from one look to the next.
        let ended: BTreeSet<_> = now.iter().filter(|p| p.state == 'Z').map(|p| (p.pid, p.started)).collect();
        let stuck = ended.intersection(&zombies).collect::<Vec<_>>();
        assert!(stuck.is_empty(), "zombies: {stuck:?} of {now:#?}");
        zombies = ended;
        known.extend(now.iter().map(|process| ((process.pid, process.started), process.clone())));
        let done = daemon.sample("authprobe_runs_total", &[]).unwrap() as u64;
        if samples.last().is_none_or(|last| done >= last.logins + 2) {
            samples.push(Sample { logins: done, memory: processes::memory(&now), processes: now.len() });
        }
        std::thread::sleep(Duration::from_millis(100));
        (done >= logins).then_some(done)
    });
    let done = all.unwrap_or_else(|| panic!("no {logins} logins within {time:?}: {}", daemon.metrics()));
    let (took, starts) = (begun.elapsed(), daemon.sample("authprobe_browser_starts_total", &[]).unwrap());
    assert_eq!(daemon.sample("authprobe_run_failures_total", &[]), Some(0.0));
    assert_eq!(daemon.sample("authprobe_runs_inconclusive_total", &[]), Some(0.0));

    assert_eq!(daemon.terminate(PATIENCE), 0);
    processes::nothing_is_left(&stage.temporary);
    let known: Vec<_> = known.into_values().collect();
    assert_eq!(processes::alive(&known), []);
    // Every one was a login of its own: password and consent.
    assert!(idp.forms_sent() >= 2 * done, "{} forms for {done} logins", idp.forms_sent());

    let mebibytes = |sample: &Sample| sample.memory as f64 / f64::from(1 << 20);
    println!("{done} logins in {took:.1?}, {starts} browser starts, {} processes seen", known.len());
    for sample in samples.iter().step_by((samples.len() / 12).max(1)) {
        println!("after {:>4}: {:>6.1} MiB in {:>2} processes", sample.logins, mebibytes(sample), sample.processes);
    }
    // A single look may meet a login that has just begun or ended: the means of a quarter each.
    let warm: Vec<_> = samples.iter().filter(|sample| sample.logins >= WARM.min(logins / 3)).collect();
    let mean = |part: &[&Sample]| part.iter().map(|sample| mebibytes(sample)).sum::<f64>() / part.len() as f64;
    let quarter = warm.len() / 4;
    assert!(quarter >= 2, "only {} samples", samples.len());
    let (first, last) = (mean(&warm[..quarter]), mean(&warm[warm.len() - quarter..]));
    println!("mean of the first warm quarter {first:.1} MiB, of the last {last:.1} MiB");
    assert!((last / first - 1.0).abs() <= FLAT, "from {first:.1} to {last:.1} MiB");
}
