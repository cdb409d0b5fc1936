use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;

use super::super::scripts::{Plan, Worked};
use super::super::window::Pending;
use super::*;
use crate::clock::Timestamp;
use crate::journey::Journey;
use crate::oidc::form::Page;
use crate::oidc::memory::Memories;
use crate::oidc::settings::User;
use crate::outcome::PageTiming;
use crate::secret::SecretSource;

fn code() -> Answer {
    Answer { query: vec![("code".into(), "x".into())], ..Answer::default() }
}

/// What a window shows after so many milliseconds.
enum Later {
    Shows(u64, &'static str),
    Loads(u64, &'static str),
    Answers(u64),
    Calms(u64),
    /// Another document is asked for, of which nothing is to be seen yet.
    Leaves(u64),
}

/// A window that follows a plan.
#[derive(Default)]
struct Planned {
    coming: VecDeque<Later>,
    document: u32,
    pending: Option<Pending>,
    did: Vec<String>,
    hung: bool,
    /// Whether the page that was shown is there no more.
    gone: bool,
    shown: &'static str,
}

#[async_trait]
impl Window for Planned {
    async fn open(&mut self, _: &Url) -> Result<(), Fault> {
        Ok(())
    }

    async fn next(&mut self) -> Result<Sight, Fault> {
        let millis = match self.coming.front() {
            Some(Later::Shows(millis, _) | Later::Loads(millis, _)) => *millis,
            Some(Later::Answers(millis) | Later::Calms(millis) | Later::Leaves(millis)) => *millis,
            None => std::future::pending().await,
        };
        tokio::time::sleep(Duration::from_millis(millis)).await;
        match self.coming.pop_front() {
            Some(Later::Leaves(_)) => {
                self.pending = Some(slow());
                self.gone = true;
                self.next().await
            }
            Some(Later::Shows(_, html)) => {
                self.shown = html;
                Ok(Sight::Page(view(html, self.document)))
            }
            Some(Later::Loads(_, html)) => {
                self.document += 1;
                self.shown = html;
                (self.pending, self.gone) = (None, false);
                Ok(Sight::Page(view(html, self.document)))
            }
            Some(Later::Calms(_)) => {
                self.pending = None;
                Ok(Sight::Calm)
            }
            Some(Later::Answers(_)) | None => Ok(Sight::Answer(code())),
        }
    }

    async fn act(&mut self, _: &str, _: u32, _: &str) -> Result<String, Fault> {
        Ok("ok".to_owned())
    }

    async fn work(&mut self, plan: &Plan<'_>) -> Result<Worked, Fault> {
        self.did.extend(plan.fills.iter().map(|(mark, _)| format!("fill {mark}")));
        self.did.extend(plan.press.map(|mark| format!("point {mark}")));
        Ok(Worked::read(r#"{"said":"ok","point":{"x":1,"y":2}}"#))
    }

    async fn press_at(&mut self, _: i64, _: i64) -> Result<(), Fault> {
        self.did.push("press".into());
        Ok(())
    }

    async fn enter(&mut self) -> Result<(), Fault> {
        self.did.push("enter".into());
        Ok(())
    }

    fn pending(&self) -> Option<Pending> {
        self.pending.clone()
    }

    fn refresh(&mut self) -> bool {
        if !self.hung && !self.gone {
            self.coming.push_front(Later::Shows(1, self.shown));
        }
        true
    }

    async fn answers(&mut self) -> bool {
        !self.hung
    }

    async fn picture(&mut self) -> Result<Vec<u8>, Fault> {
        Ok(Vec::new())
    }

    fn console(&self) -> Vec<String> {
        Vec::new()
    }

    fn pages(&self) -> Vec<PageTiming> {
        Vec::new()
    }

    fn overhead(&self) -> Duration {
        Duration::ZERO
    }

    async fn close(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

fn view(html: &str, document: u32) -> View {
    let page = Page {
        url: Url::parse("https://login.example.com/login").unwrap(),
        status: 200,
        media_type: "text/html".into(),
        gatekeeper: false,
        content: html.to_owned(),
    };
    View { page, document, title: String::new() }
}

const LOGIN: &str = "<form><input name=username autocomplete=username data-authprobe=1>\
    <input name=password type=password data-authprobe=2><button data-authprobe=3>Sign in</button></form>";
const REFUSED: &str = "<form><p role=alert>Wrong password</p><input name=username autocomplete=username data-authprobe=1>\
    <input name=password type=password data-authprobe=2><button data-authprobe=3>Sign in</button></form>";
const BARE: &str = "<h1>Loading</h1>";
const WELCOME: &str = "<h1>Welcome Alice</h1>";

struct Walked {
    result: Result<Answer, Fault>,
    /// Milliseconds.
    took: u128,
    did: Vec<String>,
}

async fn walk(first: &'static str, mut window: Planned, until: Until<'_>, seconds: u64) -> Walked {
    let clock = Clock::following(Timestamp::from_secs(1_800_000_000));
    let journey = Journey::new(clock.clone(), Duration::from_secs(seconds), Vec::new());
    let folder = crate::folder::Folder::new();
    let user = User {
        name: "synthetic".into(),
        username: "alice".into(),
        password: SecretSource::File(folder.write("alice", "wonderland-7")),
        totp: None,
        passkey: None,
    };
    let memory = Memories::default().provider(&Arc::from("main"));
    let answers = Answers::of(&user, memory, journey.recorder()).unwrap();
    window.shown = first;
    let begun = clock.instant();
    let redirect_uri = Url::parse("https://app.example.com/cb").unwrap();
    let manner =
        Manner { guide: &Guide::default(), answers: &answers, until, redirect_uri: &redirect_uri, has_passkey: false };
    let mut hosts = Hosts::default();
    hosts.add([view(first, 0).page.url].iter());
    let mut walk = Walk {
        window: &mut window,
        clock: &clock,
        recorder: journey.recorder(),
        hosts: &hosts,
        deadline: journey.deadline(),
        begun,
        calm: begun,
        acted: begun,
        latest: None,
    };
    let result = walk.sign_in(view(first, 0), manner).await;
    let took = clock.instant().duration_since(begun).as_millis();
    Walked { result, took, did: window.did }
}

fn coming(plan: impl IntoIterator<Item = Later>) -> Planned {
    Planned { coming: plan.into_iter().collect(), ..Planned::default() }
}

fn slow() -> Pending {
    let since = Clock::system().instant();
    Pending { place: "https://login.example.com/slow".into(), since, document: true, until: None }
}

fn busy(mut window: Planned) -> Planned {
    window.pending = Some(slow());
    window
}

#[tokio::test(start_paused = true)]
async fn a_login_is_typed_pressed_and_answered() {
    let walked = walk(LOGIN, coming([Later::Answers(50)]), Until::Answer, 30).await;
    assert_eq!(walked.result, Ok(code()));
    assert_eq!(walked.did, ["fill 1", "fill 2", "point 3", "press"]);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_takes_its_time_is_waited_for() {
    let plan = [Later::Shows(3000, LOGIN), Later::Shows(10, LOGIN), Later::Shows(2000, BARE), Later::Answers(2000)];
    assert!(walk(BARE, coming(plan), Until::Answer, 30).await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_the_page_says_ends_the_login_soon() {
    let plan = [Later::Loads(20, REFUSED), Later::Shows(20, REFUSED)];
    let walked = walk(LOGIN, coming(plan), Until::Answer, 30).await;
    assert_eq!(walked.result.unwrap_err().class, Class::Credentials);
    assert!(walked.took < 1000, "{} ms", walked.took);
    assert_eq!(walked.did.iter().filter(|did| *did == "press").count(), 1, "a password is never sent twice");
}

#[tokio::test(start_paused = true)]
async fn the_same_question_may_still_be_on_its_way_out() {
    // The form stays while a call is under way, and for a moment after it.
    let mut window = busy(coming([Later::Calms(8000), Later::Loads(3000, BARE), Later::Answers(100)]));
    window.document = 0;
    let walked = walk(LOGIN, window, Until::Answer, 30).await;
    assert!(walked.result.is_ok(), "{:?}", walked.result);
    // If nothing comes of it, that is a refusal in the end.
    let walked = walk(LOGIN, coming([]), Until::Answer, 30).await;
    assert_eq!(walked.result.unwrap_err().class, Class::Credentials);
    assert!((5000..12_000).contains(&walked.took), "{} ms", walked.took);
}

#[tokio::test(start_paused = true)]
async fn a_page_without_a_form_is_told_of_after_a_while_and_before_the_end() {
    for (seconds, most) in [(30, 6000), (4, 4000)] {
        let walked = walk(BARE, coming([]), Until::Answer, seconds).await;
        let fault = walked.result.unwrap_err();
        assert_eq!(fault.class, Class::LoginPage);
        assert!(fault.detail.contains("Loading") && walked.took < most, "{} in {} ms", fault.detail, walked.took);
    }
}

#[tokio::test(start_paused = true)]
async fn what_never_comes_is_a_timeout_that_names_it() {
    let walked = walk(LOGIN, busy(coming([])), Until::Answer, 10).await;
    let fault = walked.result.unwrap_err();
    assert_eq!(fault.class, Class::Timeout);
    assert!(fault.detail.contains("https://login.example.com/slow"), "{}", fault.detail);
    assert!((7500..10_000).contains(&walked.took), "{} ms", walked.took);
}

/// The page after the password comes a piece at a time: it is the provider that is slow, not the browser that is silent.
#[tokio::test(start_paused = true)]
async fn a_page_that_came_under_way_while_nothing_was_is_waited_for() {
    let walked = walk(LOGIN, coming([Later::Leaves(100)]), Until::Answer, 30).await;
    let fault = walked.result.unwrap_err();
    assert_eq!(fault.class, Class::Timeout, "{fault}");
    assert!(fault.detail.contains("https://login.example.com/slow"), "{}", fault.detail);
    assert!((27_500..30_000).contains(&walked.took), "{} ms", walked.took);
    let plan = [Later::Leaves(100), Later::Loads(12_000, WELCOME), Later::Answers(100)];
    assert!(walk(LOGIN, coming(plan), Until::Answer, 30).await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_silent_browser_is_not_the_providers_fault() {
    for (first, window) in [(BARE, coming([])), (LOGIN, coming([])), (LOGIN, busy(coming([])))] {
        let walked = walk(first, Planned { hung: true, ..window }, Until::Answer, 10).await;
        assert_eq!(walked.result.unwrap_err().class, Class::Browser);
    }
}

#[tokio::test(start_paused = true)]
async fn an_application_is_there_when_its_page_says_so() {
    let target = Target::parse("text=Welcome").unwrap();
    let plan = [Later::Loads(50, BARE), Later::Shows(700, WELCOME)];
    let walked = walk(LOGIN, coming(plan), Until::Shows(&target), 30).await;
    assert_eq!((walked.result.unwrap(), walked.took), (Answer::default(), 750));
}
