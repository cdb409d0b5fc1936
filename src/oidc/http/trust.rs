//! Whose certificates are believed.

use std::path::PathBuf;

/// The system's roots, and more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// A PEM file whose certificates are believed besides the system's.
    pub ca_file: Option<PathBuf>,
}
