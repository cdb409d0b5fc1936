//! What became of connections, by host and port.

use std::net::IpAddr;

use url::Host;

use super::Tunnel;
use crate::fault::Fault;

/// The most hosts (with their ports) that are remembered; the longest unseen is forgotten first.
const MAX_SEEN: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Book {
    begun: u64,
    seen: Vec<Seen>,
}

/// The latest connection to a host and port.
#[derive(Debug)]
pub(super) struct Seen {
    host: String,
    port: u16,
    attempt: u64,
    pub(super) tunnel: Tunnel,
    pub(super) fault: Option<Fault>,
}

impl Book {
    /// An attempt begins: its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    /// What came of it, unless a later one to the same host and port was faster.
    pub(super) fn end(&mut self, attempt: u64, host: &Host<String>, port: u16, tunnel: Tunnel, fault: Option<Fault>) {
        let host = name(host);
        if let Some(known) = self.seen.iter().position(|seen| seen.port == port && seen.host == host) {
            if self.seen[known].attempt > attempt {
                return;
            }
            self.seen.remove(known);
        } else if self.seen.len() >= MAX_SEEN {
            self.seen.remove(0);
        }
        self.seen.push(Seen { host, port, attempt, tunnel, fault });
    }

    /// What is known of it, however the host is written.
    pub(super) fn get(&self, host: &str, port: u16) -> Option<&Seen> {
        let host = name(&parse(host)?);
        self.seen.iter().find(|seen| seen.port == port && seen.host == host)
    }
}

/// A host as a browser names it: an address (IPv6 in brackets or not), or a name. `None` if it can be neither.
pub(super) fn parse(text: &str) -> Option<Host<String>> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    match bare.parse() {
        Ok(IpAddr::V4(ip)) => Some(Host::Ipv4(ip)),
        Ok(IpAddr::V6(ip)) => Some(Host::Ipv6(ip)),
        Err(_) => Host::parse(bare).ok(),
    }
}

/// Under which it is remembered. Names are in lower case already.
fn name(host: &Host<String>) -> String {
    let name = host.to_string();
    name.strip_suffix('.').map(str::to_owned).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Class;

    fn fault(detail: &str) -> Option<Fault> {
        Some(Fault::new(Class::Connect, detail))
    }

    fn end(book: &mut Book, attempt: u64, host: &str, fault: Option<Fault>) {
        book.end(attempt, &parse(host).unwrap(), 443, Tunnel::default(), fault);
    }

    fn detail(book: &Book, host: &str) -> Option<String> {
        book.get(host, 443)?.fault.as_ref().map(|fault| fault.detail.clone())
    }

    #[test]
    fn a_host_is_the_same_however_it_is_written() {
        let mut book = Book::default();
        for (host, others) in [
            ("login.example.com", &["LOGIN.Example.com", "login.example.com.", "login%2Eexample.com"][..]),
            ("2001:DB8::1", &["[2001:db8::1]", "2001:db8:0:0::1"]),
            ("192.0.2.7", &["192.0.2.7.", "[192.0.2.7]"]),
            ("bücher.example", &["xn--bcher-kva.example", "BÜCHER.example"]),
        ] {
            let attempt = book.begin();
            end(&mut book, attempt, host, fault(host));
            for other in others {
                assert_eq!(detail(&book, other).as_deref(), Some(host), "{other}");
            }
        }
        for wrong in ["example.com", "login.example.com..", "", "login.example.com/", "a b", "a\r\nb", "::1%lo"] {
            assert_eq!(detail(&book, wrong), None, "{wrong}");
        }
        assert!(book.get("login.example.com", 80).is_none());
        for hostile in ["", "a b", "a\r\nX: y", "a/b", "a:80", "u@a", "a\0", "[::1", "::1]"] {
            assert_eq!(parse(hostile), None, "{hostile:?}");
        }
    }

    #[test]
    fn the_latest_attempt_counts_whichever_ends_last() {
        let mut book = Book::default();
        let (first, second, third) = (book.begin(), book.begin(), book.begin());
        end(&mut book, second, "a.test", None);
        end(&mut book, first, "a.test", fault("late"));
        assert!(book.get("a.test", 443).is_some_and(|seen| seen.fault.is_none()));
        end(&mut book, third, "a.test", fault("again"));
        assert_eq!(detail(&book, "a.test").as_deref(), Some("again"));
    }

    #[test]
    fn memory_is_bounded() {
        let mut book = Book::default();
        for i in 0..=MAX_SEEN {
            let attempt = book.begin();
            end(&mut book, attempt, &format!("{i}.test"), fault("x"));
            // Seen again and again, so it stays.
            let attempt = book.begin();
            end(&mut book, attempt, "0.test", fault("x"));
        }
        assert_eq!(book.seen.len(), MAX_SEEN);
        assert_eq!((detail(&book, "1.test"), detail(&book, "0.test")), (None, Some("x".to_owned())));
    }
}
