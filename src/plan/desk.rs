//! Where mistakes and notes gather while a plan is made, and what all parts of it need.

use std::path::{Path as FilePath, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::typed::{Item, Mistakes};
use crate::config::tree::{At, Path};
use crate::config::values::TextOrSecret;
use crate::config::{Loaded, Mistake};
use crate::probe::Kind;
use crate::secret::{Secret, SecretSource};

/// The largest certificate file that is read (bytes).
const MAX_PEM: u64 = 4 * 1024 * 1024;

/// The plan in the making.
pub struct Desk<'a> {
    /// The configuration.
    pub loaded: &'a Loaded,
    /// The kinds of probes that there are.
    pub kinds: &'a [&'static Kind],
    /// What is wrong.
    pub mistakes: Mistakes,
    /// What a person should know.
    pub notes: Vec<String>,
}

impl Desk<'_> {
    /// Puts a mistake on record.
    pub fn wrong(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// Puts a note on record, once.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Whether something below `path` is wrong.
    pub fn any_wrong(&self, path: &Path) -> bool {
        self.mistakes.under(path).next().is_some()
    }

    /// A path of the configuration, relative to the file it stands in.
    pub fn file(&self, at: At, path: &FilePath) -> PathBuf {
        self.loaded.base(at).join(path)
    }

    /// A PEM file with certificates, which must be there.
    pub fn ca_file<T>(&mut self, item: &Item<'_, T>, key: &str, path: Option<&PathBuf>) -> Option<PathBuf> {
        let path = self.file(item.at(key), path?);
        if let Err(why) = certificates(&path) {
            self.wrong(item.mistake(key, why));
        }
        Some(path)
    }

    /// A secret's source with its path made absolute or relative to us; it must be readable now.
    pub fn secret<T>(&mut self, item: &Item<'_, T>, key: &str, source: &SecretSource) -> SecretSource {
        let source = self.locate(item.at(key), source);
        if let Err(why) = source.read() {
            self.wrong(item.mistake(key, why));
        }
        source
    }

    /// The same, and its value.
    pub fn secret_value<T>(&mut self, item: &Item<'_, T>, key: &str, source: &SecretSource) -> Option<Secret> {
        match self.locate(item.at(key), source).read() {
            Ok(secret) => Some(secret),
            Err(why) => {
                self.wrong(item.mistake(key, why));
                None
            }
        }
    }

    /// A text that may be kept elsewhere, and whether it is.
    pub fn text<T>(&mut self, item: &Item<'_, T>, key: &str, text: &TextOrSecret) -> Option<(String, bool)> {
        match text {
            TextOrSecret::Text(text) => Some((text.clone(), false)),
            TextOrSecret::Secret(source) => {
                self.secret_value(item, key, source).map(|secret| (secret.expose().to_owned(), true))
            }
        }
    }

    /// A secret's source, its path relative to the file it stands in.
    pub fn locate(&self, at: At, source: &SecretSource) -> SecretSource {
        match source {
            SecretSource::Env(name) => SecretSource::Env(name.clone()),
            SecretSource::File(path) => SecretSource::File(self.file(at, path)),
        }
    }
}

/// The certificates of a PEM file: at least one.
pub fn certificates(path: &FilePath) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map_err(|e| format!("cannot read {shown}: {e}"))?.len();
    if size > MAX_PEM {
        return Err(format!("cannot read {shown}: larger than {MAX_PEM} bytes"));
    }
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read {shown}: {e}"))?;
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if found.is_empty() => Err(format!("{shown} holds no PEM certificate")),
        Ok(found) => Ok(found),
        Err(e) => Err(format!("{shown} is not PEM: {e}")),
    }
}
