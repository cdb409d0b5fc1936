//! How it goes, on a terminal: redrawn in place ten times a second by a thread of its own, and gone at the end.
//!
//! The cursor stays visible and no mode of the terminal is changed, so that there is nothing to restore however the process
//! ends, `kill -9` included.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::board::{Board, TICK};
use super::writer;
use crate::clock::Clock;
use crate::smoke::{Event, Progress};
use crate::terminal::Terminal;

/// How long the end waits for a terminal that is stuck (stopped with Ctrl-S, say).
const END: Duration = Duration::from_millis(500);

/// The live picture on stderr.
#[derive(Debug)]
pub struct Live {
    board: Arc<Mutex<Board>>,
    clock: Clock,
    /// Dropped to end it.
    stop: Option<Sender<()>>,
    gone: Mutex<Receiver<()>>,
}

impl Live {
    /// `None` if stderr is no terminal, or one that cannot move its cursor.
    pub fn start(clock: &Clock) -> Option<Self> {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        if dumb || !std::io::stderr().is_terminal() {
            return None;
        }
        let out = writer::stderr().ok()?;
        let board = Arc::new(Mutex::new(Board::new(clock.instant())));
        let (stop, stopped) = channel();
        let (done, gone) = channel();
        let screen = Screen { out, lines: Vec::new(), terminal: Terminal::stderr() };
        let (drawn, ticking) = (board.clone(), clock.clone());
        let draw = move || {
            screen.keep_drawing(&drawn, &ticking, &stopped);
            let _ = done.send(());
        };
        std::thread::Builder::new().name("live".to_owned()).spawn(draw).ok()?;
        Some(Self { board, clock: clock.clone(), stop: Some(stop), gone: Mutex::new(gone) })
    }

    /// Takes the picture away.
    pub fn end(self) {
        drop(self);
    }
}

/// On a panic or an interruption as well.
impl Drop for Live {
    fn drop(&mut self) {
        self.stop.take();
        let _ = self.gone.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(END);
    }
}

impl Progress for Live {
    fn tell(&self, event: &Event<'_>) {
        // Held by the drawing thread only to look, never to write.
        self.board.lock().unwrap_or_else(PoisonError::into_inner).tell(event, self.clock.instant());
    }
}

struct Screen {
    out: File,
    /// How wide the lines are that stand there.
    lines: Vec<usize>,
    terminal: Terminal,
}

impl Screen {
    fn keep_drawing(mut self, board: &Mutex<Board>, clock: &Clock, stopped: &Receiver<()>) {
        while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            let (width, height) = size(&self.out);
            let now = clock.instant();
            let board = board.lock().unwrap_or_else(PoisonError::into_inner);
            // The last line is the cursor's, the last column the wrap's.
            let lines = board.frame(now, &self.terminal, width.saturating_sub(1), height.saturating_sub(1));
            drop(board);
            let frame = redraw(&self.lines, width, &lines);
            self.lines = lines.iter().map(|line| visible(line)).collect();
            if self.out.write_all(frame.as_bytes()).is_err() {
                return;
            }
        }
        let (width, _) = size(&self.out);
        let _ = self.out.write_all(redraw(&self.lines, width, &[]).as_bytes());
    }
}

/// Columns and rows; 80 × 24 of a terminal that does not say.
fn size(out: &File) -> (usize, usize) {
    match terminal_size::terminal_size_of(out.as_fd()) {
        Some((width, height)) if width.0 > 0 && height.0 > 0 => (usize::from(width.0), usize::from(height.0)),
        _ => (80, 24),
    }
}

/// How many columns a line takes: what is not part of a colour.
fn visible(line: &str) -> usize {
    let mut columns = 0;
    let mut colour = false;
    for c in line.chars() {
        match (colour, c) {
            (false, '\u{1b}') => colour = true,
            (true, 'm') => colour = false,
            (true, _) => {}
            (false, c) => columns += crate::terminal::columns(c),
        }
    }
    columns
}

/// What replaces lines so wide, written to a terminal of `width` columns, by others: up, write over them, clear what is left.
/// A terminal that was made narrower meanwhile has broken them.
fn redraw(before: &[usize], width: usize, lines: &[String]) -> String {
    let rows: usize = before.iter().map(|columns| columns.div_ceil(width.max(1)).max(1)).sum();
    let mut out = String::new();
    if rows > 0 {
        out.push_str(&format!("\u{1b}[{rows}A\r"));
    }
    for line in lines {
        out.push_str(line);
        out.push_str("\u{1b}[K\r\n");
    }
    if rows > 0 {
        out.push_str("\u{1b}[J");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_replaces_the_one_before_even_if_the_terminal_was_made_narrower() {
        let lines = ["one".to_owned(), "two".to_owned()];
        assert_eq!(redraw(&[], 80, &lines), "one\u{1b}[K\r\ntwo\u{1b}[K\r\n");
        assert_eq!(redraw(&[3, 3], 80, &[]), "\u{1b}[2A\r\u{1b}[J");
        assert!(redraw(&[79, 3, 0], 40, &lines).starts_with("\u{1b}[4A\rone"), "79 columns are two rows of 40");
    }

    #[test]
    fn colours_take_no_columns() {
        let terminal = Terminal { width: 80, colour: true, unicode: true };
        let painted = terminal.paint(crate::terminal::Style::Bad, "x y");
        assert_eq!(visible(&painted), 3);
    }
}
