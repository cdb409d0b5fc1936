//! Certificates, made by openssl.

use std::path::PathBuf;
use std::process::Command;

use super::Folder;

/// A name that no resolver knows (RFC 2606 §2), which our certificates are for as well.
pub const UNKNOWN_NAME: &str = "login.authprobe.invalid";

/// A certificate for `localhost`, 127.0.0.1 and [`UNKNOWN_NAME`], and the authority that signed it.
pub struct Certificate {
    /// PEM.
    pub cert: PathBuf,
    /// PEM.
    pub key: PathBuf,
    /// PEM: what a client must believe.
    pub authority: PathBuf,
}

/// Makes one that is valid for `days`, as if today were `today` (`+0d`, `-400d`).
pub fn certificate(folder: &Folder, today: &str, days: u32) -> Certificate {
    let days = days.to_string();
    let run = |today: &str, arguments: &[&str]| {
        let once = || {
            let mut command = Command::new("faketime");
            command.args(["-f", today, "openssl"]).args(arguments).current_dir(folder.path());
            command.output().expect("openssl under faketime")
        };
        // Whoever was killed under faketime leaves a semaphore with the number of its process, which may be ours next.
        let left =
            |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).contains("sem_open: File exists");
        let mut tries = std::iter::repeat_with(once).take(5);
        let output = tries.find(|output| !left(output)).expect("a process number that nobody has had");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let names = format!("DNS:localhost,DNS:{UNKNOWN_NAME},IP:127.0.0.1");
    folder.write("leaf.ext", &format!("basicConstraints=CA:FALSE\nsubjectAltName={names}\n"));
    let new = ["req", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    // The authority is good: only the leaf may be old.
    let root = ["-x509", "-days", "9000", "-subj", "/CN=Test authority", "-keyout", "ca.key", "-out", "ca.pem"];
    run("-1000d", &[&new[..], &root[..]].concat());
    run("+0d", &[&new[..], &["-subj", "/CN=localhost", "-keyout", "leaf.key", "-out", "leaf.csr"]].concat());
    let sign = ["x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    run(today, &[&sign[..], &["-days", &days, "-extfile", "leaf.ext", "-out", "leaf.pem"]].concat());
    Certificate { cert: folder.file("leaf.pem"), key: folder.file("leaf.key"), authority: folder.file("ca.pem") }
}

/// The certificate of a client by that name and its key (PEM), from the authority of [`certificate`] in the same folder.
pub fn client_certificate(folder: &Folder, name: &str) -> (PathBuf, PathBuf) {
    let [key, csr, pem] = ["key", "csr", "pem"].map(|end| format!("{name}.{end}"));
    let subject = format!("/CN={name}");
    folder.write("client.ext", "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n");
    let new = ["req", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    openssl(folder, &[&new[..], &["-subj", &subject, "-keyout", &key, "-out", &csr]].concat());
    let sign = ["x509", "-req", "-in", &csr, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30"];
    openssl(folder, &[&sign[..], &["-extfile", "client.ext", "-out", &pem]].concat());
    (folder.file(&pem), folder.file(&key))
}

/// A certificate that signed itself, and its key (PEM).
pub fn self_signed(folder: &Folder, name: &str) -> (PathBuf, PathBuf) {
    let [key, pem] = ["key", "pem"].map(|end| format!("{name}.{end}"));
    let subject = format!("/CN={name}");
    let new = ["req", "-x509", "-days", "30", "-nodes", "-newkey", "rsa:2048"];
    openssl(folder, &[&new[..], &["-subj", &subject, "-keyout", &key, "-out", &pem]].concat());
    (folder.file(&pem), folder.file(&key))
}

fn openssl(folder: &Folder, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder.path()).output().expect("openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
