//! Real runs of real kinds against the lab, whose answers are mangled on the way: a verdict in time, of a class that is not
//! `internal`, and none of our secrets in it, though they are mixed into what comes back.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use authprobe::clock::Clock;
use authprobe::fault::Class;
use authprobe::lab::{Lab, Options};
use authprobe::oidc::http::warm_up;
use authprobe::outcome::{CheckLabels, Outcome, Verdict};
use authprobe::plan;
use authprobe::runner::{CLEANUP_GRACE, Credentials, Engine, Missed, Stopper, Watch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::folder::Folder;
use crate::mutate::Mutator;

/// How often each probe runs.
const RUNS: usize = 40;
const TIMEOUT: Duration = Duration::from_millis(800);
/// How much later than its timeout a run may be over on a busy machine.
const SLACK: Duration = Duration::from_secs(3);
/// What we know and nobody else may read.
const SECRETS: [&str; 3] = ["svc-secret", "web-secret", "wonderland-7"];
/// More than any limit of a head or a body.
const ENDLESS: usize = 3 * 1024 * 1024;

struct Nobody;

impl Watch for Nobody {
    fn outcome(&self, _: &Arc<Outcome>) {}
    fn missed(&self, _: &CheckLabels, _: Missed, _: u64) {}
    fn started(&self, _: &CheckLabels) {}
    fn lateness(&self, _: Duration) {}
}

fn configuration(issuer: &str) -> String {
    let mut text = format!("[[region]]\nname = 'eu'\n[[provider]]\nname = 'main'\nissuer = '{issuer}'\n");
    for (name, secret) in [("web", "web-secret"), ("svc", "svc-secret")] {
        text.push_str(&format!(
            "[[client]]\nname = '{name}'\nprovider = 'main'\nclient_id = '{name}'\nclient_secret = {{ file = '{secret}' }}\n\
             redirect_uri = 'http://127.0.0.1:8765/cb'\n"
        ));
    }
    text.push_str("[[user]]\nname = 'alice'\nusername = 'alice'\npassword = { file = 'wonderland-7' }\n");
    for (kind, who) in [
        ("discovery", "provider = 'main'"),
        ("jwks", "provider = 'main'"),
        ("client_credentials", "client = 'svc'"),
        ("form_login", "client = 'web'\nuser = 'alice'"),
    ] {
        let timeout = TIMEOUT.as_millis();
        text.push_str(&format!(
            "[[probe]]\nname = '{kind}'\nkind = '{kind}'\n{who}\nevery = '1m'\ntimeout = '{timeout}ms'\n"
        ));
    }
    text
}

/// Passes requests on to `to` one by one, and answers back, mangled or not.
async fn relay(listener: TcpListener, to: std::net::SocketAddr, mutator: Arc<Mutex<Mutator>>) {
    while let Ok((client, _)) = listener.accept().await {
        let mutator = mutator.clone();
        tokio::spawn(async move {
            // Whoever went away has what it wanted.
            let _ = exchange(client, to, &mutator).await;
        });
    }
}

async fn exchange(mut client: TcpStream, to: std::net::SocketAddr, mutator: &Mutex<Mutator>) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 8192];
    while !is_whole(&request) {
        match client.read(&mut buffer).await? {
            0 => return Ok(()),
            n => request.extend_from_slice(&buffer[..n]),
        }
    }
    let mut server = TcpStream::connect(to).await?;
    server.write_all(&request).await?;
    let mut answer = Vec::new();
    // Our client asks for the connection to be closed.
    server.read_to_end(&mut answer).await?;
    let how = mangle(&mut mutator.lock().unwrap(), &mut answer);
    match how {
        How::Whole => client.write_all(&answer).await?,
        How::Hanging => {
            client.write_all(&answer).await?;
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        How::Dripping => {
            for byte in answer {
                client.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        }
    }
    client.shutdown().await
}

enum How {
    Whole,
    Hanging,
    Dripping,
}

fn mangle(mutator: &mut Mutator, answer: &mut Vec<u8>) -> How {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let other = answer.clone();
    match mutator.below(24) {
        0 => *answer = mutator.noise(4096),
        1 => answer.truncate(mutator.below(other.len())),
        2 => {
            answer.truncate(mutator.below(other.len()));
            return How::Hanging;
        }
        3 => answer.clear(),
        4 => return How::Dripping,
        5 => {
            let at = mutator.below(head);
            answer.splice(at..at, std::iter::repeat_n(b'a', ENDLESS));
        }
        6 => answer.extend(std::iter::repeat_n(b' ', ENDLESS)),
        7 => {
            *answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n".to_vec();
            answer.extend(mutator.noise(4096));
        }
        // The head fits the body, whatever that has become: what is read is what is judged.
        8..=11 => {
            let mut body = answer.split_off(head);
            for _ in 0..=mutator.below(4) {
                mutator.mutate(&mut body, &other);
            }
            let status = other.get(9..12).map_or("200".into(), String::from_utf8_lossy);
            let media = if body.starts_with(b"<") { "text/html" } else { "application/json" };
            *answer = format!("HTTP/1.1 {status} X\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n", body.len())
                .into_bytes();
            answer.extend(body);
        }
        12..=14 => {
            for _ in 0..=mutator.below(4) {
                mutator.mutate(answer, &other);
            }
        }
        _ => {}
    }
    How::Whole
}

/// Whether a request is there, body included.
fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    request.len() >= head + 4 + length.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::disallowed_methods)] // The clock of the machine is right for how long a run may take.
async fn any_answer_ends_in_a_verdict_within_the_deadline() {
    warm_up();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let lab = Lab::start(Options { issuer: Some(issuer.clone()), ..Options::default() }).await.unwrap();
    let mutator = Arc::new(Mutex::new(Mutator::new("mangled", SECRETS[2])));
    let relay = tokio::spawn(relay(listener, lab.address, mutator.clone()));
    let folder = Folder::new();
    SECRETS.iter().for_each(|secret| std::fs::write(folder.join(secret), secret).unwrap());
    let plan =
        plan::from_str("mangled.toml", &configuration(&issuer), &folder).unwrap_or_else(|wrong| panic!("{wrong}"));
    let (mut good, mut classes) = (0, std::collections::BTreeMap::<Class, usize>::new());
    for n in 0..RUNS {
        for check in &plan.checks {
            // Mangled refusals of credentials must not stop those who come after.
            let engine = Engine::new(Clock::system(), Arc::new(Nobody)).unwrap();
            let (_stopper, stop) = Stopper::new();
            *mutator.lock().unwrap() = Mutator::new(&format!("{} {n}", check.labels.kind), SECRETS[n % SECRETS.len()]);
            let begun = Instant::now();
            let outcome = engine.run_now(check, &Credentials::of(check), stop).await.expect("nobody interrupts");
            let took = begun.elapsed();
            let about = format!("{} {n}: {:?}", check.labels.kind, outcome.fault);
            assert!(outcome.duration <= TIMEOUT + SLACK, "{about}: {:?}", outcome.duration);
            assert!(took <= TIMEOUT + CLEANUP_GRACE + SLACK, "{about}: {took:?}");
            match &outcome.fault {
                None => {
                    assert_eq!(outcome.verdict, Verdict::Good, "{about}");
                    good += 1;
                }
                Some(fault) => {
                    assert_ne!(fault.class, Class::Internal, "{about}");
                    assert_ne!(outcome.verdict, Verdict::Good, "{about}");
                    assert!(check.probe.probe.steps().contains(&fault.step), "{about}");
                    assert!(!fault.detail.chars().any(char::is_control), "{about}");
                    *classes.entry(fault.class).or_default() += 1;
                }
            }
            let record = serde_json::to_string(&*outcome).unwrap();
            assert!(SECRETS.iter().all(|secret| !record.contains(secret)), "{about}: {record}");
            engine.clean_up().await;
        }
    }
    relay.abort();
    lab.shutdown().await;
    // The harness reaches both: runs that get through, and many ways to fail.
    assert!(good >= 10 && classes.len() >= 6, "{good} good; {classes:?}");
}
