//! Signing keys: RSA 2048, made in memory, rotated on demand.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::clock::Timestamp;

/// How long a retired key stays published after a rotation with overlap: twice the longest lifetime of a token.
const RETIRED_FOR: Duration = Duration::from_secs(600);

/// Published keys at most; the oldest retired ones leave first.
const MAX_PUBLISHED: usize = 8;

/// A key pair for RS256.
pub struct Key {
    /// Its identifier: the JWK thumbprint (RFC 7638).
    pub kid: String,
    pair: KeyPair,
    modulus: String,
    exponent: String,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.kid)
    }
}

impl Key {
    /// Makes one; takes some tenths of a second, so not on a thread that others wait for.
    pub fn generate() -> Result<Self, String> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| "cannot make an RSA key".to_owned())?;
        let (n, e) = rsa_public(pair.public_key().as_ref()).ok_or("cannot read the RSA key just made")?;
        let (modulus, exponent) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
        let thumbprint = format!(r#"{{"e":"{exponent}","kty":"RSA","n":"{modulus}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(digest(&SHA256, thumbprint.as_bytes()));
        Ok(Self { kid, pair, modulus, exponent })
    }

    /// An RS256 signature (RFC 7518 §3.3).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("a 2048 bit key signs SHA-256 into a buffer of its own length");
        signature
    }

    /// The public key as everybody can have it: PKCS#1, in PEM.
    pub fn public_pem(&self) -> String {
        let encoded = STANDARD.encode(self.pair.public_key().as_ref());
        let lines: Vec<_> = encoded.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// Whether `signature` is this key's.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref())
            .verify(message, signature)
            .is_ok()
    }
}

/// Modulus and exponent, without leading zeros, of an `RSAPublicKey` (RFC 8017 A.1.1, DER).
fn rsa_public(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = element(der, 0x30)?;
    let (modulus, rest) = element(sequence, 0x02)?;
    let (exponent, _) = element(rest, 0x02)?;
    let bare = |integer: &'_ [u8]| integer.iter().take_while(|byte| **byte == 0).count();
    Some((modulus.get(bare(modulus)..)?, exponent.get(bare(exponent)..)?))
}

/// The content of the DER element with that tag at the start of `der`, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

/// A key in the key set, under the identifier it is published with.
#[derive(Clone, Debug)]
pub struct Published {
    /// `kid`; empty: none.
    pub kid: String,
    /// The key.
    pub key: Arc<Key>,
}

impl Published {
    fn of(key: &Arc<Key>) -> Self {
        Self { kid: key.kid.clone(), key: Arc::clone(key) }
    }

    /// As a JWK (RFC 7517 §4, RFC 7518 §6.3.1).
    pub fn jwk(&self) -> Value {
        let mut jwk = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "n": self.key.modulus, "e": self.key.exponent,
        });
        if !self.kid.is_empty() {
            jwk["kid"] = json!(self.kid);
        }
        jwk
    }
}

/// The key that signs, and the `kid` it signs under.
pub type Signer = Published;

/// All keys of the lab.
#[derive(Debug)]
pub struct Keyring {
    /// Signs; published.
    pub current: Arc<Key>,
    /// Not published: signs next.
    pub spare: Arc<Key>,
    /// Published before the last rotation; at first a key that has signed nothing.
    pub stale: Vec<Published>,
    /// Published, but signing no more, until then.
    retired: Vec<(Arc<Key>, Timestamp)>,
    /// Published, and signing from then on.
    coming: Option<(Arc<Key>, Timestamp)>,
}

impl Keyring {
    /// With a key that signs and one that follows it.
    pub fn new(current: Key, spare: Key) -> Self {
        let spare = Arc::new(spare);
        let stale = vec![Published::of(&spare)];
        Self { current: Arc::new(current), spare, stale, retired: Vec::new(), coming: None }
    }

    /// The key that signs.
    pub fn signer(&mut self, now: Timestamp) -> Signer {
        self.settle(now);
        Published::of(&self.current)
    }

    /// The keys that are published, the signing one first.
    pub fn published(&mut self, now: Timestamp) -> Vec<Published> {
        self.settle(now);
        let coming = self.coming.iter().map(|(key, _)| key);
        let retired = self.retired.iter().rev().map(|(key, _)| key);
        std::iter::once(&self.current).chain(coming).chain(retired).map(Published::of).take(MAX_PUBLISHED).collect()
    }

    /// The spare key takes over. With `overlap` it is published now and signs after `lead`, and the old one stays
    /// published for as long as its tokens may live; without, the old one is gone at once.
    pub fn rotate(&mut self, fresh: Key, overlap: bool, lead: Duration, now: Timestamp) {
        self.stale = self.published(now);
        let next = std::mem::replace(&mut self.spare, Arc::new(fresh));
        self.take_over_now(now);
        if overlap {
            self.coming = Some((next, now + lead));
            self.settle(now);
        } else {
            self.current = next;
            self.retired.clear();
        }
    }

    /// Whether one of the keys, published or not, made that signature.
    pub fn made(&self, message: &[u8], signature: &[u8]) -> bool {
        let coming = self.coming.iter().map(|(key, _)| key);
        let retired = self.retired.iter().map(|(key, _)| key);
        [&self.current, &self.spare]
            .into_iter()
            .chain(coming)
            .chain(retired)
            .any(|key| key.verifies(message, signature))
    }

    /// Lets a key that was announced sign once its time has come, and forgets retired ones.
    fn settle(&mut self, now: Timestamp) {
        if self.coming.as_ref().is_some_and(|(_, from)| *from <= now) {
            self.take_over_now(now);
        }
        self.retired.retain(|(_, until)| *until > now);
    }

    fn take_over_now(&mut self, now: Timestamp) {
        if let Some((next, _)) = self.coming.take() {
            let old = std::mem::replace(&mut self.current, next);
            self.retired.push((old, now + RETIRED_FOR));
            let excess = self.retired.len().saturating_sub(MAX_PUBLISHED);
            self.retired.drain(..excess);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> Keyring {
        Keyring::new(Key::generate().unwrap(), Key::generate().unwrap())
    }

    fn kids(ring: &mut Keyring, now: Timestamp) -> Vec<String> {
        ring.published(now).into_iter().map(|published| published.kid).collect()
    }

    #[test]
    fn a_key_is_read_back_from_its_own_der() {
        let key = Key::generate().unwrap();
        assert_eq!(key.exponent, "AQAB");
        assert_eq!(URL_SAFE_NO_PAD.decode(&key.modulus).unwrap().len(), 256);
        assert!(key.verifies(b"message", &key.sign(b"message")));
        assert!(!key.verifies(b"massage", &key.sign(b"message")));
        assert!(rsa_public(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).is_none());
    }

    #[test]
    fn overlap_publishes_before_it_signs_and_keeps_the_old_key() {
        let (mut ring, start) = (ring(), Timestamp::from_secs(1000));
        let (old, new) = (ring.current.kid.clone(), ring.spare.kid.clone());
        ring.rotate(Key::generate().unwrap(), true, Duration::from_secs(60), start);
        assert_eq!(kids(&mut ring, start), [old.clone(), new.clone()]);
        assert_eq!(ring.signer(start + Duration::from_secs(59)).kid, old);
        let switched = start + Duration::from_secs(60);
        assert_eq!(ring.signer(switched).kid, new);
        assert_eq!(kids(&mut ring, switched), [new.clone(), old]);
        assert_eq!(kids(&mut ring, switched + RETIRED_FOR), [new]);
    }

    #[test]
    fn without_overlap_the_old_key_is_gone() {
        let (mut ring, now) = (ring(), Timestamp::from_secs(1000));
        let (old, new) = (ring.current.kid.clone(), ring.spare.kid.clone());
        ring.rotate(Key::generate().unwrap(), false, Duration::ZERO, now);
        assert_eq!(ring.signer(now).kid, new);
        assert_eq!(kids(&mut ring, now), [new]);
        assert_eq!(ring.stale[0].kid, old);
    }
}
