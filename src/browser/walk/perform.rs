//! What a page asks for, done: fields filled in, buttons pressed.

use super::super::scripts::{Plan, Point, Worked};
use super::super::window::Sight;
use super::{MISSING, Walk, mute};
use crate::fault::{Class, Fault};
use crate::oidc::form::answers::Answers;
use crate::oidc::form::page;
use crate::oidc::form::scripted::Act;

/// What came of doing what a page asks for.
pub(super) enum Done {
    /// All of it; something follows.
    All,
    /// The page changed before anything was typed.
    Nothing,
    /// Something came up before all was done.
    Met(Sight),
}

impl Walk<'_> {
    /// Fills in and presses.
    pub(super) async fn perform(&mut self, act: &Act, answers: &Answers) -> Result<Done, Fault> {
        let mut values = Vec::with_capacity(act.fills.len());
        for (mark, with) in &act.fills {
            let value = answers.value(*with, self.clock, self.recorder, self.deadline);
            // It may take until the next half minute: the page goes on meanwhile.
            let value = tokio::select! {
                value = value => value?,
                () = self.window.tend() => return Err(mute()),
            };
            values.push((*mark, value));
        }
        let fills = values.iter().map(|(mark, value)| (*mark, value.expose())).collect();
        let last = act.fills.last().map(|(mark, _)| *mark).filter(|_| act.press.is_none() && !act.hold);
        let worked = self.work(&Plan { fills, ticks: &act.ticks, press: act.press, focus: last }).await?;
        match worked.said.as_str() {
            "ok" => {}
            // Once something was typed it may have been sent: what follows is the answer to that.
            "gone" if act.fills.is_empty() || worked.field == Some(0) => return Ok(Done::Nothing),
            "gone" => {
                self.acted = self.clock.instant();
                return Ok(Done::All);
            }
            why => {
                let field = worked.field.and_then(|at| act.fills.get(at)).map(|(_, with)| format!(" for the {with}"));
                let (field, why) = (field.unwrap_or_default(), page::cut(why, 80));
                return Err(Fault::new(Class::LoginPage, format!("the field{field} cannot be filled in: {why}")));
            }
        }
        let done = match act.press {
            Some(button) => self.press(button, worked.point.unwrap_or_default(), !act.fills.is_empty()).await?,
            None if last.is_some() => {
                let until = self.utmost();
                tokio::time::timeout_at(until, self.window.enter()).await.map_err(|_| mute())??;
                Done::All
            }
            None => Done::All,
        };
        self.acted = self.clock.instant();
        Ok(done)
    }

    async fn work(&mut self, plan: &Plan<'_>) -> Result<Worked, Fault> {
        let until = self.utmost();
        tokio::time::timeout_at(until, self.window.work(plan)).await.map_err(|_| mute())?
    }

    /// Presses what a person could press: something that is covered or disabled may come free. `typed`: something was typed
    /// before, and may be sent without a button.
    async fn press(&mut self, mark: u32, mut point: Point, typed: bool) -> Result<Done, Fault> {
        let until = (self.clock.instant() + MISSING).min(self.last_moment());
        loop {
            if let (Some(x), Some(y)) = (point.x, point.y) {
                let until = self.utmost();
                tokio::time::timeout_at(until, self.window.press_at(x, y)).await.map_err(|_| mute())??;
                return Ok(Done::All);
            }
            let why = match (&point.covered, point.disabled) {
                (Some(by), _) => format!("it is covered by {}", page::cut(by, 80)),
                (None, true) => "it stays disabled".to_owned(),
                (None, false) if typed => return Ok(Done::All),
                (None, false) => return Ok(Done::Nothing),
            };
            let document = self.latest.as_ref().map_or(0, |view| view.document);
            match tokio::time::timeout_at(until, self.window.next()).await {
                Err(_) => return Err(Fault::new(Class::LoginPage, format!("the button cannot be pressed: {why}"))),
                Ok(Ok(Sight::Page(view))) if view.document == document => {}
                Ok(Ok(Sight::Calm)) => {}
                // What was typed went its way by itself.
                Ok(sight) => return sight.map(Done::Met),
            }
            let plan = Plan { press: Some(mark), ..Plan::default() };
            point = self.work(&plan).await?.point.unwrap_or_default();
        }
    }
}
