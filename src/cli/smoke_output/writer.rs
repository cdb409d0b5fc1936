//! Lines for stderr, written by a thread of their own: a reader that is stuck holds up nobody.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Lines that wait for the reader before more of them are dropped.
const QUEUE: usize = 1000;
/// How long the end waits for what is still to be written.
const FLUSH: Duration = Duration::from_secs(1);

/// Of stderr, a handle of our own: Rust's has a lock that everybody who logs would wait for.
pub fn stderr() -> std::io::Result<File> {
    Ok(File::from(std::io::stderr().as_fd().try_clone_to_owned()?))
}

/// Lines on their way.
#[derive(Debug)]
pub struct Lines {
    queue: Mutex<Option<SyncSender<String>>>,
    dropped: Arc<AtomicU32>,
    written: Mutex<Receiver<()>>,
}

impl Lines {
    /// Writes to `out` from now on. Without a thread nothing is written.
    pub fn to(mut out: impl std::io::Write + Send + 'static) -> Self {
        let (queue, lines) = sync_channel::<String>(QUEUE);
        let (done, written) = channel();
        let dropped = Arc::new(AtomicU32::new(0));
        let lost = dropped.clone();
        let write = move || {
            for line in lines {
                // Whoever closed the pipe has read enough.
                let _ = out.write_all(line.as_bytes());
            }
            let lost = lost.load(Ordering::Relaxed);
            if lost > 0 {
                let _ = out.write_all(format!("{lost} lines were dropped: nobody read them in time\n").as_bytes());
            }
            let _ = done.send(());
        };
        let started = std::thread::Builder::new().name("progress".to_owned()).spawn(write);
        let queue = Mutex::new(started.is_ok().then_some(queue));
        Self { queue, dropped, written: Mutex::new(written) }
    }

    /// Queues one; never waits.
    pub fn say(&self, line: String) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(TrySendError::Full(_))) = queue.as_ref().map(|queue| queue.try_send(line)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// No more lines; whether all were written in time.
    pub fn end(&self) -> bool {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.recv_timeout(FLUSH) != Err(RecvTimeoutError::Timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that takes nothing until it is told to.
    struct Stuck(Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            self.1.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_reader_holds_up_nobody_and_hears_what_it_missed() {
        let (free, stuck) = channel();
        let read = Arc::new(Mutex::new(Vec::new()));
        let lines = Lines::to(Stuck(stuck, read.clone()));
        for n in 0..QUEUE + 500 {
            lines.say(format!("{n}\n"));
        }
        assert!(!lines.end(), "it cannot have been written, and is not waited for");
        drop(free);
        assert_eq!(lines.written.lock().unwrap().recv_timeout(Duration::from_secs(60)), Ok(()));
        let read = String::from_utf8(read.lock().unwrap().clone()).unwrap();
        assert!(read.starts_with("0\n1\n2\n"), "{read}");
        // One may have been in the writer's hands.
        let last = read.lines().last().unwrap();
        assert!(
            ["500 lines were dropped", "499 lines were dropped"].iter().any(|said| last.starts_with(said)),
            "{last}"
        );
    }

    #[test]
    fn what_was_said_is_written_before_the_end() {
        let read = Arc::new(Mutex::new(Vec::new()));
        let (free, stuck) = channel();
        drop(free);
        let lines = Lines::to(Stuck(stuck, read.clone()));
        lines.say("one\n".to_owned());
        lines.say("two\n".to_owned());
        assert!(lines.end());
        assert_eq!(*read.lock().unwrap(), b"one\ntwo\n");
        lines.say("late\n".to_owned());
        assert!(lines.end(), "and nothing after it");
    }
}
