use super::*;

/// What the issue promises: 99 % is good, 90 % is bad, 95 % sure.
const PROMISED: Sequential = Sequential { accept: 0.99, reject: 0.90, confidence: 0.95 };
/// The most runs of a check, unless told otherwise: six times what it takes to accept.
const BOUND: u32 = 192;
const GATES: u32 = 2000;

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Runs a check to its end, with that share of good runs.
fn tried(trial: &mut Trial, share: f64, dice: &mut Dice) -> Decision {
    loop {
        let found = if dice.roll() < share { Found::Good } else { Found::Bad };
        if let Some(decision) = trial.add(found) {
            return decision;
        }
    }
}

/// How gates over such checks ended: wrong decisions (`wrong`), those left open, and runs a check on average.
fn simulated(shares: &[f64], wrong: impl Fn(&[Decision]) -> bool, seed: u64) -> (f64, f64, f64) {
    let (mut dice, test) = (Dice(seed), Test::new(&PROMISED, shares.len()));
    let (mut mistakes, mut open, mut runs) = (0_u32, 0_u32, 0_u32);
    for _ in 0..GATES {
        let mut decisions = Vec::new();
        for share in shares {
            let mut trial = Trial::new(Some(test), BOUND);
            decisions.push(tried(&mut trial, *share, &mut dice));
            runs += trial.runs();
        }
        mistakes += u32::from(wrong(&decisions));
        let bad = decisions.contains(&Decision::Bad);
        open += u32::from(!bad && decisions.contains(&Decision::Undecided));
    }
    let of = |count: u32| f64::from(count) / f64::from(GATES);
    (of(mistakes), of(open), of(runs) / shares.len() as f64)
}

/// Both error rates over 2 000 gates each, at the very edges of what is promised, for one check and for many.
#[test]
fn wrong_decisions_are_as_rare_as_promised() {
    let rejected = |decisions: &[Decision]| decisions.contains(&Decision::Bad);
    let accepted = |decisions: &[Decision]| decisions.iter().all(|decision| *decision == Decision::Good);
    for checks in [1_usize, 5, 20] {
        let good = vec![0.99; checks];
        let (wrong, open, runs) = simulated(&good, rejected, 7 + checks as u64);
        println!("{checks} good checks: {wrong:.4} rejected, {open:.4} open, {runs:.1} runs a check");
        assert!(wrong <= 0.05, "{checks} checks: {wrong} of good gates were rejected");
        assert!((32.0..45.0).contains(&runs) && open < 0.05, "{runs} runs, {open} open");
        // All others are beyond doubt, so that it hangs on the bad one alone.
        let mut bad = vec![1.0; checks];
        bad[checks / 2] = 0.90;
        let (wrong, open, runs) = simulated(&bad, accepted, 77 + checks as u64);
        println!("{checks} checks, one of them bad: {wrong:.4} accepted, {open:.4} open, {runs:.1} runs a check");
        assert!(wrong <= 0.05, "{checks} checks: {wrong} of bad gates were accepted");
        assert!((20.0..35.0).contains(&runs) && open < 0.02, "{runs} runs, {open} open");
    }
}

/// What lies outside of what is promised is decided sooner and more surely; what lies between is left open rather often, and
/// that is no mistake.
#[test]
fn clear_cases_are_decided_soon() {
    let none = |_: &[Decision]| false;
    let (_, open, runs) = simulated(&[1.0], none, 1);
    assert_eq!((open, runs), (0.0, 32.0));
    let (_, open, runs) = simulated(&[0.0], none, 2);
    assert_eq!((open, runs), (0.0, 2.0));
    let (_, open, half) = simulated(&[0.5], none, 3);
    assert!(open == 0.0 && half < 6.0, "{open} {half}");
    let (_, open, between) = simulated(&[0.96], none, 4);
    assert!((0.005..0.5).contains(&open) && between > 40.0, "{open} {between}");
}

/// Not by luck of the dice: the chance of every way through the test, added up.
#[test]
fn the_error_rates_are_held_exactly() {
    let chance = |share: f64, test: Test, wanted: Decision| {
        let mut total = 0.0;
        // By how many were bad: the chance of getting there undecided.
        let mut open = vec![1.0_f64];
        for run in 0..BOUND {
            let mut next = vec![0.0; open.len() + 1];
            for (bad, before) in open.iter().enumerate().filter(|(_, chance)| **chance > 0.0) {
                for (found, odds) in [(Found::Good, share), (Found::Bad, 1.0 - share)] {
                    let bad = u32::try_from(bad).unwrap();
                    let mut trial = Trial { good: run - bad, bad, ..Trial::new(Some(test), BOUND) };
                    match trial.add(found) {
                        None => next[trial.bad as usize] += before * odds,
                        Some(decision) if decision == wanted => total += before * odds,
                        Some(_) => {}
                    }
                }
            }
            open = next;
        }
        total
    };
    for (confidence, checks) in [(0.95, 1), (0.95, 10), (0.8, 1), (0.99, 3)] {
        let test = Test::new(&Sequential { confidence, ..PROMISED }, checks);
        let error = 1.0 - confidence;
        let (alpha, beta) = (chance(0.99, test, Decision::Bad), chance(0.90, test, Decision::Good));
        assert!(alpha <= error / checks as f64 && alpha > 0.0, "{confidence} {checks}: {alpha}");
        assert!(beta <= error && beta > error / 3.0, "{confidence} {checks}: {beta}");
    }
}

#[test]
fn it_takes_about_32_clean_runs_to_accept() {
    let test = Test::new(&PROMISED, 1);
    assert_eq!((test.clean_runs(), test.failing_runs()), (32, 2));
    // Others beside it make it harder to reject, never to accept.
    let many = Test::new(&PROMISED, 10);
    assert_eq!((many.clean_runs(), many.failing_runs()), (32, 3));
    let mut trial = Trial::new(Some(test), 40);
    assert!((0..31).all(|_| trial.add(Found::Good).is_none()));
    assert_eq!(trial.add(Found::Good), Some(Decision::Good));
}

#[test]
fn it_stops_as_soon_as_the_bound_cannot_decide_any_more() {
    let mut trial = Trial::new(Some(Test::new(&PROMISED, 1)), 40);
    assert_eq!(trial.add(Found::Bad), None, "one failure closes no gate");
    // 32 + 25 good ones would be needed now; a second failure would do within the first sixteen.
    let mut ended = None;
    let runs = (0..39)
        .take_while(|_| {
            ended = trial.add(Found::Good);
            ended.is_none()
        })
        .count();
    assert_eq!(ended, Some(Decision::Undecided));
    assert!(runs > 16 && trial.runs() < 40 + 1, "{runs}");
}

#[test]
fn without_a_test_one_bad_run_is_enough_and_all_must_be_good() {
    let plain = |most, found: &[Found]| {
        let mut trial = Trial::new(None, most);
        found.iter().map(|found| trial.add(*found)).collect::<Vec<_>>()
    };
    use Found::{Bad, Good, Hopeless, Inconclusive};
    assert_eq!(plain(1, &[Good]), [Some(Decision::Good)]);
    assert_eq!(plain(3, &[Good, Bad]), [None, Some(Decision::Bad)]);
    assert_eq!(plain(3, &[Good, Inconclusive, Good]), [None, None, Some(Decision::Inconclusive)]);
    assert_eq!(plain(3, &[Inconclusive, Bad]), [None, Some(Decision::Bad)], "what is bad is bad");
    assert_eq!(plain(3, &[Hopeless]), [Some(Decision::Inconclusive)], "a password is not tried again");
    assert_eq!(plain(0, &[Good]), [Some(Decision::Good)]);
}

#[test]
fn runs_that_cannot_tell_are_no_evidence_and_bounded() {
    let test = Some(Test::new(&PROMISED, 1));
    let mut trial = Trial::new(test, 100);
    assert!((0..9).all(|_| trial.add(Found::Inconclusive).is_none()));
    assert_eq!(trial.add(Found::Inconclusive), Some(Decision::Inconclusive), "a tenth of all runs");
    let mut trial = Trial::new(test, 100);
    assert!((0..5).all(|_| trial.add(Found::Inconclusive).is_none()));
    assert!((0..31).all(|_| trial.add(Found::Good).is_none()));
    assert_eq!(trial.add(Found::Good), Some(Decision::Good), "as without them");
}
