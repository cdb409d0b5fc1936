//! What the lab remembers, all of it in memory, with a lifetime and a cap: interactions, sessions, codes, tokens.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::accounts::{Client, User};
use super::authorize::AuthRequest;
use super::device::Device;
use super::extras::Extras;
use super::form::Form;
use super::pages::LoginForm;
use super::registration::Registered;
use crate::clock::Timestamp;

/// How long access tokens and ID tokens live.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(300);
/// How long a refresh token lives.
pub const REFRESH_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a pushed authorization request waits for its user.
pub const PUSHED_LIFETIME: Duration = Duration::from_secs(60);
/// Longer than proofs and assertions are good.
const PROOF_LIFETIME: Duration = Duration::from_secs(900);
const CODE_LIFETIME: Duration = Duration::from_secs(60);
const INTERACTION_LIFETIME: Duration = Duration::from_secs(600);
const DEVICE_LIFETIME: Duration = Duration::from_secs(600);
const CLIENT_LIFETIME: Duration = Duration::from_secs(3600);
const SESSION_LIFETIME: Duration = Duration::from_secs(8 * 3600);
const CAP: usize = 20_000;
/// More: at 300 tokens a second they all live out their lifetime.
const TOKEN_CAP: usize = 100_000;

/// 256 random bits as text: codes, opaque tokens, cookies.
pub fn random() -> String {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A map whose entries live equally long, and of which there are only so many: the oldest leave first.
#[derive(Debug)]
pub struct Expiring<K, V> {
    entries: HashMap<K, (Timestamp, V)>,
    order: VecDeque<(Timestamp, K)>,
    lifetime: Duration,
    cap: usize,
}

impl<K: Clone + Eq + Hash, V> Expiring<K, V> {
    fn new(lifetime: Duration, cap: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), lifetime, cap }
    }

    /// Adds an entry; keys are never used twice.
    pub fn insert(&mut self, now: Timestamp, key: K, value: V) {
        let until = now + self.lifetime;
        self.entries.insert(key.clone(), (until, value));
        self.order.push_back((until, key));
        while self.order.len() > self.cap || self.order.front().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, key)) = self.order.pop_front() {
                self.entries.remove(&key);
            }
        }
    }

    /// The entry, while it lives.
    pub fn get(&mut self, now: Timestamp, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).filter(|(until, _)| *until > now).map(|(_, value)| value)
    }

    /// Takes an entry out, while it lives.
    pub fn remove(&mut self, now: Timestamp, key: &K) -> Option<V> {
        self.entries.remove(key).filter(|(until, _)| *until > now).map(|(_, value)| value)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keeps only some.
    fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.entries.retain(|_, (_, value)| keep(value));
    }
}

/// When something stops working; the end of time while it lives.
#[derive(Debug)]
pub struct Death(AtomicI64);

impl Default for Death {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MAX))
    }
}

impl Death {
    /// Set for `at`, unless it comes earlier already.
    pub fn set(&self, at: Timestamp) {
        self.0.fetch_min(at.as_nanos(), Ordering::AcqRel);
    }

    /// Whether it has come.
    pub fn has_come(&self, now: Timestamp) -> bool {
        self.0.load(Ordering::Acquire) <= now.as_nanos()
    }
}

/// What a user or a client granted: all tokens that come from one grant share it, and die with it.
#[derive(Debug)]
pub struct Grant {
    /// To whom.
    pub client: &'static Client,
    /// By whom; `None`: a client for itself.
    pub user: Option<&'static User>,
    /// `sub`: the user's, or a client's identifier.
    pub subject: String,
    /// What.
    pub scopes: Vec<String>,
    /// When the user logged in, as the lab tells it.
    pub auth_time: Option<Timestamp>,
    /// The session it belongs to, for `sid`.
    pub session: Option<String>,
    /// `nonce` of the request.
    pub nonce: Option<String>,
    /// What was asked for besides scopes.
    pub extras: Arc<Extras>,
    /// When it was made.
    pub made: Timestamp,
    /// When all of it was revoked.
    pub death: Death,
}

/// An access token.
#[derive(Debug)]
pub struct Access {
    /// Where it comes from.
    pub grant: Arc<Grant>,
    /// What it is good for: the grant's scopes or fewer.
    pub scopes: Vec<String>,
    /// Its audience.
    pub audience: Vec<String>,
    /// Who acts, as in `act` (RFC 8693 §4.1).
    pub actor: Option<serde_json::Value>,
    /// `jti`.
    pub id: String,
    /// `iat` and `exp`, as the lab tells them.
    pub told: (Timestamp, Timestamp),
    /// The thumbprint of the key that it is bound to (RFC 9449 §6).
    pub key: Option<String>,
    /// When it was revoked itself.
    pub death: Death,
}

impl Access {
    /// Whether it still works.
    pub fn alive(&self, now: Timestamp) -> bool {
        !self.death.has_come(now) && !self.grant.death.has_come(now)
    }
}

/// A refresh token.
#[derive(Debug)]
pub struct Refresh {
    /// Where it comes from.
    pub grant: Arc<Grant>,
    /// Whether a newer one has taken its place.
    pub used: bool,
    /// `exp`, as the lab tells it.
    pub told_until: Timestamp,
}

/// An authorization code.
#[derive(Debug)]
pub struct Code {
    /// What it stands for.
    pub grant: Arc<Grant>,
    /// Where it was sent.
    pub redirect_uri: String,
    /// `code_challenge` (S256).
    pub challenge: String,
    /// Whether it was exchanged.
    pub used: bool,
}

/// A session of a browser: single sign-on.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its public identifier, for `sid`.
    pub id: String,
    /// Who is logged in.
    pub user: &'static User,
    /// Since when, as the lab tells it.
    pub auth_time: Timestamp,
    /// What the user agreed to: client and scope.
    pub consents: HashSet<(&'static str, String)>,
}

/// A login under way in a browser.
#[derive(Clone, Debug)]
pub struct Interaction {
    /// What was asked.
    pub request: Arc<AuthRequest>,
    /// The cookie of the browser that began it.
    pub browser: String,
    /// The hidden field of its forms.
    pub csrf: String,
    /// The form as it was last shown.
    pub form: LoginForm,
    /// The user name of a form in two steps, after the first.
    pub identified: Option<String>,
    /// The session cookie, once logged in.
    pub session: Option<String>,
}

/// The digest under which a token is kept.
pub type TokenKey = [u8; 32];

/// The key of a token.
pub fn token_key(token: &str) -> TokenKey {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    key
}

/// All of it.
#[derive(Debug)]
pub struct Store {
    /// By identifier.
    pub interactions: Expiring<String, Interaction>,
    /// By cookie.
    pub sessions: Expiring<String, Session>,
    /// By code.
    pub codes: Expiring<String, Code>,
    /// By digest.
    pub access: Expiring<TokenKey, Arc<Access>>,
    /// By digest.
    pub refresh: Expiring<TokenKey, Refresh>,
    /// Identifiers of proofs and assertions that were seen, and nonces that were given.
    pub proofs: Expiring<String, ()>,
    /// Pushed requests, by reference.
    pub pushed: Expiring<String, (&'static Client, Form)>,
    /// By user code.
    pub devices: Expiring<String, Device>,
    /// User codes by digest of the device code.
    pub device_codes: Expiring<TokenKey, String>,
    /// Clients that registered themselves, by identifier.
    pub clients: Expiring<String, Registered>,
    /// Where logout tokens of a client go (OIDC Back-Channel Logout 1.0 §2.2).
    pub backchannels: HashMap<&'static str, url::Url>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            interactions: Expiring::new(INTERACTION_LIFETIME, CAP),
            sessions: Expiring::new(SESSION_LIFETIME, CAP),
            codes: Expiring::new(CODE_LIFETIME, CAP),
            access: Expiring::new(TOKEN_LIFETIME, TOKEN_CAP),
            refresh: Expiring::new(REFRESH_LIFETIME, CAP),
            proofs: Expiring::new(PROOF_LIFETIME, TOKEN_CAP),
            pushed: Expiring::new(PUSHED_LIFETIME, CAP),
            devices: Expiring::new(DEVICE_LIFETIME, CAP),
            device_codes: Expiring::new(DEVICE_LIFETIME, CAP),
            clients: Expiring::new(CLIENT_LIFETIME, CAP),
            backchannels: HashMap::new(),
        }
    }
}

impl Store {
    /// Ends the session of that public identifier.
    pub fn end_session(&mut self, id: &str) {
        self.sessions.retain(|session| session.id != id);
    }

    /// How many things of each sort it holds.
    pub fn sizes(&self) -> serde_json::Value {
        serde_json::json!({
            "interactions": self.interactions.len(),
            "sessions": self.sessions.len(),
            "codes": self.codes.len(),
            "access_tokens": self.access.len(),
            "refresh_tokens": self.refresh.len(),
            "devices": self.devices.len(),
            "registered_clients": self.clients.len(),
        })
    }

    /// A living access token.
    pub fn access(&mut self, now: Timestamp, token: &str) -> Option<Arc<Access>> {
        self.access.get(now, &token_key(token)).filter(|access| access.alive(now)).map(|access| Arc::clone(access))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_expire_and_the_oldest_make_room() {
        let at = Timestamp::from_secs;
        let mut map = Expiring::new(Duration::from_secs(10), 3);
        for key in 0..4 {
            map.insert(at(key), key, ());
        }
        assert!(map.get(at(3), &0).is_none(), "the fourth pushed the first out");
        assert!(map.get(at(10), &1).is_some() && map.get(at(11), &1).is_none());
        map.insert(at(30), 9, ());
        assert_eq!(map.len(), 1, "the expired are gone");
        assert!(map.remove(at(39), &9).is_some() && map.remove(at(39), &9).is_none());
    }

    #[test]
    fn death_comes_once_and_never_later() {
        let death = Death::default();
        assert!(!death.has_come(Timestamp::from_secs(1)));
        death.set(Timestamp::from_secs(5));
        death.set(Timestamp::from_secs(9));
        assert!(!death.has_come(Timestamp::from_secs(4)) && death.has_come(Timestamp::from_secs(5)));
    }
}
