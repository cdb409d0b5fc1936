//! The server's certificate, read again when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Certificate chain and key, and when their files were written.
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    written: [Option<SystemTime>; 2],
    acceptor: TlsAcceptor,
}

impl Tls {
    /// Reads both files (PEM).
    pub fn load(cert: PathBuf, key: PathBuf) -> Result<Self, String> {
        // The times first: a change in between is then noticed the next time.
        let written = [&cert, &key].map(|path| written(path));
        let acceptor = read(&cert, &key)?;
        Ok(Self { cert, key, written, acceptor })
    }

    /// For the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Reads the files again if they were written since; what cannot be used changes nothing.
    pub fn refresh(&mut self) {
        let written = [&self.cert, &self.key].map(|path| written(path));
        if written == self.written {
            return;
        }
        match read(&self.cert, &self.key) {
            Ok(acceptor) => {
                self.acceptor = acceptor;
                self.written = written;
                tracing::info!("the server's certificate was read again");
            }
            Err(error) => tracing::warn!(error, "the server's new certificate cannot be used; keeping the old one"),
        }
    }
}

fn written(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn read(cert: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    let at = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| at(cert, &error))?;
    if chain.is_empty() {
        return Err(at(cert, &"holds no certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| at(key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| at(cert, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_new_certificate_changes_nothing_and_a_good_one_is_taken() {
        let folder = crate::folder::Folder::new();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web_tls");
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| {
            std::fs::copy(fixture.join(name), folder.join(name)).unwrap();
            folder.join(name)
        });
        let touch = |path: &Path, ago: u64| {
            let at = written(&fixture.join("cert.pem")).unwrap() - std::time::Duration::from_secs(ago);
            std::fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
        };
        let mut tls = Tls::load(cert.clone(), key.clone()).unwrap();
        let first = Arc::as_ptr(tls.acceptor().config());
        tls.refresh();
        assert_eq!(Arc::as_ptr(tls.acceptor().config()), first, "nothing was written");
        std::fs::write(&cert, "no certificate").unwrap();
        touch(&cert, 100);
        tls.refresh();
        assert_eq!(Arc::as_ptr(tls.acceptor().config()), first, "broken");
        std::fs::copy(fixture.join("cert.pem"), &cert).unwrap();
        touch(&cert, 50);
        tls.refresh();
        assert_ne!(Arc::as_ptr(tls.acceptor().config()), first, "good");
    }

    #[test]
    fn errors_name_the_file() {
        let error = |cert: &str, key: &str| Tls::load(cert.into(), key.into()).err().unwrap();
        assert!(error("/nowhere/cert.pem", "/nowhere/key.pem").starts_with("/nowhere/cert.pem: "));
        let cert = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/web_tls/cert.pem");
        assert!(error(cert, cert).starts_with(cert), "a certificate is no key");
        assert!(error(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), cert).ends_with("holds no certificate"));
    }
}
