//! What keeper and driver say: read to the end, kept within bounds.

use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::watch;

use super::FOLDER;

/// The driver's word that it listens; the port follows.
const LISTENS: &str = "started successfully on port ";
/// The longest line that is looked at (bytes); the rest of a longer one is dropped.
const MAX_LINE: usize = 4096;
/// How much of what was said last is kept (bytes).
const MAX_TAIL: usize = 2048;
/// How much of it is repeated in a fault (characters).
const MAX_SAID: usize = 200;

/// What is known about a keeper.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// Where its files are.
    pub(super) folder: Option<PathBuf>,
    /// Where the driver listens.
    pub(super) port: Option<u16>,
    /// What driver and keeper wrote last to their error output.
    errors: Vec<u8>,
    /// The keeper has ended, and the driver with it.
    pub(super) ended: bool,
    /// Nothing of it is left.
    pub(super) gone: bool,
}

impl State {
    /// The first line of what went wrong.
    pub(super) fn said(&self) -> String {
        let text = String::from_utf8_lossy(&self.errors);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty());
        line.map_or("it said nothing".into(), |line| {
            line.chars().filter(|c| !c.is_control()).take(MAX_SAID).collect::<String>()
        })
    }
}

/// Reads both until they end.
pub(super) async fn listen(
    stdout: Option<impl AsyncRead + Unpin>,
    stderr: Option<impl AsyncRead + Unpin>,
    tell: &watch::Sender<State>,
) {
    let mut first = true;
    let output = async {
        let Some(stdout) = stdout else { return };
        lines(stdout, |line| {
            // The keeper speaks before it starts the driver: what looks like its word later on is not.
            match line.strip_prefix(FOLDER).filter(|_| first) {
                Some(folder) => tell.send_modify(|state| state.folder = Some(folder.into())),
                None => drop(tell.send_if_modified(|state| listening(state, line))),
            }
            first = false;
        })
        .await;
    };
    let errors = async {
        let Some(stderr) = stderr else { return };
        chunks(stderr, |chunk| {
            tell.send_modify(|state| {
                state.errors.extend_from_slice(chunk);
                let over = state.errors.len().saturating_sub(MAX_TAIL);
                state.errors.drain(..over);
            });
        })
        .await;
    };
    tokio::join!(output, errors);
}

fn listening(state: &mut State, line: &str) -> bool {
    let port = line.split_once(LISTENS).and_then(|(_, port)| port.trim().trim_end_matches('.').parse().ok());
    let new = state.port.is_none() && port.is_some_and(|port: u16| port > 0);
    if new {
        state.port = port;
    }
    new
}

async fn lines(input: impl AsyncRead + Unpin, mut each: impl FnMut(&str)) {
    let mut line = Vec::new();
    chunks(input, |chunk| {
        for &byte in chunk {
            if byte == b'\n' {
                each(&String::from_utf8_lossy(&line));
                line.clear();
            } else if line.len() < MAX_LINE {
                line.push(byte);
            }
        }
    })
    .await;
}

async fn chunks(mut input: impl AsyncRead + Unpin, mut each: impl FnMut(&[u8])) {
    let mut chunk = [0; 1024];
    // An error is an end, too.
    while let Ok(length @ 1..) = input.read(&mut chunk).await {
        each(&chunk[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(output: &[u8], errors: &[u8]) -> State {
        let (tell, state) = watch::channel(State::default());
        listen(Some(output), Some(errors), &tell).await;
        state.borrow().clone()
    }

    #[tokio::test]
    async fn folder_and_port_are_heard() {
        let output = b"folder /tmp/a b\nStarting ChromeDriver 156.0 on port 0\nfolder /etc\n\
                       ChromeDriver was started successfully on port 39401.\n\
                       ChromeDriver was started successfully on port 1.\n";
        let state = heard(output, b"").await;
        assert_eq!((state.folder.as_deref(), state.port), (Some("/tmp/a b".as_ref()), Some(39401)));
        assert_eq!(state.said(), "it said nothing");
    }

    #[tokio::test]
    async fn what_is_no_port_is_none() {
        let output = b"no folder\nfolder /etc\nstarted successfully on port 0.\nstarted successfully on port 65536.\n\
                       started successfully on port \nstarted successfully on port 8x.\n";
        let state = heard(output, b"").await;
        assert_eq!((state.folder, state.port), (None, None));
    }

    #[tokio::test]
    async fn however_much_is_said_little_is_kept() {
        let long = [b"folder /".as_slice(), &[b'x'; 100_000], b"\nstarted successfully on port 7.\n"].concat();
        let errors = [[b'e'; 50_000].as_slice(), b"\nlast \x1b[31mwords\xff\n"].concat();
        let state = heard(&long, &errors).await;
        assert_eq!(state.folder.unwrap().as_os_str().len(), MAX_LINE - FOLDER.len());
        assert_eq!((state.port, state.errors.len()), (Some(7), MAX_TAIL));
        let state = heard(b"", b"\n  \n a \x1b[31mword\xff\nmore\n").await;
        assert_eq!(state.said(), "a [31mword\u{fffd}");
    }
}
