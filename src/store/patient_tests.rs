use std::sync::mpsc;

use super::super::{Settings, Store};
use super::*;
use crate::clock::{Clock, Timestamp};
use crate::folder::Folder;
use crate::slo::maintenance::Window;

/// What a test waits for in vain.
const SOON: Duration = Duration::from_millis(100);
/// What it waits for until it is there.
const LATER: Duration = Duration::from_secs(60);

fn open(folder: &Folder) -> Store {
    let week = Duration::from_secs(7 * 86_400);
    let settings = Settings { path: folder.file("a.db"), keep_runs: week, keep_failures: week, max_size: 1 << 30 };
    Store::open(&settings, Clock::manual(Timestamp::from_secs(86_400))).unwrap().0
}

fn window(id: &str) -> Window {
    Window {
        id: id.to_owned(),
        from_nanos: 86_400_000_000_000,
        to_nanos: 90_000_000_000_000,
        probes: vec!["*".to_owned()],
        comment: String::new(),
        created_by: String::new(),
    }
}

fn put(id: &str) -> impl FnMut(&mut Ledger) -> rusqlite::Result<()> + Send + 'static {
    let window = window(id);
    move |ledger| ledger.window(&window, "create", "a test", Timestamp::from_secs(86_400))
}

/// The windows on disk, as somebody else reads them.
fn on_disk(folder: &Folder) -> Vec<String> {
    let connection = rusqlite::Connection::open(folder.file("a.db")).unwrap();
    let mut statement = connection.prepare("SELECT id FROM maintenance ORDER BY id").unwrap();
    let ids = statement.query_map([], |row| row.get(0)).unwrap();
    ids.collect::<rusqlite::Result<_>>().unwrap()
}

fn until(shared: &Shared, taken: Taken) {
    let so = (0..12_000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        *locked(&shared.place.taken) == taken
    });
    assert!(so, "not {taken:?}");
}

#[test]
fn what_could_not_begin_in_time_is_refused_and_never_written() {
    let folder = Folder::new();
    let store = open(&folder);
    let shared = store.shared();
    // The writer's round hangs.
    let hung = locked(&shared.ledger);
    let refused = write_within(shared, SOON, put("a")).unwrap_err();
    assert_eq!(refused, "the disk has not answered for 0 s");
    // Who comes now does not wait at all, however many they are: else this would take an hour.
    for _ in 0..60 {
        let why = write_within(shared, LATER, put("b")).unwrap_err();
        assert!(why.contains("an earlier change is not on disk"), "{why}");
    }
    drop(hung);
    until(shared, Taken::Free);
    assert_eq!(on_disk(&folder), [""; 0]);
    write_within(shared, LATER, put("c")).unwrap();
    assert_eq!(on_disk(&folder), ["c"]);
}

#[test]
fn what_hangs_under_way_is_promised_and_tried_until_it_is_on_disk() {
    let folder = Folder::new();
    let store = open(&folder);
    let shared = store.shared();
    let (answer, disk) = mpsc::channel();
    let (mut keep, mut tries) = (put("a"), 0);
    let (tell, told) = mpsc::channel();
    let slow = move |ledger: &mut Ledger| {
        tries += 1;
        tell.send(tries).unwrap();
        disk.recv().unwrap();
        // It comes back with an error first.
        if tries == 1 { Err(rusqlite::Error::InvalidQuery) } else { keep(ledger) }
    };
    assert_eq!(write_within(shared, SOON, slow), Ok(()), "in force");
    assert_eq!(on_disk(&folder), [""; 0]);
    assert!(write_within(shared, LATER, put("b")).is_err(), "one at a time");
    answer.send(()).unwrap();
    answer.send(()).unwrap();
    until(shared, Taken::Free);
    assert_eq!((told.iter().collect::<Vec<_>>(), on_disk(&folder)), (vec![1, 2], vec!["a".to_owned()]));
}

#[test]
fn a_quick_answer_is_given_as_it_is() {
    let folder = Folder::new();
    let store = open(&folder);
    let shared = store.shared();
    let failed = write_within(shared, LATER, |_| Err(rusqlite::Error::InvalidQuery)).unwrap_err();
    assert!(failed.starts_with("the ledger cannot be written: "), "{failed}");
    let panicked = write_within(shared, LATER, |_| panic!("as told")).unwrap_err();
    assert!(panicked.contains("the log has the place"), "{panicked}");
    write_within(shared, LATER, put("a")).unwrap();
    // Two at once that are quick: one after the other.
    std::thread::scope(|scope| {
        for id in ["b", "c", "d"] {
            scope.spawn(move || write_within(shared, LATER, put(id)).unwrap());
        }
    });
    assert_eq!(on_disk(&folder), ["a", "b", "c", "d"]);
    store.shutdown(LATER);
    assert_eq!(write_within(shared, LATER, put("e")).unwrap_err(), "the ledger is closed");
}
