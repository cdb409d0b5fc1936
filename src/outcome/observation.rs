//! What a run measures besides durations.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

/// A measured value besides durations.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Observation {
    /// Provider's clock minus ours, corrected by half the round trip (seconds), and how far it may be off.
    ClockSkew {
        /// Seconds, positive if the provider is ahead.
        seconds: f64,
        /// ± seconds.
        uncertainty: f64,
    },
    /// The lifetime that the provider stated for a token.
    TokenLifetime {
        /// `access`, `id` or `refresh`.
        token: &'static str,
        /// Seconds.
        seconds: f64,
    },
    /// A key set was fetched and read.
    KeySet {
        /// How many usable keys it holds.
        keys: u64,
    },
    /// The provider's key set changed.
    KeyRotation {
        /// How many changes of that kind since the last look.
        rotations: u64,
        /// How many of them broke a promise to clients.
        unsafe_rotations: u64,
    },
    /// What this region is told was compared with what others are.
    Agreement {
        /// `jwks` or `discovery`.
        document: &'static str,
        /// Whether it is the same, or this region is not the odd one.
        agree: bool,
    },
    /// How long one of the hosts of a login took, where it crossed to an upstream provider.
    HostTime {
        /// The host.
        host: Arc<str>,
        /// Whether it is an upstream provider's, and not the probed one's.
        upstream: bool,
        /// How many requests it answered or failed to.
        requests: u64,
        /// All of them together (seconds).
        seconds: f64,
    },
    /// A revocation reached this region.
    RevocationPropagation {
        /// Seen from which region.
        region: Arc<str>,
        /// Seconds from the acknowledgement to the first of three consecutive refusals; `None`: not within the bound.
        seconds: Option<f64>,
        /// The length of the interval in which it must lie (seconds).
        interval: f64,
    },
    /// An attack that must be refused was tried.
    Attack {
        /// Its name.
        attack: &'static str,
        /// Whether it was accepted; `None`: that could not be judged.
        accepted: Option<bool>,
    },
    /// A logout was told over the back channel.
    BackchannelLogout {
        /// Seconds from the request that ended the session to a valid logout token; `None`: none within the bound.
        seconds: Option<f64>,
    },
}
