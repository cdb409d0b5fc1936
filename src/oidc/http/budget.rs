//! How many requests a provider bears: a token bucket over all probes and regions. Pure.

/// A token bucket.
#[derive(Debug, Default)]
pub struct Budget {}
