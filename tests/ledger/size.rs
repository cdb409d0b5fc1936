//! What a run takes on disk, all in.

use std::sync::Arc;
use std::time::Duration;

use authprobe::outcome::{CheckLabels, Id, Outcome, StepState};
use authprobe::store::{Batch, Settings};

use crate::stage::{self, Folder, NOW, ask, counter, key, tally};
use crate::support_outcome::{outcome, step};

const CHECKS: usize = 1000;
/// A quarter of a day: a row a day and a row a counter weigh four times as much as in a whole one, which benches/ledger.rs
/// measures.
const MINUTES: u64 = 6 * 60;
/// How many minutes are handed over at once.
const STRIDE: u64 = 15;
const GOAL: f64 = 120.0;

/// A login of eight steps, as form_login takes them.
fn login(check: &CheckLabels) -> Outcome {
    let mut login = outcome(check);
    let names = ["discovery", "keys", "authorize", "sign_in", "consent", "token", "id_token", "userinfo"];
    login.steps = names.map(|name| step(name, vec![])).to_vec();
    login.steps[4].state = StepState::Skipped;
    login
}

#[test]
fn a_quarter_of_a_day_of_1000_checks_takes_at_most_120_bytes_a_run_counts_and_counters_included() {
    let folder = Folder::new();
    let (store, hand) = stage::running(&Settings { max_size: 1 << 40, ..folder.settings() });
    let checks: Vec<_> = (0..CHECKS).map(|n| crate::support_outcome::check(&format!("login {n}"), "eu")).collect();
    let first = NOW.as_secs() / 86_400 * 86_400;
    let mut template: Vec<Outcome> = checks.iter().map(login).collect();
    let mut random = [0; 8];
    for minute in (0..MINUTES).step_by(STRIDE as usize) {
        for minute in minute..minute + STRIDE {
            for (n, run) in template.iter_mut().enumerate() {
                let secs = first + (minute * 60 + n as u64 * 60 / CHECKS as u64) as i64;
                run.trace_id = Id::random();
                random.copy_from_slice(&run.trace_id.0[..8]);
                let noise = u64::from_le_bytes(random);
                run.scheduled = authprobe::clock::Timestamp::from_secs(secs);
                run.start = run.scheduled + Duration::from_micros(noise % 3000);
                let mut at = run.start;
                for (n, step) in run.steps.iter_mut().enumerate() {
                    step.start = at + Duration::from_micros(20);
                    step.duration = Duration::from_micros(10_000 + (noise >> n) % 190_000);
                    at = step.start + step.duration;
                }
                run.duration = at.since(run.start);
                store.outcome(&Arc::new(run.clone()));
            }
        }
        let last = minute + STRIDE - 1;
        let hour = first / 3600 + (last / 60) as i64;
        let blocks = (0..CHECKS).map(|n| authprobe::slo::Block {
            series: key(&format!("login availability {n}"), "eu"),
            hour,
            minutes: (0..=(last % 60) as u8).map(|at| (at, tally(1, 0))).collect(),
        });
        let value = |n| counter("authprobe_runs_total", &format!("login {n},form_login,main,web,eu"), last);
        let batch = Batch { blocks: blocks.collect(), counters: (0..CHECKS).map(value).collect(), ..Batch::default() };
        hand.keep(batch);
    }
    stage::close(&store);
    let runs = CHECKS as u64 * MINUTES;
    assert_eq!((store.dropped(), ask::<i64>(&folder.file(), "SELECT count(*) FROM run") as u64), (0, runs));
    let bytes = folder.file().metadata().unwrap().len() as f64 / runs as f64;
    println!("{bytes:.1} bytes a run");
    assert!(bytes <= GOAL, "{bytes:.1} bytes a run");
}
