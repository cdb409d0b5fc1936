use super::*;

const YES: Holds = Holds::Yes;
const NO: Holds = Holds::No;
const UNKNOWN: Holds = Holds::Unknown;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

fn words(pairs: &[(&str, &str)]) -> Words {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Pending for 60 s, resolving for 30 s.
fn slow(name: &str, holds: Holds) -> Condition {
    Condition {
        labels: words(&[("alertname", name)]),
        annotations: words(&[("description", name)]),
        afterwards: Words::new(),
        holds,
        pending_for: Duration::from_secs(60),
        resolving_for: Duration::from_secs(30),
    }
}

fn quick(name: &str, holds: Holds) -> Condition {
    Condition { pending_for: Duration::ZERO, resolving_for: Duration::ZERO, ..slow(name, holds) }
}

fn brief(changes: &[Change]) -> String {
    let word = |change: &Change| match change {
        Change::Fired(alert) => format!("+{}", alert.name()),
        Change::Resolved(alert) => format!("-{}", alert.name()),
    };
    changes.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The state of the one alert, with its times relative to [`at`]`(0)`: active, fired, cleared.
fn shown(machine: &Machine) -> String {
    let secs = |nanos: i64| Timestamp::from_nanos(nanos).as_secs() - at(0).as_secs();
    let optional = |nanos: Option<i64>| nanos.map_or("-".to_owned(), |nanos| secs(nanos).to_string());
    match machine.alerts().as_slice() {
        [] => "inactive".to_owned(),
        [alert] => format!(
            "{:?} {} {} {}",
            alert.state,
            secs(alert.active_nanos),
            optional(alert.fired_nanos),
            optional(alert.cleared_nanos)
        ),
        many => panic!("{} alerts", many.len()),
    }
}

/// Each row: when, what holds, what changes, the state afterwards.
fn walk(machine: &mut Machine, make: fn(&str, Holds) -> Condition, rows: &[(i64, Holds, &str, &str)]) {
    for (secs, holds, changes, state) in rows {
        let seen = machine.step(at(*secs), vec![make("A", *holds)]);
        assert_eq!((brief(&seen).as_str(), shown(machine).as_str()), (*changes, *state), "at {secs} s");
    }
}

#[test]
fn an_alert_waits_fires_waits_and_is_over() {
    walk(
        &mut Machine::default(),
        slow,
        &[
            (0, NO, "", "inactive"),
            (10, YES, "", "Pending 10 - -"),
            (69, YES, "", "Pending 10 - -"),
            (70, YES, "+A", "Firing 10 70 -"),
            (80, YES, "", "Firing 10 70 -"),
            (90, NO, "", "Resolving 10 70 90"),
            (119, NO, "", "Resolving 10 70 90"),
            (120, NO, "-A", "Resolved 10 70 120"),
            (120 + 899, NO, "", "Resolved 10 70 120"),
            (120 + 900, NO, "", "inactive"),
        ],
    );
}

#[test]
fn without_waiting_it_fires_and_is_over_at_once() {
    walk(
        &mut Machine::default(),
        quick,
        &[(0, YES, "+A", "Firing 0 0 -"), (10, NO, "-A", "Resolved 0 0 10"), (910, NO, "", "inactive")],
    );
}

#[test]
fn what_stops_holding_while_pending_never_was() {
    walk(
        &mut Machine::default(),
        slow,
        &[(0, YES, "", "Pending 0 - -"), (50, NO, "", "inactive"), (60, YES, "", "Pending 60 - -")],
    );
}

#[test]
fn what_holds_again_while_resolving_is_the_same_alert() {
    walk(
        &mut Machine::default(),
        slow,
        &[
            (0, YES, "", "Pending 0 - -"),
            (60, YES, "+A", "Firing 0 60 -"),
            (70, NO, "", "Resolving 0 60 70"),
            (99, YES, "", "Firing 0 60 -"),
            (100, NO, "", "Resolving 0 60 100"),
            (129, NO, "", "Resolving 0 60 100"),
            (130, NO, "-A", "Resolved 0 60 130"),
        ],
    );
}

#[test]
fn what_holds_again_after_it_was_over_is_a_new_alert() {
    walk(
        &mut Machine::default(),
        quick,
        &[
            (0, YES, "+A", "Firing 0 0 -"),
            (10, NO, "-A", "Resolved 0 0 10"),
            (20, YES, "+A", "Firing 20 20 -"),
            (30, NO, "-A", "Resolved 20 20 30"),
        ],
    );
}

#[test]
fn the_unknown_freezes_every_state() {
    walk(
        &mut Machine::default(),
        slow,
        &[
            (0, UNKNOWN, "", "inactive"),
            (10, YES, "", "Pending 10 - -"),
            (40, UNKNOWN, "", "Pending 10 - -"),
            (4000, UNKNOWN, "", "Pending 10 - -"),
            // It had held for 30 s when nothing was known any more, for 3970 s: 30 s are left.
            (4010, YES, "", "Pending 3980 - -"),
            (4039, YES, "", "Pending 3980 - -"),
            (4040, YES, "+A", "Firing 3980 4040 -"),
            (4050, UNKNOWN, "", "Firing 3980 4040 -"),
            (9000, UNKNOWN, "", "Firing 3980 4040 -"),
            (9010, NO, "", "Resolving 3980 4040 9010"),
            (9020, UNKNOWN, "", "Resolving 3980 4040 9010"),
            (9920, UNKNOWN, "", "Resolving 3980 4040 9010"),
            (9920, NO, "", "Resolving 3980 4040 9910"),
            (9939, NO, "", "Resolving 3980 4040 9910"),
            (9940, NO, "-A", "Resolved 3980 4040 9940"),
            // Over is over: what is told of it ends though nothing is known.
            (9941, UNKNOWN, "", "Resolved 3980 4040 9940"),
            (9940 + 900, UNKNOWN, "", "inactive"),
        ],
    );
}

#[test]
fn silence_resolves_nothing_that_does_not_wait_either() {
    walk(
        &mut Machine::default(),
        quick,
        &[
            (0, YES, "+A", "Firing 0 0 -"),
            (10, UNKNOWN, "", "Firing 0 0 -"),
            (1_000_000, UNKNOWN, "", "Firing 0 0 -"),
            (1_000_010, NO, "-A", "Resolved 0 0 1000010"),
        ],
    );
}

#[test]
fn what_fired_before_a_restart_goes_on_as_the_same_alert() {
    let mut before = Machine::default();
    walk(&mut before, slow, &[(0, YES, "", "Pending 0 - -"), (60, YES, "+A", "Firing 0 60 -")]);
    let mut after = Machine::restore(before.alerts());
    assert_eq!(after.alerts(), before.alerts());
    walk(
        &mut after,
        slow,
        &[(500, UNKNOWN, "", "Firing 0 60 -"), (510, YES, "", "Firing 0 60 -"), (520, NO, "", "Resolving 0 60 520")],
    );
    let mut again = Machine::restore(after.alerts());
    walk(
        &mut again,
        slow,
        &[
            // Whether it held meanwhile nobody knows: resolving begins again.
            (9000, UNKNOWN, "", "Resolving 0 60 520"),
            (9010, NO, "", "Resolving 0 60 9010"),
            (9040, NO, "-A", "Resolved 0 60 9040"),
        ],
    );
    let mut last = Machine::restore(again.alerts());
    walk(&mut last, slow, &[(9050, NO, "", "Resolved 0 60 9040"), (9940, NO, "", "inactive")]);
}

#[test]
fn what_was_pending_before_a_restart_waits_again() {
    let mut before = Machine::default();
    walk(&mut before, slow, &[(0, YES, "", "Pending 0 - -")]);
    walk(
        &mut Machine::restore(before.alerts()),
        slow,
        &[(500, YES, "", "Pending 500 - -"), (559, YES, "", "Pending 500 - -"), (560, YES, "+A", "Firing 500 560 -")],
    );
}

#[test]
fn what_left_the_configuration_is_over_at_once() {
    let mut machine = Machine::default();
    walk(&mut machine, slow, &[(0, YES, "", "Pending 0 - -"), (60, YES, "+A", "Firing 0 60 -")]);
    assert_eq!(brief(&machine.step(at(70), vec![])), "-A", "though it may take 30 s to resolve");
    assert_eq!(shown(&machine), "Resolved 0 60 70");
    assert_eq!(brief(&machine.step(at(70 + 899), vec![])), "");
    assert_eq!(shown(&machine), "Resolved 0 60 70");
    machine.step(at(70 + 900), vec![]);
    assert_eq!(shown(&machine), "inactive");

    walk(&mut machine, slow, &[(2000, YES, "", "Pending 2000 - -")]);
    assert_eq!(brief(&machine.step(at(2010), vec![])), "");
    assert_eq!(shown(&machine), "inactive", "what never fired is not told as over");

    let mut frozen = Machine::default();
    walk(&mut frozen, quick, &[(0, YES, "+A", "Firing 0 0 -"), (10, UNKNOWN, "", "Firing 0 0 -")]);
    assert_eq!(brief(&frozen.step(at(20), vec![])), "-A", "frozen or not");
    let mut restored = Machine::restore(machine.alerts());
    assert_eq!(brief(&restored.step(at(30), vec![])), "");
}

#[test]
fn annotations_follow_while_it_holds_and_stay_after_that() {
    let with = |text: &str, holds| Condition { annotations: words(&[("description", text)]), ..quick("A", holds) };
    let mut machine = Machine::default();
    let mut last = |secs, text: &str, holds| {
        machine.step(at(secs), vec![with(text, holds)]);
        machine.alerts()[0].annotations["description"].clone()
    };
    assert_eq!(last(0, "one", YES), "one");
    assert_eq!(last(10, "two", YES), "two");
    assert_eq!(last(20, "three", UNKNOWN), "two");
    assert_eq!(last(30, "four", NO), "two");
    assert_eq!(last(40, "five", YES), "five");
}

#[test]
fn what_is_over_says_so_in_words_of_its_own() {
    let mut machine = Machine::default();
    let was = || words(&[("description", "was")]);
    machine.step(at(0), vec![Condition { afterwards: was(), ..quick("A", YES) }]);
    assert_eq!(machine.alerts()[0].annotations["description"], "A");
    let changes = machine.step(at(10), vec![quick("A", NO)]);
    assert_eq!((brief(&changes).as_str(), &changes[0].alert().annotations), ("-A", &was()));
    machine.step(at(20), vec![quick("A", YES)]);
    assert_eq!(machine.alerts()[0].annotations["description"], "A");
    // What leaves the configuration is over as well.
    machine.step(at(30), vec![Condition { afterwards: was(), ..quick("A", YES) }]);
    assert_eq!(machine.step(at(40), vec![])[0].alert().annotations, was());
}

#[test]
fn of_two_that_disagree_the_louder_wins() {
    for (first, second, fires) in [(NO, YES, true), (YES, NO, true), (UNKNOWN, YES, true), (NO, UNKNOWN, false)] {
        let mut machine = Machine::default();
        let changes = machine.step(at(0), vec![quick("A", first), quick("A", second)]);
        assert_eq!(brief(&changes) == "+A", fires, "{first:?} {second:?}");
    }
    let mut machine = Machine::default();
    machine.step(at(0), vec![quick("A", YES)]);
    assert_eq!(
        brief(&machine.step(at(1), vec![quick("A", NO), quick("A", UNKNOWN)])),
        "",
        "not over: one does not know"
    );
}

#[test]
fn the_order_is_that_of_labels_whatever_came_first() {
    let mut machine = Machine::default();
    machine.step(at(0), vec![quick("C", YES), quick("A", YES)]);
    let changes = machine.step(at(1), vec![quick("D", YES), quick("A", NO), quick("B", YES), quick("C", NO)]);
    assert_eq!(brief(&changes), "-A +B -C +D");
    let names: Vec<_> = machine.alerts().iter().map(|alert| alert.name().to_owned()).collect();
    assert_eq!(names, ["A", "B", "C", "D"]);
}

#[test]
fn a_clock_put_back_delays_and_breaks_nothing() {
    walk(
        &mut Machine::default(),
        slow,
        &[
            (1000, YES, "", "Pending 1000 - -"),
            (0, YES, "", "Pending 1000 - -"),
            (1060, YES, "+A", "Firing 1000 1060 -"),
            (100, NO, "", "Resolving 1000 1060 100"),
            (130, NO, "-A", "Resolved 1000 1060 130"),
        ],
    );
}
