//! A fault and what each probe must make of it.

use std::fmt::Write as _;

use futures_util::StreamExt as _;
use serde_json::Value;

use crate::browser;
use crate::stage::{PROBES, Stage};

/// Logins at the authorization endpoint, one each way, that end at userinfo.
const BY_CODE: &str = "form_login form_login.steps form_login.pushed form_login.fragment form_login.form_post \
                       form_login.silent form_login.hybrid form_login.code_id_token refresh userinfo";

/// Logins that get an ID token and no code.
const IMPLICIT: &str = "form_login.implicit form_login.id_token";

/// Several probes by one name, those of one kind before those of several: whoever gets an ID token beside a code; an ID token
/// and no code; logs a user in by the authorization endpoint; gets a code there; validates an ID token; asks userinfo; is a
/// client for itself and gets its token in the step `token`; looks into that token.
const GROUPS: &[(&str, &[&str])] = &[
    ("HYBRIDS", &["form_login.hybrid form_login.code_id_token"]),
    ("IMPLICITS", &[IMPLICIT]),
    ("LOGINS", &[BY_CODE, IMPLICIT, "form_login.asking revocation logout"]),
    ("CODES", &[BY_CODE, "form_login.asking revocation logout"]),
    ("IDS", &[BY_CODE, IMPLICIT, "form_login.asking device logout"]),
    ("USERINFOS", &[BY_CODE, "form_login.implicit device"]),
    ("MACHINES", &[SECRETS, ASSERTIONS, "introspection resource jwt_bearer"]),
    ("GRANTS", &[SECRETS, ASSERTIONS, "jwt_bearer"]),
];

/// Machines that send their secret.
const SECRETS: &str = "client_credentials client_credentials.post client_credentials.bound";

/// Machines that prove by an assertion who they are.
const ASSERTIONS: &str = "client_credentials.assertion client_credentials.keyed";

/// Whether a probe is one of a group.
fn is_one_of(members: &[&str], probe: &str) -> bool {
    members.iter().flat_map(|some| some.split(' ')).any(|member| member == probe)
}

/// How many rows run at a time: each has a lab of its own.
const AT_ONCE: usize = 2;

/// How many times as long a hasty row is given when it is tried again.
const MORE_TIME: u64 = 3;

/// One line of the table.
pub struct Row {
    /// The lab's fault; empty: none.
    pub fault: &'static str,
    /// Its parameters: JSON, or nothing.
    pub parameters: &'static str,
    /// Special circumstances.
    pub with: &'static [With],
    /// Probes or groups of them, separated by blanks, and what each must come to; `*` stands for all others.
    /// Whoever is not named must be good, without a warning.
    pub expect: &'static [(&'static str, &'static str)],
}

/// Special circumstances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    /// The lab speaks TLS.
    Tls,
    /// The probes that are named have little time.
    Hasty,
    /// Every probe has run once already, before the fault.
    After,
    /// Twice, with a proper rotation of keys between.
    AfterRotation,
    /// Every probe runs in two regions; names (of groups, too) are `probe@region`, but for probes that cover all regions
    /// in one run.
    West,
}

/// Writes rows: fault, parameters, circumstances, and `probes => outcome`.
#[macro_export]
macro_rules! rows {
    ($($fault:literal $parameters:literal [$($with:ident)*] { $($probes:literal => $outcome:literal;)* })*) => {
        pub const ROWS: &[$crate::row::Row] = &[$($crate::row::Row {
            fault: $fault,
            parameters: $parameters,
            with: &[$($crate::row::With::$with,)*],
            expect: &[$(($probes, $outcome),)*],
        },)*];
    };
}

impl Row {
    /// Every probe that it names, by itself, and what it must come to.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.expect.iter().flat_map(|(names, outcome)| names.split(' ').map(|name| (name, *outcome)))
    }

    /// Whether it expects anything but silence.
    pub fn is_seen(&self) -> bool {
        self.expect.iter().any(|(_, outcome)| *outcome != "good")
    }

    /// Whether a circumstance holds.
    pub fn has(&self, with: With) -> bool {
        self.with.contains(&with)
    }

    /// The parameters of the fault.
    pub fn parameters(&self) -> Value {
        match self.parameters {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|why| panic!("{}: {text}: {why}", self.fault)),
        }
    }

    /// What a probe must come to, if the row says so.
    pub fn of(&self, probe: &str) -> Option<&'static str> {
        let find = |wanted: &str| self.expect.iter().find(|(names, _)| names.split(' ').any(|name| name == wanted));
        let (name, region) = probe.split_once('@').map_or((probe, String::new()), |(n, r)| (n, format!("@{r}")));
        // What is said of one goes before what is said of several.
        let groups = GROUPS.iter().filter(|(_, members)| is_one_of(members, name));
        let said = find(probe)
            .or_else(|| groups.map(|(group, _)| format!("{group}{region}")).find_map(|group| find(&group)))
            .or_else(|| find(&format!("*{region}")));
        said.map(|(_, outcome)| *outcome)
    }

    /// That it names probes there are, and each once.
    pub fn check(&self) {
        let mut seen: Vec<&str> = Vec::new();
        for (name, _) in self.each() {
            let probe = name.split('@').next().unwrap_or_default();
            assert!(
                probe == "*"
                    || browser::PROBES.iter().any(|(known, ..)| *known == name)
                    || GROUPS.iter().any(|(group, _)| *group == probe)
                    || PROBES.iter().any(|known| known.name == probe),
                "{}: no probe {name:?}",
                self.fault
            );
            assert!(!seen.contains(&name), "{}: {name} is named twice", self.fault);
            seen.push(name);
        }
    }

    /// Runs it; what differs, a line each. Who has little time may have lost it on a busy machine before it came to the fault:
    /// it is tried once more, with more of it. What differs of those who have time enough stands.
    async fn differs(&self) -> Vec<String> {
        let is_hasty = |probe: &str| self.has(With::Hasty) && self.of(probe).is_some();
        let (hasty, others): (Vec<_>, Vec<_>) =
            self.differs_in(1).await.into_iter().partition(|(probe, _)| is_hasty(probe));
        let again = if hasty.is_empty() { Vec::new() } else { self.differs_in(MORE_TIME).await };
        let again = again.into_iter().filter(|(probe, _)| is_hasty(probe));
        others.into_iter().chain(again).map(|(_, line)| line).collect()
    }

    /// The probes of which something differs, and what, where the hasty have so many times what they usually have.
    async fn differs_in(&self, times: u64) -> Vec<(String, String)> {
        let stage = Stage::in_time(self, times).await;
        let came = stage.run(self).await;
        stage.end().await;
        let mut wrong = Vec::new();
        for (probe, found) in came {
            let expected = self.of(&probe).unwrap_or("good");
            if found != expected {
                let (fault, parameters, with) = (self.fault, self.parameters, self.with);
                let line = format!("{fault} {parameters} {with:?}: {probe}: expected {expected:?}, found {found:?}");
                wrong.push((probe, line));
            }
        }
        wrong
    }
}

/// Holds rows against the code, a few at a time.
pub async fn hold(rows: &'static [Row]) {
    let only = std::env::var("MATRIX_ONLY").ok();
    let rows = rows.iter().filter(|row| only.as_ref().is_none_or(|only| row.fault == only));
    let mut wrong: Vec<Vec<String>> = futures_util::stream::iter(rows)
        .map(|row| tokio::spawn(row.differs()))
        .buffer_unordered(AT_ONCE)
        .map(|joined| joined.unwrap_or_else(|panic| vec![panic.to_string()]))
        .collect()
        .await;
    wrong.sort();
    let lines = wrong.concat().into_iter().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "{line}");
        out
    });
    assert!(lines.is_empty(), "\n{lines}");
}
