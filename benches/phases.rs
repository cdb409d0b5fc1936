//! How far the measured phases are from the truth, at 200 requests at once. A server on threads of its own delays its
//! TLS handshake, its head and its body by known times, and says in its answer how long each took by its own clock (a
//! timer is never exact); a SOCKS proxy delays its handshake. The error is what the client measured minus that.
//!
//! Prints lines for benches/compare.py: `row<TAB>what<TAB>reached<TAB>target<TAB>yes|no`.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authprobe::clock::{Clock, Instant};
use authprobe::journey::Journey;
use authprobe::oidc::http::{Egress, Endpoint, Http, Proxy, Request, Trust, warm_up};
use authprobe::oidc::memory::ProviderMemory;
use authprobe::oidc::settings::{MetadataSource, Provider};
use authprobe::outcome::Phases;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

const CONCURRENT: usize = 200;
const REQUESTS_EACH: usize = 10;
/// The target: 99 of 100 errors are at most this.
const TARGET: Duration = Duration::from_millis(1);

fn main() {
    warm_up();
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let ca_file = std::env::temp_dir().join(format!("authprobe-bench-{}.pem", std::process::id()));
    std::fs::write(&ca_file, certificate.cert.pem()).unwrap();
    let acceptor = acceptor(&certificate);
    let plain = on_a_thread(|stream, accepted| serve(stream, accepted.peer, Duration::ZERO));
    let tls = on_a_thread(move |stream, accepted| {
        let acceptor = acceptor.clone();
        async move {
            delay(50).await;
            let stream = acceptor.accept(stream).await?;
            serve(stream, accepted.peer, Clock::system().instant() - accepted.at).await
        }
    });
    let thoughts = Thoughts::default();
    let thinking = thoughts.clone();
    let proxy = on_a_thread(move |stream, accepted| socks(stream, accepted.at, thinking.clone()));

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let direct = Egress::direct("bench");
    let mut proxied = direct.clone();
    proxied.proxy = Some(Proxy::parse(&format!("socks5h://{proxy}")).unwrap());
    for (what, url, egress) in [
        ("http", format!("http://localhost:{}/", plain.port()), &direct),
        ("https", format!("https://localhost:{}/", tls.port()), &direct),
        ("http by socks5h", format!("http://localhost:{}/", plain.port()), &proxied),
    ] {
        let client = Client::new(egress.clone(), &ca_file);
        let errors = runtime.block_on(measure(client, Url::parse(&url).unwrap(), thoughts.clone()));
        report(what, errors);
    }
    std::fs::remove_file(ca_file).ok();
    println!("CPU of one plain request: {:.0} µs", cpu_of_a_request(plain).as_secs_f64() * 1e6);
}

fn acceptor(certificate: &rcgen::CertifiedKey<rcgen::KeyPair>) -> TlsAcceptor {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A connection's beginning.
struct Accepted {
    at: Instant,
    peer: SocketAddr,
}

/// How long the proxy took for each connection, by the port that it connected from.
type Thoughts = Arc<Mutex<BTreeMap<u16, Duration>>>;

/// A server on a thread of its own.
fn on_a_thread<F, Fut>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream, Accepted) -> Fut + Send + 'static,
    Fut: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, peer)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream, Accepted { at: Clock::system().instant(), peer }));
            }
        });
    });
    address
}

async fn delay(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// Reads a request, and answers in two delayed parts: the head says how long handshake and processing took, the body
/// how long it took itself. A path `/now` is answered at once.
async fn serve<S>(mut stream: S, peer: SocketAddr, handshake: Duration) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let clock = Clock::system();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let read = clock.instant();
    if head.starts_with(b"GET /now ") {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}").await?;
        return stream.shutdown().await;
    }
    delay(200).await;
    let processing = (clock.instant() - read).as_nanos();
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nX-Peer: {}\r\nX-Tls: {}\r\nX-Processing: {processing}\r\n\
         Content-Length: 20\r\n\r\n",
        peer.port(),
        handshake.as_nanos()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    let written = clock.instant();
    delay(100).await;
    let transfer = (clock.instant() - written).as_nanos();
    stream.write_all(format!("{transfer:020}").as_bytes()).await?;
    stream.shutdown().await
}

/// A SOCKS proxy that thinks for about 80 ms before it connects, and notes for how long it did.
async fn socks(mut inside: TcpStream, accepted: Instant, thoughts: Thoughts) -> std::io::Result<()> {
    let mut greeting = [0; 3];
    inside.read_exact(&mut greeting).await?;
    inside.write_all(&[5, 0]).await?;
    let mut start = [0; 5];
    inside.read_exact(&mut start).await?;
    let mut name = vec![0; usize::from(start[4]) + 2];
    inside.read_exact(&mut name).await?;
    let port = u16::from_be_bytes([name[name.len() - 2], name[name.len() - 1]]);
    delay(80).await;
    let mut outside = TcpStream::connect(("127.0.0.1", port)).await?;
    outside.set_nodelay(true)?;
    thoughts.lock().unwrap().insert(outside.local_addr()?.port(), Clock::system().instant() - accepted);
    inside.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    tokio::io::copy_bidirectional(&mut inside, &mut outside).await?;
    Ok(())
}

#[derive(Clone)]
struct Client {
    egress: Arc<Egress>,
    provider: Arc<Provider>,
    memory: Arc<ProviderMemory>,
}

impl Client {
    fn new(egress: Egress, ca_file: &std::path::Path) -> Self {
        let provider = Provider {
            name: "bench".into(),
            issuer: "https://localhost".into(),
            metadata: MetadataSource::Auto,
            endpoints: BTreeMap::new(),
            headers: Default::default(),
            trust: Trust { ca_file: Some(ca_file.to_owned()) },
            max_requests_per_minute: None,
            propagate_traceparent: false,
            upstream: None,
        };
        Self { egress: Arc::new(egress), provider: Arc::new(provider), memory: Arc::default() }
    }

    async fn get(&self, url: Url) -> (authprobe::oidc::http::Response, Phases) {
        let mut journey = Journey::new(Clock::system(), Duration::from_secs(30), vec![]);
        let http = Http::new(
            self.egress.clone(),
            self.provider.clone(),
            self.memory.clone(),
            journey.recorder().clone(),
            Clock::system(),
            journey.deadline(),
        );
        let answer = http.send(Request::get(Endpoint::Jwks, url)).await.unwrap();
        journey.step("get", async { Ok(()) }).await.unwrap();
        let ended = journey.finish(Duration::ZERO).await;
        let phases = ended.steps.iter().flat_map(|step| &step.requests).next().unwrap().phases;
        (answer, phases)
    }
}

type Errors = BTreeMap<&'static str, Vec<Duration>>;

async fn measure(client: Client, url: Url, thoughts: Thoughts) -> Errors {
    // The first handshake reads the roots.
    client.get(url.join("now").unwrap()).await;
    let errors = Arc::new(Mutex::new(Errors::new()));
    let workers = (0..CONCURRENT).map(|i| {
        let (client, url, errors, thoughts) = (client.clone(), url.clone(), errors.clone(), thoughts.clone());
        tokio::spawn(async move {
            // Spread, as the schedule spreads checks.
            delay(i as u64 * 2).await;
            for _ in 0..REQUESTS_EACH {
                let (answer, measured) = client.get(url.clone()).await;
                let stated = |name: &str| answer.headers[name].to_str().unwrap().parse::<u64>().unwrap();
                let transfer: u64 = std::str::from_utf8(&answer.body).unwrap().parse().unwrap();
                let thought = thoughts.lock().unwrap().remove(&(stated("x-peer") as u16));
                let truth = Phases {
                    // The system's resolver says nothing of the time it took.
                    resolve: None,
                    // Loopback takes none.
                    connect: Some(thought.unwrap_or_default()),
                    tls: measured.tls.map(|_| Duration::from_nanos(stated("x-tls"))),
                    processing: Some(Duration::from_nanos(stated("x-processing"))),
                    transfer: Some(Duration::from_nanos(transfer)),
                };
                let mut errors = errors.lock().unwrap();
                let measured: BTreeMap<_, _> = measured.iter().collect();
                for (phase, took) in truth.iter() {
                    errors.entry(phase).or_default().push(measured[phase].abs_diff(took));
                }
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    Arc::into_inner(errors).unwrap().into_inner().unwrap()
}

fn report(what: &str, errors: Errors) {
    for (phase, mut errors) in errors {
        errors.sort_unstable();
        let at = |percent: usize| errors[(errors.len() * percent / 100).min(errors.len() - 1)];
        let shown = |took: Duration| format!("{:.3}", took.as_secs_f64() * 1e3);
        let reached = format!("p50 {}, p99 {}, max {} ms", shown(at(50)), shown(at(99)), shown(at(100)));
        let fits = if at(99) <= TARGET { "yes" } else { "no" };
        println!("row\terror of {phase}, {what}, {CONCURRENT} at once\t{reached}\tp99 ≤ 1 ms\t{fits}");
    }
}

/// The CPU time that one request costs us, on a thread that does nothing else.
fn cpu_of_a_request(server: SocketAddr) -> Duration {
    const REQUESTS: u32 = 5000;
    let url = Url::parse(&format!("http://{server}/now")).unwrap();
    let client = Client::new(Egress::direct("bench"), std::path::Path::new("/nonexistent"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let many = async |n: u32| {
        for _ in 0..n {
            client.get(url.clone()).await;
        }
    };
    runtime.block_on(many(200));
    let before = thread_cpu();
    runtime.block_on(many(REQUESTS));
    (thread_cpu() - before) / REQUESTS
}

/// The CPU time of this thread so far (Linux).
fn thread_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}
