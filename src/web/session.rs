//! Who signed in, and how often somebody tried in vain. In memory only: a restart signs everybody out.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Timestamp;
use crate::secret::Secret;

/// How long a session lasts, whether it is used or not.
pub const LASTS: Duration = Duration::from_secs(12 * 3600);
/// How many there may be at once; the oldest make room.
const MAX_SESSIONS: usize = 1000;

/// What a secret is compared and found by: whoever holds it learns nothing that opens a door.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// SHA-256 of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(digest(&SHA256, bytes).as_ref().try_into().expect("32 bytes"))
    }

    /// Whether both are of the same bytes, in constant time.
    pub fn is(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::secret::REDACTED)
    }
}

/// All sessions, by the digest of what their cookie says.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<Digest, Session>>);

#[derive(Clone, Copy, Debug)]
struct Session {
    /// The token that it was opened with: what is not the token any more opens nothing.
    token: Digest,
    until: Timestamp,
}

impl Sessions {
    /// Opens one for whoever showed that token; what its cookie must say.
    pub fn open(&self, token: Digest, now: Timestamp) -> Secret {
        let mut random = [0; 32];
        aws_lc_rs::rand::fill(&mut random).expect("the system's random numbers");
        let value = URL_SAFE_NO_PAD.encode(random);
        let mut open = self.0.lock().expect("sessions");
        if open.len() >= MAX_SESSIONS {
            open.retain(|_, session| session.until > now);
        }
        if open.len() >= MAX_SESSIONS
            && let Some(oldest) = open.iter().min_by_key(|(_, session)| session.until).map(|(key, _)| *key)
        {
            open.remove(&oldest);
        }
        open.insert(Digest::of(value.as_bytes()), Session { token, until: now + LASTS });
        Secret::new(value)
    }

    /// The digest of the token with which that session was opened; `None`: it is none, or over.
    pub fn token(&self, value: &str, now: Timestamp) -> Option<Digest> {
        let open = self.0.lock().expect("sessions");
        open.get(&Digest::of(value.as_bytes())).filter(|session| now < session.until).map(|session| session.token)
    }

    /// Ends one, if it is one.
    pub fn close(&self, value: &str) {
        self.0.lock().expect("sessions").remove(&Digest::of(value.as_bytes()));
    }
}

/// In which time failures are counted.
const WHILE: Duration = Duration::from_secs(60);
/// How many may come from one address.
const MAX_OF_ONE: u32 = 10;
/// How many may come over one connection's other end, whoever stands behind it: a proxy is the other end of everybody's.
const MAX_OF_PEER: u32 = 100;
/// How many addresses are remembered; the oldest make room.
const MAX_REMEMBERED: usize = 2048;

/// How often tokens that are none were tried lately. What is refused for that is not counted, so nobody is kept out for
/// longer than a minute after the last real attempt; whoever stands elsewhere is not kept out at all.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<Who, Count>>);

/// From where somebody tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// The other end of the connection.
    Peer(IpAddr),
    /// Whom a proxy at the other end names.
    Behind(IpAddr, IpAddr),
    /// All whom that proxy names.
    AllBehind(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Timestamp,
    failures: u32,
}

impl Who {
    /// `forwarded`: `X-Forwarded-For`, to which the nearest proxy adds whom it speaks for. Anybody may write what he likes
    /// there; he is still counted by his own address.
    pub fn new(peer: IpAddr, forwarded: Option<&str>) -> Self {
        let last = forwarded.and_then(|all| all.rsplit(',').next()).and_then(|last| last.trim().parse().ok());
        match last {
            Some(last) => Self::Behind(network(peer), network(last)),
            None => Self::Peer(network(peer)),
        }
    }

    /// What they are counted by, and how often each may fail.
    fn limits(self) -> Vec<(Self, u32)> {
        match self {
            Self::Behind(peer, _) => vec![(self, MAX_OF_ONE), (Self::AllBehind(peer), MAX_OF_PEER)],
            _ => vec![(self, MAX_OF_ONE)],
        }
    }
}

/// One address of version 4, or the network of one machine of version 6: there an address costs nothing.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64))),
        ip => ip,
    }
}

impl Failures {
    /// Begins an attempt, which counts as a failure until [`Failures::succeeded`] says otherwise: so many at once are no
    /// way around the limit.
    ///
    /// # Errors
    /// How long they must wait before they may try again.
    pub fn begin(&self, who: Who, now: Timestamp) -> Result<(), Duration> {
        let mut counts = self.0.lock().expect("failures");
        let left = |(who, most): (Who, u32)| {
            let count = counts.get(&who).filter(|count| count.failures >= most && count.is_young(now))?;
            WHILE.checked_sub(now.since(count.since))
        };
        if let Some(left) = who.limits().into_iter().filter_map(left).max() {
            return Err(left);
        }
        for (who, _) in who.limits() {
            if counts.len() >= MAX_REMEMBERED && !counts.contains_key(&who) {
                make_room(&mut counts, now);
            }
            let count = counts.entry(who).or_insert(Count { since: now, failures: 0 });
            if !count.is_young(now) {
                *count = Count { since: now, failures: 0 };
            }
            count.failures += 1;
        }
        Ok(())
    }

    /// An attempt was none in vain.
    pub fn succeeded(&self, who: Who) {
        let mut counts = self.0.lock().expect("failures");
        for (who, _) in who.limits() {
            if let Some(count) = counts.get_mut(&who) {
                count.failures = count.failures.saturating_sub(1);
            }
        }
    }
}

impl Count {
    /// Whether it says something of the last minute. A clock that was set back keeps nobody out.
    fn is_young(&self, now: Timestamp) -> bool {
        now >= self.since && now.since(self.since) < WHILE
    }
}

fn make_room(counts: &mut HashMap<Who, Count>, now: Timestamp) {
    counts.retain(|_, count| count.is_young(now));
    if counts.len() >= MAX_REMEMBERED
        && let Some(oldest) = counts.iter().min_by_key(|(_, count)| count.since).map(|(who, _)| *who)
    {
        counts.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn who(peer: &str, forwarded: Option<&str>) -> Who {
        Who::new(peer.parse().unwrap(), forwarded)
    }

    #[test]
    fn a_session_is_found_until_its_time_is_over_or_it_is_closed() {
        let (sessions, token) = (Sessions::default(), Digest::of(b"token"));
        let value = sessions.open(token, NOW);
        assert_eq!(value.expose().len(), 43, "32 random bytes");
        assert_eq!(sessions.token(value.expose(), NOW + LASTS - Duration::from_secs(1)), Some(token));
        assert_eq!(sessions.token(value.expose(), NOW + LASTS), None, "whether it is used or not");
        assert_eq!(sessions.token("nonsense", NOW), None);
        sessions.close(value.expose());
        assert_eq!(sessions.token(value.expose(), NOW), None);
        assert_ne!(sessions.open(token, NOW), sessions.open(token, NOW));
    }

    #[test]
    fn the_oldest_session_makes_room() {
        let (sessions, token) = (Sessions::default(), Digest::of(b"token"));
        let open = |n: usize| sessions.open(token, NOW + Duration::from_secs(n as u64));
        let first = open(0);
        let second = open(1);
        (2..=MAX_SESSIONS).for_each(|n| drop(open(n)));
        let now = NOW + Duration::from_secs(2000);
        assert_eq!(sessions.0.lock().unwrap().len(), MAX_SESSIONS);
        assert_eq!((sessions.token(first.expose(), now), sessions.token(second.expose(), now)), (None, Some(token)));
    }

    #[test]
    fn nothing_of_a_session_shows() {
        let sessions = Sessions::default();
        let value = sessions.open(Digest::of(b"the token"), NOW);
        let shown = format!("{sessions:?}");
        assert!(shown.contains("[redacted]") && !shown.contains(value.expose()), "{shown}");
        let bytes = format!("{:?}", Digest::of(b"the token").0);
        assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
    }

    #[test]
    fn ten_failures_a_minute_are_enough_for_one_and_nothing_to_others() {
        let (failures, one) = (Failures::default(), who("192.0.2.1", None));
        for n in 0..10 {
            assert_eq!(failures.begin(one, NOW + Duration::from_secs(n)), Ok(()), "{n}");
        }
        let later = NOW + Duration::from_secs(20);
        let wait = Err(Duration::from_secs(40));
        assert_eq!(failures.begin(one, later), wait);
        assert_eq!(failures.begin(who("::ffff:192.0.2.1", None), later), wait, "the same");
        assert_eq!(failures.begin(who("192.0.2.2", None), later), Ok(()));
        assert_eq!(failures.begin(one, NOW + WHILE), Ok(()), "not for long, and what was refused does not count");
        assert_eq!(failures.begin(one, NOW - Duration::from_secs(3600)), Ok(()), "a clock that was set back");
    }

    #[test]
    fn what_was_no_failure_is_not_counted() {
        let (failures, one) = (Failures::default(), who("192.0.2.1", Some("203.0.113.5")));
        for _ in 0..200 {
            failures.begin(one, NOW).unwrap();
            failures.succeeded(one);
        }
    }

    #[test]
    fn behind_a_proxy_a_stranger_keeps_out_himself_only_and_nobody_hides() {
        let (failures, stranger) = (Failures::default(), who("127.0.0.1", Some("198.51.100.9, 203.0.113.5")));
        (0..10).for_each(|_| failures.begin(stranger, NOW).unwrap());
        assert!(failures.begin(stranger, NOW).is_err());
        assert!(failures.begin(who("127.0.0.1", Some("10.0.0.1, 203.0.113.5")), NOW).is_err(), "the last one counts");
        assert_eq!(failures.begin(who("127.0.0.1", Some("203.0.113.6")), NOW), Ok(()));
        assert_eq!(failures.begin(who("127.0.0.1", None), NOW), Ok(()));
        // Somebody who makes up a new address each time.
        let liar = |n: u32| who("192.0.2.1", Some(&format!("10.0.{}.{}", n / 256, n % 256)));
        (0..100).for_each(|n| failures.begin(liar(n), NOW).unwrap());
        assert!(failures.begin(liar(1000), NOW).is_err());
    }

    #[test]
    fn a_machine_of_version_6_is_one_and_no_more_are_remembered_than_allowed() {
        assert_eq!(who("2001:db8:0:1::1", None), who("2001:db8:0:1:ffff::2", None));
        assert_ne!(who("2001:db8:0:1::1", None), who("2001:db8:0:2::1", None));
        let failures = Failures::default();
        for n in 0..5000_u32 {
            let peer = IpAddr::from([10, 0, (n / 256) as u8, (n % 256) as u8]);
            failures.begin(Who::new(peer, None), NOW + Duration::from_millis(u64::from(n))).unwrap();
        }
        assert_eq!(failures.0.lock().unwrap().len(), MAX_REMEMBERED);
    }
}
