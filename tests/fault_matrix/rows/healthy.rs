//! No fault, no finding.

use crate::rows;

rows! {
    "" "" [] {}
    "" "" [Tls] {}
    "" "" [West] {}
    "" "" [After] {}
    // OIDC Core 10.1.1: the new key is published, the old one stays while its tokens live.
    "" "" [AfterRotation] {}
}
