//! Which alert carries which class of fault. Pure: made of what the detector, the objectives and the facts go by.

use crate::detect;
use crate::fault::{Class, Fault};

/// An alert that a class leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// Its name.
    pub alert: &'static str,
    /// When, in words that follow the name.
    pub when: &'static str,
}

/// Alerts that look at other signs of the same cause: they may fire beside, whatever class the run had.
const BESIDE: &[(Class, &str)] = &[
    (Class::Certificate, "AuthCertificateExpiring"),
    (Class::KeyNotFound, "AuthKeyRotationUnsafe"),
    (Class::SignatureInvalid, "AuthKeyRotationUnsafe"),
    (Class::ClaimExpired, "AuthClockSkew"),
    (Class::ClaimNotYetValid, "AuthClockSkew"),
    (Class::Clock, "AuthClockSkew"),
];

/// The alert that is about nothing but this class.
pub fn own(class: Class) -> Option<&'static str> {
    match class {
        Class::AttackAccepted => Some("AuthAttackAccepted"),
        Class::RegionsDisagree => Some("AuthRegionsDisagree"),
        Class::RevocationIneffective => Some("AuthRevocationSlow"),
        Class::Credentials | Class::Challenge => Some("AuthProbeCredentials"),
        _ => None,
    }
}

/// Every alert that runs with this fault lead to, blamed as the class is by default; the most telling first.
pub fn carriers(class: Class) -> Vec<Carrier> {
    let mut all = Vec::new();
    let mut push = |alert, when| all.push(Carrier { alert, when });
    if let Some(own) = own(class) {
        push(own, "with the first such run");
    }
    let fault = Fault::new(class, "");
    if detect::is_evidence(&fault) {
        push("AuthOutage", "while it fails everywhere, or in several regions for a while");
        push("AuthRegionDown", "while it fails as seen from one of several regions");
    }
    if fault.blame.is_bad() {
        push("AuthSLOBurn", "once it costs an objective its budget too fast");
    } else {
        push("AuthProbeStale", "if nothing else is measured for three periods");
    }
    all
}

/// Alerts that may fire beside, since they look at another sign of the same cause.
pub fn beside(class: Class) -> impl Iterator<Item = &'static str> {
    BESIDE.iter().filter(move |(of, _)| *of == class).map(|(_, alert)| *alert)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::NAMES;

    #[test]
    fn every_class_is_carried_by_alerts_that_exist() {
        for class in Class::ALL.iter().copied() {
            let carriers = carriers(class);
            assert!(!carriers.is_empty(), "{class}");
            let names = carriers.iter().map(|carrier| carrier.alert).chain(beside(class));
            assert!(names.into_iter().all(|name| NAMES.contains(&name)), "{class}");
        }
    }
}
