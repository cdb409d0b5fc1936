//! Time-based one-time passwords (RFC 6238) as authenticator apps make them: SHA-1, 30 seconds, six digits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;

use crate::clock::Timestamp;
use crate::secret::Secret;

/// The time step X (RFC 6238 §4.1).
pub const STEP: Duration = Duration::from_secs(30);
/// How many digits a code has.
const DIGITS: usize = 6;
/// How many time steps a code that was taken can be ahead while the clock is right.
const MAX_AHEAD: u64 = 2;
/// The longest seed (bytes); 20 are usual.
const MAX_SEED: usize = 256;

/// A seed, ready to make codes.
pub struct Totp(hmac::Key);

impl Totp {
    /// From base32 (RFC 4648 §6) as providers show it: any case; spaces, hyphens and padding are ignored. The error says
    /// what is wrong without quoting anything.
    pub fn new(seed: &Secret) -> Result<Self, &'static str> {
        let bytes = base32(seed.expose())?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes)))
    }

    /// The code of that time step (see [`step`]).
    pub fn code(&self, step: u64) -> Secret {
        Secret::new(code(&self.0, step, DIGITS))
    }
}

/// The number of the time step that `at` lies in (T of RFC 6238 §4.2).
pub fn step(at: Timestamp) -> u64 {
    u64::try_from(at.as_secs()).unwrap_or(0) / STEP.as_secs()
}

/// How long until the next time step begins.
pub fn until_next(at: Timestamp) -> Duration {
    (Timestamp::from_secs(0) + STEP * u32::try_from(step(at) + 1).unwrap_or(u32::MAX)).since(at)
}

/// HOTP (RFC 4226 §5.3) of `counter`.
fn code(key: &hmac::Key, counter: u64, digits: usize) -> String {
    let tag = hmac::sign(key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or(0) & 0x0f);
    let word = tag.iter().skip(offset).take(4).fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:0digits$}", word % 10_u32.pow(digits as u32))
}

fn base32(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for c in text.trim_end_matches('=').chars().filter(|c| !matches!(c, ' ' | '-' | '\n' | '\r' | '\t')) {
        let value = match c.to_ascii_uppercase() {
            c @ 'A'..='Z' => u32::from(c) - u32::from('A'),
            c @ '2'..='7' => u32::from(c) - u32::from('2') + 26,
            _ => return Err("the TOTP seed is not base32"),
        };
        buffer = (buffer << 5 | value) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits & 0xff) as u8);
        }
    }
    match out.len() {
        0 => Err("the TOTP seed is empty"),
        n if n > MAX_SEED => Err("the TOTP seed is too long"),
        _ => Ok(out),
    }
}

/// Which codes were used: a provider accepts each only once (RFC 6238 §5.2), whichever probe or region sends it.
#[derive(Debug, Default)]
pub struct OneTimeCodes(Mutex<HashMap<Arc<str>, u64>>);

impl OneTimeCodes {
    /// Takes the code of that step for that user; false if it, or one shortly after it, was taken before. One further
    /// ahead was taken before the clock was put back: nobody waits for that time to come again.
    pub fn take(&self, user: &Arc<str>, step: u64) -> bool {
        let mut used = self.0.lock().expect("one-time codes");
        let free = is_free(&used, user, step);
        if free {
            used.insert(user.clone(), step);
        }
        free
    }

    /// Whether [`OneTimeCodes::take`] would give it.
    pub fn is_free(&self, user: &Arc<str>, step: u64) -> bool {
        is_free(&self.0.lock().expect("one-time codes"), user, step)
    }
}

fn is_free(used: &HashMap<Arc<str>, u64>, user: &Arc<str>, step: u64) -> bool {
    used.get(user).is_none_or(|last| *last < step || *last - step > MAX_AHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B (SHA-1 rows).
    #[test]
    fn codes_are_those_of_the_rfc() {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345678901234567890");
        for (time, expected) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(&key, time / 30, 8), expected, "at {time}");
        }
    }

    #[test]
    fn six_digits_are_the_last_of_eight() {
        // base32 of "12345678901234567890", as a provider would print it.
        let totp = Totp::new(&Secret::new("GEZD GNBV-gy3t qojq GEZDGNBVGY3TQOJQ")).unwrap();
        assert_eq!(totp.code(step(Timestamp::from_secs(59))).expose(), "287082");
        assert_eq!(totp.code(step(Timestamp::from_secs(1_111_111_109))).expose(), "081804");
    }

    /// RFC 4648 §10.
    #[test]
    fn base32_is_that_of_the_rfc() {
        for (text, bytes) in [
            ("MY======", "f"),
            ("MZXQ====", "fo"),
            ("MZXW6===", "foo"),
            ("MZXW6YQ=", "foob"),
            ("mzxw6ytb", "fooba"),
            ("MZXW6YTBOI", "foobar"),
        ] {
            assert_eq!(base32(text).unwrap(), bytes.as_bytes());
        }
        for bad in ["", "====", "0189", "MZXW6é", &"A".repeat(1000)] {
            assert!(base32(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_next_step_begins_at_the_next_half_minute() {
        assert_eq!(until_next(Timestamp::from_secs(59)), Duration::from_secs(1));
        assert_eq!(until_next(Timestamp::from_secs(60)), Duration::from_secs(30));
    }

    #[test]
    fn a_code_is_good_once() {
        let codes = OneTimeCodes::default();
        let (alice, bob) = (Arc::from("alice"), Arc::from("bob"));
        assert!(codes.take(&alice, 7));
        assert!(!codes.take(&alice, 7));
        assert!(codes.take(&bob, 7));
        assert!(codes.take(&alice, 8));
        assert!(!codes.take(&alice, 7));
    }

    #[test]
    fn codes_go_on_after_the_clock_was_put_back() {
        let (codes, alice) = (OneTimeCodes::default(), Arc::from("alice"));
        assert!(codes.take(&alice, 1000));
        assert!(!codes.take(&alice, 998));
        assert!(codes.take(&alice, 997));
        assert!(!codes.take(&alice, 997));
        assert!(codes.take(&alice, 998));
    }
}
