use fantoccini::error::{ErrorStatus, WebDriver};
use serde_json::json;

use super::looking::MAX_BLIND;
use super::*;
use crate::browser::session::connector;
use crate::browser::traffic::tests::parties;
use crate::browser::window::View;
use crate::journey::Journey;

const LOGIN: &str = "https://login.example.com/login";
const CALLBACK: &str = "https://app.example.com/cb";

fn errand(limit: Option<u32>, redirect_uri: &str) -> (Errand, Journey) {
    let (parties, journey) = parties(limit);
    (Errand { parties, redirect_uri: Some(Url::parse(redirect_uri).unwrap()) }, journey)
}

/// A window of a driver that is never asked.
async fn window(limit: Option<u32>) -> ClassicWindow {
    let client = Client::with_existing_session("http://127.0.0.1:9/", "x", connector("http:")).await.unwrap();
    client.persist().await.unwrap();
    ClassicWindow::new(client, Clock::system(), errand(limit, CALLBACK).0, None).unwrap()
}

fn reply(at: &str, members: Value) -> Answered {
    let mut reply = json!({ "story": null, "at": at, "from": at, "loading": false, "leaving": false, "to": "" });
    reply.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    Ok(reply)
}

fn story(at: &str, document: &str, resources: Value) -> Answered {
    let html = "<html><body>Welcome</body></html>";
    let story = json!({ "generation": 3, "document": document, "url": at, "html": html, "resources": resources });
    reply(at, json!({ "story": story.to_string() }))
}

fn page(sight: Option<Sight>) -> View {
    let Some(Sight::Page(view)) = sight else { panic!("{sight:?}") };
    view
}

#[tokio::test]
async fn documents_are_told_apart_by_their_names() {
    let mut window = window(None).await;
    let one = page(window.looked(story(LOGIN, "a", json!({}))).unwrap());
    let same = page(window.looked(story(LOGIN, "a", json!({}))).unwrap());
    let other = page(window.looked(story(LOGIN, "b", json!({}))).unwrap());
    assert_eq!((one.document, same.document, other.document), (1, 1, 2));
    assert_eq!(window.pages().len(), 2);
}

#[tokio::test]
async fn what_is_under_way_is_known_as_far_as_it_can_be() {
    let mut window = window(None).await;
    assert!(
        window.looked(reply(LOGIN, json!({ "leaving": true, "to": "https://x.example/a?code=1" }))).unwrap().is_none()
    );
    assert_eq!(window.pending().unwrap().place, "https://x.example/a");
    assert!(window.looked(reply(LOGIN, json!({ "leaving": true }))).unwrap().is_none());
    assert_eq!(window.pending().unwrap().place, format!("what follows {LOGIN}"));
    assert!(window.looked(reply("https://x.example/a?code=1", json!({ "loading": true }))).unwrap().is_none());
    assert_eq!(window.pending().unwrap().place, "https://x.example/a");
    page(window.looked(story(LOGIN, "a", json!({}))).unwrap());
    assert_eq!(window.pending(), None);
    // A driver that runs no script waits for a page.
    let slow = WebDriver::new(ErrorStatus::ScriptTimeout, "script timeout");
    assert!(window.looked(Err(CmdError::Standard(slow))).unwrap().is_none());
    assert!(window.pending().is_some());
}

#[tokio::test]
async fn the_answer_is_read_from_where_the_browser_went() {
    let mut window = window(None).await;
    for (at, from, expected) in [
        (format!("{CALLBACK}?code=q&state=x"), "document".to_owned(), "q"),
        (format!("{CALLBACK}#code=f&state=x"), format!("{CALLBACK}#code=f&state=x"), "f"),
        // A script took it out of the address.
        (CALLBACK.to_owned(), format!("{CALLBACK}?code=r&state=x"), "r"),
        ("chrome-error://chromewebdata/".to_owned(), format!("{CALLBACK}?code=e&state=x"), "e"),
    ] {
        let broken = at.starts_with("chrome").then_some("chrome-error://chromewebdata/ ERR_CONNECTION_REFUSED");
        let sight = window.looked(reply(&at, json!({ "from": from, "broken": broken }))).unwrap();
        let Some(Sight::Answer(answer)) = sight else { panic!("{at}: {sight:?}") };
        let code = ("code".to_owned(), expected.to_owned());
        assert!(answer.iter().any(|param| *param == code), "{at}: {answer:?}");
    }
    let fault = window.looked(reply(CALLBACK, json!({}))).unwrap_err();
    assert_eq!(fault.class, Class::Unsupported);
    let broken = json!({ "broken": "chrome-error://chromewebdata/ ERR_CONNECTION_REFUSED" });
    assert_eq!(window.looked(reply(LOGIN, broken)).unwrap_err().class, Class::Connect);
}

#[tokio::test]
async fn an_application_that_took_the_answer_is_not_a_broken_login_page() {
    let home = "https://app.example.com/home";
    let mut window = window(None).await;
    // Its own page before the login is just a page.
    page(window.looked(story(LOGIN, "a", json!({}))).unwrap());
    window.typed = true;
    let fault = window.looked(story(home, "b", json!({}))).unwrap_err();
    assert!(fault.class == Class::Unsupported && fault.detail.contains("https://app.example.com/home"), "{fault}");

    let mut window = self::window(None).await;
    page(window.looked(story(home, "a", json!({}))).unwrap());
    window.typed = true;
    page(window.looked(story(home, "b", json!({}))).unwrap());
}

#[tokio::test]
async fn requests_count_as_far_as_the_page_knows_them() {
    let mut window = window(Some(3)).await;
    let seen = |own: u32, document: &str| {
        story(LOGIN, document, json!({ "https://login.example.com": own, "https://cdn.example": 90 }))
    };
    page(window.looked(seen(1, "a")).unwrap());
    page(window.looked(seen(1, "a")).unwrap());
    page(window.looked(seen(2, "a")).unwrap());
    assert_eq!(window.looked(seen(0, "b")).unwrap_err().class, Class::Budget);
}

#[tokio::test]
async fn a_lost_browser_is_ours_and_an_answer_that_cannot_be_seen_is_said_at_once() {
    let mut window = window(None).await;
    let gone = WebDriver::new(ErrorStatus::InvalidSessionId, "invalid session id: wonderland-7");
    let fault = window.looked(Err(CmdError::Standard(gone))).unwrap_err();
    assert!(fault.class == Class::Browser && !fault.detail.contains("wonderland"), "{fault}");
    let unloaded = || Err(CmdError::Standard(WebDriver::new(ErrorStatus::JavascriptError, "Document was unloaded")));
    for _ in 0..MAX_BLIND {
        assert!(window.looked(unloaded()).unwrap().is_none());
    }
    assert_eq!(window.looked(unloaded()).unwrap_err().class, Class::Browser);

    let client = Client::with_existing_session("http://127.0.0.1:9/", "x", connector("http:")).await.unwrap();
    client.persist().await.unwrap();
    let (errand, journey) = errand(None, "com.example.app:/cb");
    let fault = ClassicWindow::new(client.clone(), Clock::system(), errand, None).err().unwrap();
    assert_eq!(fault.class, Class::Unsupported);
    drop(journey);
    let (errand, journey) = self::errand(None, CALLBACK);
    assert!(ClassicWindow::new(client, Clock::system(), errand, Some("it is old")).is_ok());
    let warnings = journey.finish(Duration::ZERO).await.warnings;
    assert_eq!(warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), ["no_bidi"]);
    assert!(warnings[0].detail.contains("it is old"));
}
