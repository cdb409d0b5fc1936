//! `--issuer` in the place of a configuration.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::args::{Args, Door};
use crate::smoke::Complaint;

/// The probe that gets a token.
pub const TOKEN: &str = "token";
/// What stands for the configuration in messages.
pub const NAME: &str = "(arguments)";
/// Only asked for because a configuration needs it.
const EVERY: &str = "1h";

/// The configuration that the arguments stand for; `None`: there is one in a file. `complaints` gets whatever is wrong.
pub fn configuration(args: &Args, complaints: &mut Vec<Complaint>) -> Option<String> {
    let door = &args.door;
    let before = complaints.len();
    match &door.issuer {
        None => {
            complaints.extend(alone(door));
            None
        }
        Some(issuer) => {
            if args.config.config.is_some() {
                complaints.push(Complaint::new("--issuer and --config exclude each other"));
            }
            complaints.extend(client(door));
            (complaints.len() == before).then(|| text(issuer, door))
        }
    }
}

/// What means nothing without an issuer.
fn alone(door: &Door) -> Vec<Complaint> {
    let given = [
        ("--client-id", door.client_id.is_some()),
        ("--client-secret-env", door.client_secret_env.is_some()),
        ("--client-secret-file", door.client_secret_file.is_some()),
        ("--ca-file", door.ca_file.is_some()),
    ];
    let complaint = |name| {
        let said = format!("{name} belongs to --issuer");
        Complaint::new(said).help("with a configuration, clients and certificates are named there")
    };
    given.into_iter().filter(|(_, given)| *given).map(|(name, _)| complaint(name)).collect()
}

fn client(door: &Door) -> Vec<Complaint> {
    let secrets = usize::from(door.client_secret_env.is_some()) + usize::from(door.client_secret_file.is_some());
    match (&door.client_id, secrets) {
        (None, 0) | (Some(_), 1) => Vec::new(),
        (None, _) => vec![Complaint::new("a client's secret needs --client-id")],
        (Some(_), 0) => {
            let said = "--client-id needs --client-secret-env or --client-secret-file";
            vec![Complaint::new(said).help("a token by client credentials is for those who have any (RFC 6749 §4.4)")]
        }
        (Some(_), _) => vec![Complaint::new("--client-secret-env and --client-secret-file exclude each other")],
    }
}

/// Whatever was given is a value, and never a part of the text.
fn text(issuer: &str, door: &Door) -> String {
    let table = |pairs: Vec<(&str, Value)>| -> Value {
        Value::Table(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    };
    let text = |text: &str| Value::String(text.to_owned());
    let probe = |name: &str, kind: &str, whom: (&str, Value)| {
        table(vec![("name", text(name)), ("kind", text(kind)), ("every", text(EVERY)), whom])
    };
    let mut provider = vec![("name", text("provider")), ("issuer", text(issuer))];
    provider.extend(door.ca_file.as_deref().map(|path| ("ca_file", text(&absolute(path)))));
    let ours = || ("provider", text("provider"));
    let mut probes = vec![probe("discovery", "discovery", ours()), probe("keys", "jwks", ours())];
    let mut root = Table::new();
    root.insert("provider".to_owned(), Value::Array(vec![table(provider)]));
    if let Some(id) = &door.client_id {
        let source = match (&door.client_secret_env, &door.client_secret_file) {
            (Some(name), _) => table(vec![("env", text(name))]),
            (_, file) => table(vec![("file", text(&file.as_deref().map(absolute).unwrap_or_default()))]),
        };
        let pairs = vec![("name", text("client")), ours(), ("client_id", text(id)), ("client_secret", source)];
        root.insert("client".to_owned(), Value::Array(vec![table(pairs)]));
        probes.push(probe(TOKEN, "client_credentials", ("client", text("client"))));
    }
    root.insert("probe".to_owned(), Value::Array(probes));
    root.to_string()
}

/// From another folder a relative path would lead elsewhere.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path)).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    fn door(issuer: &str) -> Args {
        Args { door: Door { issuer: Some(issuer.to_owned()), ..Door::default() }, ..Args::default() }
    }

    fn configured(args: &Args) -> Result<Option<String>, Vec<String>> {
        let mut complaints = Vec::new();
        let text = configuration(args, &mut complaints);
        if complaints.is_empty() { Ok(text) } else { Err(complaints.iter().map(ToString::to_string).collect()) }
    }

    fn checks(args: &Args) -> Vec<String> {
        let text = configured(args).unwrap().unwrap();
        let plan = plan::from_str(NAME, &text, Path::new("")).unwrap_or_else(|why| panic!("{}\n{text}", why.plain()));
        plan.checks.iter().map(|check| format!("{} {}", check.labels, check.labels.kind)).collect()
    }

    #[test]
    fn an_issuer_is_enough() {
        let mut args = door("https://login.example.com/realms/a");
        assert_eq!(checks(&args), ["discovery@local discovery", "keys@local jwks"]);
        args.door.client_id = Some("web".into());
        args.door.client_secret_env = Some("PATH".into());
        args.door.ca_file = Some("ca.pem".into());
        let text = configured(&args).unwrap().unwrap();
        assert!(text.contains("env = \"PATH\"") && !text.contains("\"ca.pem\""), "{text}");
        args.door.ca_file = None;
        assert_eq!(checks(&args)[2], "token@local client_credentials");
        (args.door.client_secret_env, args.door.client_secret_file) = (None, Some("Cargo.toml".into()));
        assert_eq!(checks(&args).len(), 3);
        assert_eq!(configured(&Args::default()), Ok(None), "there is a file");
    }

    #[test]
    fn what_is_given_cannot_break_out_of_its_place() {
        let mut args = door("https://login.example.com");
        args.door.client_id = Some("a\"\n[server]\nlisten = \"0.0.0.0:1\"\n# é \\ '''".into());
        args.door.client_secret_env = Some("PATH".into());
        let text = configured(&args).unwrap().unwrap();
        let plan = plan::from_str(NAME, &text, Path::new("")).unwrap_or_else(|why| panic!("{}", why.plain()));
        assert_eq!(&*plan.clients[0].client_id, args.door.client_id.as_deref().unwrap());
        assert!(plan.server.listen.ip().is_loopback());
        let why = configured(&door("no url\" }")).unwrap().unwrap();
        assert!(plan::from_str(NAME, &why, Path::new("")).is_err());
    }

    #[test]
    fn what_does_not_belong_together_is_told() {
        let mut args = door("https://login.example.com");
        args.config.config = Some("authprobe.toml".into());
        args.door.client_id = Some("web".into());
        let said = configured(&args).unwrap_err().join("\n");
        assert!(said.contains("exclude each other") && said.contains("--client-id needs"), "{said}");
        args = door("https://login.example.com");
        args.door.client_secret_env = Some("X".into());
        assert_eq!(configured(&args).unwrap_err(), ["a client's secret needs --client-id"]);
        (args.door.client_id, args.door.client_secret_file) = (Some("web".into()), Some("x".into()));
        assert!(configured(&args).unwrap_err()[0].contains("exclude each other"));
        args.door.issuer = None;
        let said = configured(&args).unwrap_err().join("\n");
        assert!(said.contains("--client-id belongs to --issuer") && said.contains("--client-secret-file"), "{said}");
    }
}
