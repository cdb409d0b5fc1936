//! Whose logout tokens count: a certified provider sends them through a postman of ours, who brings others, or junk. OIDC
//! Back-Channel Logout 1.0 §2.5 to §2.8.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::canary::assert_nowhere;
use crate::support::authprobe::Run;
use crate::support::idp::{Idp, Options};
use crate::support::net;
use crate::support::scene::Scene;

const LOGOUT: &str = r#"
[[probe]]
name = "logout"
kind = "logout"
client = "bye"
user = "alice"
timeout = "60s"
back_channel = true
"#;

const FORM: &str = "content-type: application/x-www-form-urlencoded";

/// What is brought for the provider's letter: each a header and a body.
type Brings = Box<dyn Fn(&str, &str) -> Vec<(String, String)> + Send>;

/// Stands between the provider and authprobe.
#[derive(Clone)]
struct Postman {
    url: String,
    brings: Arc<Mutex<Brings>>,
    /// The first letter that he had.
    first: Arc<Mutex<Option<String>>>,
    /// How what he brought was answered.
    statuses: Arc<Mutex<Vec<u16>>>,
}

impl Postman {
    /// Brings letters to `to`, as they are for now.
    fn start(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let postman = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            brings: Arc::new(Mutex::new(Box::new(|letter, _| vec![letter_of(letter)]))),
            first: Arc::default(),
            statuses: Arc::default(),
        };
        let serving = postman.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serving.serve(stream, &to);
            }
        });
        postman
    }

    /// From now on these, made of the provider's letter and the first that there ever was.
    fn brings(&self, brings: impl Fn(&str, &str) -> Vec<(String, String)> + Send + 'static) {
        *self.brings.lock().unwrap() = Box::new(brings);
        self.statuses.lock().unwrap().clear();
    }

    fn serve(&self, mut stream: TcpStream, to: &str) {
        let Some(letter) = body(&mut stream) else { return };
        let first = self.first.lock().unwrap().get_or_insert_with(|| letter.clone()).clone();
        let all = (self.brings.lock().unwrap())(&letter, &first);
        // The last is alone: what came before has been answered.
        let (last, before) = all.split_last().unwrap();
        let before: Vec<_> = before.iter().cloned().map(|one| bring(to.to_owned(), one)).collect();
        let mut statuses: Vec<u16> = before.into_iter().map(|one| one.join().unwrap()).collect();
        statuses.push(bring(to.to_owned(), last.clone()).join().unwrap());
        self.statuses.lock().unwrap().extend(statuses);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
}

fn bring(to: String, (header, body): (String, String)) -> thread::JoinHandle<u16> {
    thread::spawn(move || net::request("POST", &to, &[&header], &body).map_or(0, |answer| answer.status))
}

fn letter_of(body: &str) -> (String, String) {
    (FORM.to_owned(), body.to_owned())
}

fn body(stream: &mut TcpStream) -> Option<String> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(body.to_owned());
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
        }
    }
}

/// The token of a letter: `logout_token=…`.
fn token(letter: &str) -> &str {
    letter.split('&').find_map(|pair| pair.strip_prefix("logout_token=")).expect("a logout token")
}

/// With other claims; nobody has signed that.
fn forged(letter: &str, change: impl Fn(&mut Value)) -> String {
    let mut parts = token(letter).split('.');
    let (header, payload, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    change(&mut claims);
    format!("logout_token={header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn stage() -> (Idp, Postman, Scene) {
    let listen = format!("127.0.0.1:{}", net::free_port());
    let postman = Postman::start(format!("http://{listen}/backchannel-logout/bye"));
    let environment = [("BACKCHANNEL_LOGOUT_URI", postman.url.as_str())];
    let idp = Idp::with(&Options { environment: &environment, ..Options::default() });
    let mut scene = Scene::new(&idp);
    scene.listen = listen;
    scene.folder.write("bye.secret", "bye-secret");
    scene.more = r#"
[[client]]
name = "bye"
provider = "main"
client_id = "bye"
client_secret = { file = "bye.secret" }
redirect_uri = "http://127.0.0.1:8765/cb"
"#
    .into();
    (idp, postman, scene)
}

fn ended(scene: &Scene) -> (i32, String, Run) {
    let (code, run) = scene.probe_once(LOGOUT, "logout");
    (code, run.fault(), run)
}

/// Two regions, or a person, may end other sessions of the same user meanwhile: such a token is as genuine as ours.
#[test]
fn the_logout_of_another_session_of_the_same_user_is_not_ours() {
    let (_idp, postman, scene) = stage();
    let (code, fault, run) = ended(&scene);
    assert_eq!((code, fault.as_str()), (0, ""), "{:#}", run.0);
    assert_eq!(*postman.statuses.lock().unwrap(), [200]);
    // Genuine, unexpired, of the same user and client: in place of ours.
    postman.brings(|_, first| vec![letter_of(first)]);
    let (code, fault, run) = ended(&scene);
    assert_eq!((code, fault.as_str()), (1, "logout_ineffective/provider at backchannel"), "{:#}", run.0);
    let detail = run.0["fault"]["detail"].as_str().unwrap();
    assert!(detail.contains("one came for another session of this user"), "{detail}");
    // §2.7: whoever has no such session says that it is gone.
    assert_eq!(*postman.statuses.lock().unwrap(), [200]);
    // Before ours.
    postman.brings(|letter, first| vec![letter_of(first), letter_of(letter)]);
    let (code, fault, run) = ended(&scene);
    assert_eq!((code, fault.as_str()), (0, ""), "{:#}", run.0);
}

/// Several regions end sessions of one user with one client at the same time: each takes its own token.
#[test]
fn regions_that_log_out_at_once_take_a_token_each() {
    let (_idp, _postman, mut scene) = stage();
    scene.regions = "[[region]]\nname = \"one\"\n[[region]]\nname = \"two\"\n".into();
    let (code, runs) = scene.probe(LOGOUT, "logout");
    assert_eq!((code, runs.len()), (0, 2), "{runs:?}");
    scene.every = "2s";
    let daemon = scene.daemon(LOGOUT);
    for region in ["one", "two"] {
        let of = format!("probe_region=\"{region}\"");
        daemon.until("authprobe_backchannel_logout_seconds_count", &["probe=\"logout\"", &of], |count| count >= 2.0);
    }
    let runs = daemon.runs("logout");
    assert!(
        runs.iter().all(|run| run.fault().is_empty()),
        "{:#}",
        runs.iter().find(|run| !run.fault().is_empty()).unwrap().0
    );
}

/// The receiver is open to the world: what is not the provider's neither passes, nor ends the wait, nor fills it up.
#[test]
fn junk_at_the_back_channel_changes_nothing() {
    let (idp, postman, scene) = stage();
    postman.brings(|letter, _| {
        let mut all = Vec::new();
        let form = |body: String| (FORM.to_owned(), body);
        for n in 0..12 {
            all.extend([
                form("logout_token=a.b.c".to_owned()),
                form(format!("logout_token={n}")),
                form(format!("logout_token={}", "a".repeat(9000))),
                form(format!("{letter}&{letter}")),
                ("content-type: application/json".to_owned(), json!({ "logout_token": token(letter) }).to_string()),
                // Of our user, and of our very session: only the signature is not the provider's.
                form(forged(letter, |claims| claims["sid"] = Value::Null)),
                form(forged(letter, |claims| claims["jti"] = "another".into())),
                form(forged(letter, |claims| claims["sid"] = "of-nobody".into())),
            ]);
        }
        all.push(letter_of(letter));
        all
    });
    let (code, fault, run) = ended(&scene);
    assert_eq!((code, fault.as_str()), (0, ""), "{:#}", run.0);
    let statuses = postman.statuses.lock().unwrap().clone();
    let (last, junk) = statuses.split_last().unwrap();
    assert_eq!((*last, junk.len()), (200, 96));
    // Refused; too many at once; about a session that nobody has, which is gone then (§2.7).
    assert!(junk.iter().all(|status| matches!(status, 400 | 429 | 200)), "{statuses:?}");
    assert!(junk.iter().filter(|status| **status == 200).count() <= 12, "{statuses:?}");
    assert!(junk.contains(&400), "{statuses:?}");
    assert_nowhere(&idp.secrets(), &[("a run", run.0.to_string())]);
}

/// What names our session can only come from somebody whom the provider has told of it: its signature is its own fault.
#[test]
fn a_token_of_our_session_that_is_not_signed_well_is_refused_by_its_class() {
    let (_idp, postman, scene) = stage();
    postman.brings(|letter, _| vec![letter_of(&forged(letter, |claims| claims["jti"] = "another".into()))]);
    let (code, fault, run) = ended(&scene);
    assert_eq!((code, fault.as_str()), (1, "signature_invalid/provider at backchannel"), "{:#}", run.0);
    assert_eq!(*postman.statuses.lock().unwrap(), [400]);
}
