//! What failed in a stretch of bad runs.

use std::cmp::Reverse;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fault::{Blame, Class, Fault};

/// So many sorts are told apart. Hosts come from redirects, so there is no end to them.
const MAX_SORTS: usize = 100;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Failures(Vec<Failed>);

/// One sort, and how often. (The ledgers of earlier versions have it as an array without `upstream`.)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// What.
    pub class: Class,
    /// Whose fault.
    pub blame: Blame,
    /// How often.
    pub times: u64,
    /// At whose pages, if not the provider's own: see [`Fault::upstream`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Arc<str>>,
}

impl Failures {
    /// One more.
    pub fn count(&mut self, fault: &Fault) {
        let alike = |failed: &Failed, upstream: &Option<Arc<str>>| {
            (failed.class, failed.blame) == (fault.class, fault.blame) && failed.upstream == *upstream
        };
        let room = self.0.len() < MAX_SORTS || self.0.iter().any(|failed| alike(failed, &fault.upstream));
        let upstream = fault.upstream.clone().filter(|_| room);
        match self.0.iter_mut().find(|failed| alike(failed, &upstream)) {
            Some(failed) => failed.times += 1,
            None => self.0.push(Failed { class: fault.class, blame: fault.blame, times: 1, upstream }),
        }
    }

    /// The most frequent. Of several that are as frequent always the same.
    pub fn most(&self) -> Option<&Failed> {
        self.0.iter().max_by_key(|failed| (failed.times, Reverse((failed.class, failed.blame, &failed.upstream))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(class: Class, host: Option<&str>) -> Fault {
        Fault { upstream: host.map(Into::into), ..Fault::new(class, "x") }
    }

    #[test]
    fn the_same_at_another_host_is_another_sort() {
        let mut failures = Failures::default();
        let host = Some("idp.partner.example");
        for fault in [at(Class::HttpStatus, None), at(Class::HttpStatus, host), at(Class::HttpStatus, host)] {
            failures.count(&fault);
        }
        let most = failures.most().unwrap();
        assert_eq!((most.times, most.upstream.as_deref()), (2, host));
    }

    #[test]
    fn hosts_without_end_are_not_remembered() {
        let mut failures = Failures::default();
        for n in 0..1000 {
            failures.count(&at(Class::HttpStatus, Some(&format!("{n}.example"))));
        }
        assert_eq!(failures.0.len(), MAX_SORTS + 1);
        assert_eq!(failures.most().unwrap().times, 900, "the rest has no host");
    }

    #[test]
    fn what_an_earlier_version_kept_is_read() {
        let old: Failures = serde_json::from_str(r#"[["timeout", "network", 3]]"#).unwrap();
        let expected = Failed { class: Class::Timeout, blame: Blame::Network, times: 3, upstream: None };
        assert_eq!(old.0, [expected]);
        let new = serde_json::to_string(&old).unwrap();
        assert_eq!(serde_json::from_str::<Failures>(&new).unwrap(), old);
    }
}
