//! What budgets were spent on is added to what is there, and goes when no window reaches back to it.

use std::sync::Arc;
use std::time::Duration;

use authprobe::clock::Clock;
use authprobe::fault::Class;
use authprobe::slo::{Cause, CauseCount, DayCause};
use authprobe::store::{Batch, Store};

use crate::stage::{self, Folder, Hand, NOW, PACE, ask, running, wait};

const DAY: i64 = NOW.as_secs() / 86_400;

fn cause(slo: &str, day: i64, class: Option<Class>, bad: u64, excluded: u64) -> DayCause {
    let cause = Cause { class, blame: class.map(Class::blame), step: "token".into(), region: "eu".into() };
    DayCause { slo: slo.into(), day, count: CauseCount { cause, bad, excluded } }
}

fn sorted(mut causes: Vec<DayCause>) -> Vec<DayCause> {
    causes.sort_by(|a, b| (&a.slo, a.day, &a.count.cause).cmp(&(&b.slo, b.day, &b.count.cause)));
    causes
}

#[test]
fn causes_add_up_over_batches_and_restarts() {
    let folder = Folder::new();
    let timeout = Some(Class::Timeout);
    for round in 1..=3 {
        let (store, hand) = running(&folder.settings());
        let of_the_day = |day| vec![cause("a", day, timeout, 2, 1), cause("a", day, None, 1, 0)];
        hand.keep(Batch { causes: of_the_day(DAY - 1), ..Batch::default() });
        hand.keep(Batch {
            causes: [of_the_day(DAY), vec![cause("b", DAY, timeout, 7, 7)]].concat(),
            ..Batch::default()
        });
        hand.keep(Batch { causes: vec![cause("a", DAY, timeout, 3, 0)], ..Batch::default() });
        stage::close(&store);
        let (store, _) = stage::open(&folder.settings()).unwrap();
        let expected = [
            cause("a", DAY, None, round, 0),
            cause("a", DAY, timeout, 5 * round, round),
            cause("b", DAY, timeout, 7 * round, 7 * round),
        ];
        assert_eq!(sorted(store.causes(DAY).unwrap()), expected);
        assert_eq!(store.causes(DAY - 1).unwrap().len(), 5);
        stage::close(&store);
    }
}

#[test]
fn what_the_disk_refuses_is_added_once_it_takes_it() {
    let folder = Folder::new();
    let (store, hand) = running(&folder.settings());
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..3 {
        *hand.next.lock().unwrap() = Batch { causes: vec![cause("a", DAY, None, 2, 1)], ..Batch::default() };
        let before = hand.collected.load(std::sync::atomic::Ordering::SeqCst);
        wait("it to be collected", || hand.collected.load(std::sync::atomic::Ordering::SeqCst) >= before + 2);
    }
    assert!(hand.refused.load(std::sync::atomic::Ordering::SeqCst) > 0);
    assert_eq!(store.causes(0).unwrap(), []);
    other.execute_batch("ROLLBACK").unwrap();
    stage::close(&store);
    let (store, _) = stage::open(&folder.settings()).unwrap();
    assert_eq!(store.causes(0).unwrap(), [cause("a", DAY, None, 6, 3)]);
    stage::close(&store);
}

#[test]
fn causes_go_after_any_window_and_one_of_another_version_is_not_known() {
    let folder = Folder::new();
    let clock = Clock::manual(NOW);
    let (store, _) = Store::open(&folder.settings(), clock.clone()).unwrap();
    let hand = Arc::new(Hand::default());
    store.start_every(hand.clone(), PACE);
    let causes = [0, 399, 402].map(|age| cause("a", DAY - age, Some(Class::Dns), 1, 0)).to_vec();
    hand.keep(Batch { causes, ..Batch::default() });
    // Looked for once an hour.
    clock.set(NOW + Duration::from_secs(3600));
    wait("an old cause to go", || ask::<i64>(&folder.file(), "SELECT count(*) FROM cause") == 2);
    assert_eq!(store.causes(DAY - 400).unwrap().len(), 2);
    stage::close(&store);
    let file = rusqlite::Connection::open(folder.file()).unwrap();
    file.execute_batch(&format!("INSERT INTO cause VALUES ('a', {DAY}, 'eu', 'no_such', 'network', 'x', 4, 0)"))
        .unwrap();
    drop(file);
    let (store, _) = stage::open(&folder.settings()).unwrap();
    assert_eq!(store.causes(DAY).unwrap(), [cause("a", DAY, Some(Class::Dns), 1, 0)]);
    stage::close(&store);
}
