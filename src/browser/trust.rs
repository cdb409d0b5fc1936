//! A provider's `ca_file` for Chromium: it believes what the NSS database in its home says.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::fault::{Class, Fault};

/// The largest `ca_file` that is read (bytes), as over HTTP.
const MAX_CA_FILE: u64 = 16 * 1024 * 1024;
/// How long `certutil` may take for all certificates together.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of what `certutil` says is read (bytes).
const MAX_READ: u64 = 4096;
/// How much of it is repeated (characters).
const MAX_SAID: usize = 200;

/// Makes the NSS database of `home` believe the certificates of a PEM file, besides those that the browser believes anyway.
/// Faults: `browser`, if `certutil` is missing (with what to install) or fails; `config`, if the file cannot be read.
pub(super) async fn believe(home: &Path, ca_file: &Path) -> Result<(), Fault> {
    let certutil = certutil(&std::env::var_os("PATH").unwrap_or_default())?;
    let (folder, file) = (home.join(".pki/nssdb"), ca_file.to_owned());
    let prepare = move || prepare(&folder, &file).map(|batch| (folder, batch));
    let (folder, batch) = tokio::task::spawn_blocking(prepare)
        .await
        .map_err(|_| Fault::new(Class::Internal, "the browser's certificates could not be prepared"))??;
    let mut database = std::ffi::OsString::from("sql:");
    database.push(&folder);
    let make = [OsStr::new("-N"), OsStr::new("--empty-password"), OsStr::new("-d"), &database];
    let fill = [OsStr::new("-B"), OsStr::new("-d"), &database, OsStr::new("-i"), batch.as_os_str()];
    let both = async {
        run(&certutil, home, &make).await?;
        run(&certutil, home, &fill).await
    };
    tokio::time::timeout(PATIENCE, both).await.unwrap_or_else(|_| Err(failed(&format!("no end within {PATIENCE:?}"))))
}

fn failed(why: &str) -> Fault {
    Fault::new(Class::Browser, format!("certutil could not make the browser believe the ca_file: {why}"))
}

fn certutil(path: &OsStr) -> Result<PathBuf, Fault> {
    let folders = std::env::split_paths(path).chain(["/usr/bin".into()]);
    folders.map(|folder| folder.join("certutil")).find(|program| program.is_file()).ok_or_else(|| {
        let install = "no certutil, which makes the browser believe a ca_file: install it \
                       (Debian, Ubuntu: apt-get install libnss3-tools; Fedora, Alpine: nss-tools)";
        Fault::new(Class::Browser, install)
    })
}

/// Makes the database's folder and puts the certificates beside it, each in a file of its own as `certutil` wants them.
/// Returns the file with certutil's commands.
fn prepare(folder: &Path, ca_file: &Path) -> Result<PathBuf, Fault> {
    let certificates = read(ca_file).map_err(|why| unreadable(ca_file, &why))?;
    let write = || {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut commands = String::new();
        for (number, certificate) in certificates.iter().enumerate() {
            let file = folder.join(format!("ca-{number}.der"));
            std::fs::write(&file, certificate)?;
            // C: may sign servers' certificates. P: is believed as it is, if it is a server's own.
            commands.push_str(&format!("-A -n ca-{number} -t CP,, -i \"{}\"\n", file.display()));
        }
        let batch = folder.join("commands");
        std::fs::File::create(&batch)?.write_all(commands.as_bytes())?;
        Ok(batch)
    };
    write().map_err(|error: std::io::Error| failed(&error.to_string()))
}

fn read(ca_file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let file = std::fs::File::open(ca_file).map_err(|e| e.to_string())?;
    let mut pem = Vec::new();
    file.take(MAX_CA_FILE + 1).read_to_end(&mut pem).map_err(|e| e.to_string())?;
    if pem.len() as u64 > MAX_CA_FILE {
        return Err(format!("larger than {MAX_CA_FILE} bytes"));
    }
    let certificates =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
    if certificates.is_empty() { Err("no certificate in it".into()) } else { Ok(certificates) }
}

fn unreadable(path: &Path, why: &str) -> Fault {
    Fault::new(Class::Config, format!("ca_file {}: {why}", path.display()))
}

async fn run(certutil: &Path, home: &Path, arguments: &[&OsStr]) -> Result<(), Fault> {
    let mut child = Command::new(certutil)
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| failed(&e.to_string()))?;
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(MAX_READ).read_to_end(&mut said).await;
    }
    if child.wait().await.map_err(|e| failed(&e.to_string()))?.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&said);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing");
    Err(failed(&line.chars().filter(|c| !c.is_control()).take(MAX_SAID).collect::<String>()))
}
