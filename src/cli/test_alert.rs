//! `authprobe test-alert`: one test alert through every receiver, and what each answered.

use std::io::Write as _;

use super::check::complain;
use super::{ConfigArg, Exit};
use crate::clock::Clock;
use crate::notify::{self, Answer};
use crate::plan::{self, BuildOptions};
use crate::terminal::{Style, Terminal};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
}

/// Runs it.
pub async fn main(args: Args) -> Exit {
    let plan = match plan::load(args.config.config.as_deref(), &BuildOptions::default()) {
        Ok(plan) => plan,
        Err(mistakes) => {
            complain(&mistakes);
            return Exit::Usage;
        }
    };
    let answers = notify::test(&plan.alerting.notify, &Clock::system()).await;
    if answers.is_empty() {
        eprintln!(
            "error: nobody is told of alerts\n = help: add `[[alerting.alertmanager]]` with a `url`, or \
             `[[alerting.webhook]]` with `url = {{ env = \"NAME\" }}`"
        );
        return Exit::Usage;
    }
    // Whoever closed the pipe has read enough.
    let _ = std::io::stdout().write_all(render(&answers, &Terminal::stdout()).as_bytes());
    exit(&answers)
}

/// A line each: whether it worked, who, what it answered.
fn render(answers: &[Answer], terminal: &Terminal) -> String {
    let longest = answers.iter().map(|answer| answer.receiver.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Answer { receiver, result } in answers {
        let (style, word, said) = match result {
            Ok(said) => (Style::Good, "delivered", said),
            Err(said) => (Style::Bad, "failed   ", said),
        };
        let word = terminal.paint(style, word);
        text.push_str(&format!("{receiver:<longest$}  {word}  {}\n", terminal.clean(said)));
    }
    text
}

/// Good if all took it.
fn exit(answers: &[Answer]) -> Exit {
    if answers.iter().all(|answer| answer.result.is_ok()) { Exit::Good } else { Exit::Bad }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(receiver: &str, result: Result<&str, &str>) -> Answer {
        Answer { receiver: receiver.to_owned(), result: result.map(str::to_owned).map_err(str::to_owned) }
    }

    #[test]
    fn a_line_each_says_what_was_answered() {
        let answers =
            [answer("alertmanager 1", Ok("200 OK")), answer("webhook 1", Err("404 Not Found: no \x1b[31mhook"))];
        let plain = Terminal { width: 80, colour: false, unicode: true };
        assert_eq!(
            render(&answers, &plain),
            "alertmanager 1  delivered  200 OK\nwebhook 1       failed     404 Not Found: no ?[31mhook\n"
        );
        let coloured = render(&answers, &Terminal { colour: true, ..plain });
        assert!(
            coloured.contains("\x1b[32mdelivered\x1b[0m") && coloured.contains("\x1b[31mfailed   \x1b[0m"),
            "{coloured}"
        );
        assert_eq!((exit(&answers), exit(&answers[..1])), (Exit::Bad, Exit::Good));
    }
}
