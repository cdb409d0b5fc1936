//! `AuthOutage` and `AuthRegionDown` from what the detectors say.

use super::Condition;
use super::conditions::Context;
use crate::clock::Timestamp;
use crate::detect::Ruling;

/// The conditions of these rulings: `AuthOutage` (page), one a provider; `AuthRegionDown` (ticket), one a provider and
/// region (label `probe_region`) where there are several.
pub fn conditions(_rulings: &[Ruling], _now: Timestamp, _context: &Context) -> Vec<Condition> {
    Vec::new()
}
