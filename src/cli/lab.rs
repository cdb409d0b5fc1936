//! `authprobe lab`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Exit;
use crate::clock::Clock;
use crate::lab::accounts::{CLIENTS, USERS};
use crate::lab::fault::{self, Kind};
use crate::lab::{Lab, LabHandle, Options};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Loopback address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9480")]
    listen: String,
    /// Issuer, perhaps with a path [default: http://ADDR]; port 0 stands for the port listened on
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Fault to start with: NAME, NAME=value or NAME=parameter:value,…
    #[arg(long = "fault", value_name = "NAME")]
    faults: Vec<String>,
    /// Speak https, with a certificate whose authority, made at start, is written to FILE (PEM), for `ca_file`
    #[arg(long, value_name = "FILE")]
    tls: Option<PathBuf>,
    /// Be a broker: users log in at that provider, such as another lab, which runs already
    #[arg(long, value_name = "ISSUER")]
    upstream: Option<String>,
    /// Who the broker is there: a public client with the redirect URI http://ADDR/broker
    #[arg(long, value_name = "ID", default_value = "spa", requires = "upstream")]
    upstream_client: String,
    /// Name every fault with its parameters, and stop
    #[arg(long)]
    list_faults: bool,
}

/// Runs it: until SIGINT or SIGTERM.
pub async fn main(args: Args) -> Exit {
    if args.list_faults {
        print!("{}", list());
        return Exit::Good;
    }
    // Caught before anything is said, so that whoever reads the announcement can stop the lab.
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(interrupt), Ok(terminate)) = signals else {
        eprintln!("error: cannot catch signals");
        return Exit::Unknown;
    };
    let started = match address(&args.listen) {
        Ok(listen) => {
            let (tls, faults) = (args.tls.is_some(), args.faults.clone());
            let (issuer, upstream) = (args.issuer, args.upstream.map(|issuer| (issuer, args.upstream_client)));
            Lab::start(Options { listen, issuer, faults, tls, upstream, clock: Clock::system() }).await
        }
        Err(error) => Err(error),
    };
    let lab = match started {
        Ok(lab) => lab,
        Err(error) => {
            eprintln!("error: {error}");
            return Exit::Usage;
        }
    };
    if let (Some(file), Some(authority)) = (&args.tls, &lab.authority)
        && let Err(error) = std::fs::write(file, authority)
    {
        eprintln!("error: --tls {}: {error}", file.display());
        return Exit::Usage;
    }
    print!("{}", announcement(&lab, &args.faults, args.tls.as_deref()));
    stopped(interrupt, terminate).await;
    lab.shutdown().await;
    Exit::Interrupted
}

async fn stopped(mut interrupt: Signal, mut terminate: Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// `localhost:9480` is as good as its number.
fn address(text: &str) -> Result<SocketAddr, String> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().map_err(|_| format!("--listen {text}: not an address like 127.0.0.1:9480"))
}

fn announcement(lab: &LabHandle, faults: &[String], authority: Option<&Path>) -> String {
    let address = lab.address;
    let mut out = format!("lab provider on loopback, for tests only\n\n  issuer   {}\n", lab.issuer);
    if let Some(file) = authority {
        out.push_str(&format!("  ca_file  {}\n", file.display()));
    }
    for user in USERS {
        out.push_str(&format!("  user     {} / {}\n", user.name, user.password));
    }
    for client in CLIENTS {
        let secret = client.secret.map_or_else(|| "(public)".to_owned(), |secret| format!("/ {secret}"));
        let grants: Vec<_> = client.grants.iter().filter_map(|grant| grant.rsplit(':').next()).collect();
        out.push_str(&format!("  client   {} {secret}: {}\n", client.id, grants.join(", ")));
    }
    for fault in faults {
        out.push_str(&format!("  fault    {fault}\n"));
    }
    out.push_str(&format!(
        "\n  faults   curl http://{address}/lab/faults\n  \
           on       curl -X PUT http://{address}/lab/faults/latency -d '{{\"delay_ms\": 800, \"endpoint\": \"token\"}}'\n  \
           off      curl -X DELETE http://{address}/lab/faults/latency\n  \
           all off  curl -X DELETE http://{address}/lab/faults\n  \
           rotate   curl -X POST http://{address}/lab/rotate -d '{{\"overlap\": true}}'\n"
    ));
    out
}

fn list() -> String {
    let mut out = String::new();
    let parameter = |p: &fault::Parameter| {
        let default = match &p.kind {
            Kind::Choice { default, .. } => (*default).to_owned(),
            other => other.default().to_string(),
        };
        format!("    {:<12} {}; {} [default: {default}]\n", p.name, p.about, p.kind.allowed())
    };
    for fault in fault::all() {
        out.push_str(&format!("{}\n  {}\n", fault.name, fault.about));
        out.extend(fault.parameters.iter().map(parameter));
    }
    out.push_str("every fault\n");
    out.extend(fault::COMMON.iter().map(parameter));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_listed_with_its_parameters() {
        let list = list();
        for fault in fault::all() {
            assert!(list.lines().any(|line| line == fault.name), "{}", fault.name);
        }
        assert!(list.contains("delay_ms     how late; a whole number from 0 to 3600000 [default: 1000]"));
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(address("localhost:1").unwrap(), SocketAddr::from(([127, 0, 0, 1], 1)));
        assert!(address("9480").unwrap_err().contains("127.0.0.1:9480"));
    }
}
