//! What a run measured besides durations, in words with units.

use std::time::Duration;

use serde::Deserialize;

use crate::outcome::Observation;
use crate::web::page::words::latency;

/// An observation as it is shown: see [`Observation`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Measured {
    ClockSkew { seconds: f64, uncertainty: f64 },
    TokenLifetime { token: String, seconds: f64 },
    KeySet { keys: u64 },
    KeyRotation { rotations: u64, unsafe_rotations: u64 },
    Agreement { document: String, agree: bool },
    HostTime { host: String, upstream: bool, requests: u64, seconds: f64 },
    RevocationPropagation { region: String, seconds: Option<f64>, interval: f64 },
    Attack { attack: String, accepted: Option<bool> },
    BackchannelLogout { seconds: Option<f64> },
}

impl From<&Observation> for Measured {
    fn from(observation: &Observation) -> Self {
        match observation {
            Observation::ClockSkew { seconds, uncertainty } => {
                Self::ClockSkew { seconds: *seconds, uncertainty: *uncertainty }
            }
            Observation::TokenLifetime { token, seconds } => {
                Self::TokenLifetime { token: (*token).to_owned(), seconds: *seconds }
            }
            Observation::KeySet { keys } => Self::KeySet { keys: *keys },
            Observation::KeyRotation { rotations, unsafe_rotations } => {
                Self::KeyRotation { rotations: *rotations, unsafe_rotations: *unsafe_rotations }
            }
            Observation::Agreement { document, agree } => {
                Self::Agreement { document: (*document).to_owned(), agree: *agree }
            }
            Observation::HostTime { host, upstream, requests, seconds } => {
                Self::HostTime { host: host.to_string(), upstream: *upstream, requests: *requests, seconds: *seconds }
            }
            Observation::RevocationPropagation { region, seconds, interval } => {
                Self::RevocationPropagation { region: region.to_string(), seconds: *seconds, interval: *interval }
            }
            Observation::Attack { attack, accepted } => {
                Self::Attack { attack: (*attack).to_owned(), accepted: *accepted }
            }
            Observation::BackchannelLogout { seconds } => Self::BackchannelLogout { seconds: *seconds },
        }
    }
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What was measured.
    pub what: String,
    /// What came of it.
    pub value: String,
    /// Whether that is as it must not be.
    pub wrong: bool,
}

/// Each once; of several looks at the clock only the sharpest. What is wrong comes first.
pub fn lines(all: &[Measured]) -> Vec<Line> {
    let vague = |measured: &&Measured| match measured {
        Measured::ClockSkew { uncertainty, .. } => *uncertainty,
        _ => f64::INFINITY,
    };
    let skew = all.iter().filter(|m| vague(m).is_finite()).min_by(|a, b| vague(a).total_cmp(&vague(b)));
    let others = all.iter().filter(|m| vague(m).is_infinite());
    let mut lines: Vec<Line> = Vec::new();
    for line in skew.into_iter().chain(others).map(line) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.sort_by_key(|line| !line.wrong);
    lines
}

fn took(seconds: f64) -> String {
    latency(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn line(measured: &Measured) -> Line {
    let line = |what: &str, value: String, wrong| Line { what: what.to_owned(), value, wrong };
    match measured {
        Measured::ClockSkew { seconds, uncertainty } => {
            let way = if *seconds < 0.0 { "behind" } else { "ahead of" };
            let value = format!("{:.2} s {way} ours (within {uncertainty:.2} s)", seconds.abs());
            line("The provider's clock", value, false)
        }
        Measured::TokenLifetime { token, seconds } => {
            let length = Duration::try_from_secs_f64(seconds.round()).unwrap_or_default();
            let value = format!("{} ({seconds:.0} s)", crate::duration::HumanDuration(length));
            line(&format!("Stated lifetime of the {token} token"), value, false)
        }
        Measured::KeySet { keys } => {
            line("Key set", format!("{keys} usable key{}", if *keys == 1 { "" } else { "s" }), false)
        }
        Measured::KeyRotation { rotations, unsafe_rotations } => {
            let value = format!("{rotations} since the last look, {unsafe_rotations} of them unsafe");
            line("Key rotations", value, *unsafe_rotations > 0)
        }
        Measured::Agreement { document, agree } => {
            let value = if *agree { "the same as others are told" } else { "not what others are told" };
            line(&format!("Agreement on {document}"), value.to_owned(), !agree)
        }
        Measured::HostTime { host, upstream, requests, seconds } => {
            let whose = if *upstream { "upstream provider" } else { "the provider's own" };
            let plural = if *requests == 1 { "" } else { "s" };
            line(&format!("{host} ({whose})"), format!("{} in {requests} request{plural}", took(*seconds)), false)
        }
        Measured::RevocationPropagation { region, seconds, interval } => {
            let value = match seconds {
                Some(seconds) => format!("after {seconds:.3} s (within {interval:.3} s)"),
                None => "never, within the bound".to_owned(),
            };
            line(&format!("The revocation reached {region}"), value, seconds.is_none())
        }
        Measured::Attack { attack, accepted } => {
            let value = match accepted {
                Some(true) => "accepted",
                Some(false) => "refused",
                None => "not judged",
            };
            line(&format!("Attack {attack}"), value.to_owned(), *accepted == Some(true))
        }
        Measured::BackchannelLogout { seconds } => {
            let value = match seconds {
                Some(seconds) => format!("after {seconds:.3} s"),
                None => "no valid one in time".to_owned(),
            };
            line("Logout token over the back channel", value, seconds.is_none())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_first_and_only_the_sharpest_look_at_the_clock_is_told() {
        let skew = |seconds, uncertainty| Measured::ClockSkew { seconds, uncertainty };
        let attack = |name: &str, accepted| Measured::Attack { attack: name.into(), accepted };
        let all = [skew(1.5, 0.5), skew(-0.42, 0.02), attack("pkce", Some(true)), attack("state", None)];
        let told: Vec<String> = lines(&all).into_iter().map(|line| format!("{}: {}", line.what, line.value)).collect();
        assert_eq!(
            told,
            [
                "Attack pkce: accepted",
                "The provider's clock: 0.42 s behind ours (within 0.02 s)",
                "Attack state: not judged",
            ]
        );
    }

    #[test]
    fn everything_that_is_observed_is_read_from_the_ledger_too() {
        let all = [
            Observation::ClockSkew { seconds: 0.5, uncertainty: 0.1 },
            Observation::TokenLifetime { token: "access", seconds: 300.0 },
            Observation::KeySet { keys: 2 },
            Observation::KeyRotation { rotations: 1, unsafe_rotations: 1 },
            Observation::Agreement { document: "jwks", agree: false },
            Observation::HostTime { host: "idp.example".into(), upstream: true, requests: 1, seconds: 0.2 },
            Observation::RevocationPropagation { region: "eu".into(), seconds: None, interval: 0.0 },
            Observation::Attack { attack: "pkce", accepted: None },
            Observation::BackchannelLogout { seconds: Some(0.2) },
        ];
        for observation in &all {
            let json = serde_json::to_value(observation).unwrap();
            assert_eq!(Measured::deserialize(&json).unwrap(), Measured::from(observation), "{json}");
        }
    }
}
