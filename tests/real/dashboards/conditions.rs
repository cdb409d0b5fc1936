//! The condition of every alert: how it is brought about, what then alerts, and which panels show it, by hand.

/// When it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Once everything that breaks is broken.
    Broken,
    /// authprobe itself is hindered besides.
    Hindered,
    /// authprobe was killed.
    Gone,
}

/// Something that is wrong.
pub struct Condition {
    /// In words, for who reads that it was not seen.
    pub what: &'static str,
    /// From when on.
    pub when: When,
    /// What alerts.
    pub alerts: &'static [Alert],
    /// Where it is seen.
    pub shown: &'static [Shown],
}

/// Labels with their values.
pub type Labels = &'static [(&'static str, &'static str)];

/// One alert of the rules.
pub struct Alert {
    /// `alertname`.
    pub name: &'static str,
    /// `severity`.
    pub severity: &'static str,
    /// Further labels in `ALERTS`.
    pub labels: Labels,
    /// Whether authprobe's own evaluation says so, too.
    pub own: bool,
}

/// A question that has a series with these labels and such a value in its answer.
pub struct Shown {
    /// [`super::panels::Target::name`].
    pub target: &'static str,
    /// Some of the series' labels.
    pub labels: Labels,
    /// What its value must be.
    pub value: fn(f64) -> bool,
}

const fn both(name: &'static str, severity: &'static str, labels: Labels) -> Alert {
    Alert { name, severity, labels, own: true }
}

const fn rules(name: &'static str, severity: &'static str, labels: Labels) -> Alert {
    Alert { name, severity, labels, own: false }
}

const fn shown(target: &'static str, labels: Labels, value: fn(f64) -> bool) -> Shown {
    Shown { target, labels, value }
}

const fn fires(labels: Labels) -> Shown {
    shown("on-call.json: Firing/A", labels, |state| state == 2.0)
}

/// A day in seconds.
const DAY: f64 = 86_400.0;

/// All of them.
pub const CONDITIONS: &[Condition] = &[
    Condition {
        what: "the token endpoint of `broken` answers 500, after it handed out tokens with another nonce",
        when: When::Broken,
        alerts: &[both("AuthOutage", "page", &[("provider", "broken")])],
        shown: &[
            fires(&[("alertname", "AuthOutage"), ("provider", "broken"), ("severity", "page")]),
            shown(
                "on-call.json: Why: faults of the last 30 minutes/A",
                &[("provider", "broken"), ("class", "http_status"), ("blame", "provider"), ("step", "token")],
                |runs| runs >= 1.0,
            ),
            shown("on-call.json: Evidence of an outage/A", &[("provider", "broken"), ("step", "token")], |e| e > 0.0),
            shown("on-call.json: Token endpoint errors/A", &[("class", "http_status")], |runs| runs >= 1.0),
            shown("on-call.json: Validation failures/A", &[("class", "claim_nonce")], |runs| runs >= 1.0),
            shown("on-call.json: Top failing clients/A", &[("client", "till")], |runs| runs >= 1.0),
            shown("on-call.json: Last run/A", &[("probe", "till"), ("probe_region", "east")], |good| good == 0.0),
            shown("executive.json: Login success, 24 hours/A", &[], |share| share < 1.0),
            shown("executive.json: Token validation success, 24 hours/A", &[], |share| share < 1.0),
            shown("executive.json: Availability by region/A", &[("provider", "broken")], |share| share < 1.0),
            shown("executive.json: Pages firing/A", &[], |pages| pages >= 1.0),
            shown("executive.json: Alerts/A", &[("alertname", "AuthOutage"), ("provider", "broken")], |s| s == 2.0),
            shown("executive.json: Pages/Anno", &[("alertname", "AuthOutage"), ("provider", "broken")], |_| true),
            shown("executive.json: Last deployments/A", &[], |at| at > 0.0),
            shown("debug.json: Notifications/A", &[("receiver", "webhook 1"), ("outcome", "failed")], |n| n > 0.0),
        ],
    },
    Condition {
        what: "a budget burns in every window: the runs of `login` and `till` fail",
        when: When::Broken,
        alerts: &[
            both("AuthSLOBurn", "page", &[("slo", "login-availability"), ("burnrate_tier", "1h")]),
            both("AuthSLOBurn", "page", &[("slo", "login-availability"), ("burnrate_tier", "6h")]),
            both("AuthSLOBurn", "ticket", &[("slo", "login-availability"), ("burnrate_tier", "1d")]),
            both("AuthSLOBurn", "ticket", &[("slo", "login-availability"), ("burnrate_tier", "3d")]),
            both("AuthSLOBurn", "page", &[("slo", "service-tokens"), ("burnrate_tier", "1h")]),
            both("AuthSLOBurn", "ticket", &[("slo", "service-tokens"), ("burnrate_tier", "1d")]),
            both("AuthSLOBurn", "page", &[("slo", "key-set"), ("burnrate_tier", "any")]),
        ],
        shown: &[
            fires(&[("alertname", "AuthSLOBurn"), ("slo", "login-availability"), ("severity", "page")]),
            fires(&[("alertname", "AuthSLOBurn"), ("slo", "login-availability"), ("severity", "ticket")]),
            fires(&[("alertname", "AuthSLOBurn"), ("slo", "key-set"), ("severity", "page")]),
            shown("executive.json: Error budget left/A", &[("slo", "login-availability")], |left| left < 1.0),
            shown("executive.json: Burn rate/A", &[("slo", "login-availability"), ("long_window", "1h")], |b| b > 14.4),
            shown("slo.json: Burn rate by window, with thresholds/A", &[("long_window", "3d")], |burn| burn > 1.0),
            shown("slo.json: Budget left/A", &[], |left| left < 1.0),
            shown("slo.json: Burn-down/B", &[], |left| left < 1.0),
            shown("slo.json: Time to exhaustion/A", &[], |seconds| (0.0..30.0 * DAY).contains(&seconds)),
            shown("slo.json: Share of errors/A", &[("probe_region", "east")], |share| share > 0.0),
            shown("slo.json: Events/B", &[("probe_region", "east")], |events| events > 0.0),
            shown("slo.json: Its alerts/A", &[("alertname", "AuthSLOBurn"), ("severity", "page")], |state| {
                state == 2.0
            }),
            shown("slo.json: Its alerts/A", &[("alertname", "AuthSLOBurn"), ("severity", "ticket")], |state| {
                state == 2.0
            }),
            shown("slo.json: Pages/Anno", &[("alertname", "AuthSLOBurn"), ("slo", "login-availability")], |_| true),
        ],
    },
    Condition {
        what: "`regional` resets every connection that comes from west",
        when: When::Broken,
        alerts: &[both("AuthRegionDown", "ticket", &[("provider", "regional")])],
        shown: &[
            fires(&[("alertname", "AuthRegionDown"), ("provider", "regional")]),
            shown(
                "on-call.json: Evidence of an outage/A",
                &[("provider", "regional"), ("probe_region", "west")],
                |evidence| evidence > 0.0,
            ),
            shown("on-call.json: Last run/A", &[("probe", "near"), ("probe_region", "west")], |good| good == 0.0),
            shown("debug.json: Confirmation runs/A", &[("probe", "near")], |runs| runs > 0.0),
            shown("on-call.json: Last run/A", &[("probe", "near"), ("probe_region", "east")], |good| good == 1.0),
            shown(
                "executive.json: Availability by region/A",
                &[("provider", "regional"), ("probe_region", "west")],
                |share| share < 1.0,
            ),
        ],
    },
    Condition {
        what: "`leaky` takes codes without a verifier, though a challenge was sent",
        when: When::Broken,
        alerts: &[both("AuthAttackAccepted", "page", &[("provider", "leaky"), ("probe", "doors")])],
        shown: &[
            fires(&[("alertname", "AuthAttackAccepted"), ("provider", "leaky")]),
            shown("debug.json: Attacks accepted, 24 hours/A", &[("provider", "leaky"), ("client", "web")], |n| n > 0.0),
            shown("debug.json: Attacks accepted/A", &[("provider", "leaky")], |runs| runs > 0.0),
        ],
    },
    Condition {
        what: "revoked tokens of `leaky` live on",
        when: When::Broken,
        alerts: &[both("AuthRevocationSlow", "ticket", &[("provider", "leaky"), ("probe", "revocation")])],
        shown: &[
            fires(&[("alertname", "AuthRevocationSlow"), ("provider", "leaky")]),
            // What has no end is drawn at the highest bound.
            shown("on-call.json: Revocation propagation, p95/A", &[("provider", "leaky")], |seconds| seconds >= 300.0),
            shown("debug.json: Refresh and revocation/B", &[("probe", "revocation")], |runs| runs > 0.0),
        ],
    },
    Condition {
        what: "`rotating` has another key under the name of the old one",
        when: When::Broken,
        alerts: &[both("AuthKeyRotationUnsafe", "page", &[("provider", "rotating"), ("probe", "keys")])],
        shown: &[
            fires(&[("alertname", "AuthKeyRotationUnsafe"), ("provider", "rotating")]),
            shown("on-call.json: Rotations/A", &[("provider", "rotating")], |changes| changes > 0.0),
            shown("on-call.json: Rotations/B", &[("provider", "rotating")], |changes| changes > 0.0),
        ],
    },
    Condition {
        what: "`split` tells west of another document than east",
        when: When::Broken,
        alerts: &[both("AuthRegionsDisagree", "ticket", &[("provider", "split")])],
        shown: &[
            fires(&[("alertname", "AuthRegionsDisagree"), ("provider", "split")]),
            shown("debug.json: Regions disagree/A", &[("provider", "split"), ("document", "discovery")], |odd| {
                odd == 1.0
            }),
        ],
    },
    Condition {
        what: "`clock` is five minutes ahead",
        when: When::Broken,
        alerts: &[both("AuthClockSkew", "ticket", &[("provider", "clock"), ("probe", "time")])],
        shown: &[
            fires(&[("alertname", "AuthClockSkew"), ("provider", "clock")]),
            shown("debug.json: Clock skew/A", &[("provider", "clock")], |seconds| (290.0..310.0).contains(&seconds)),
        ],
    },
    Condition {
        what: "the certificate of `expiring` ends in two days",
        when: When::Broken,
        alerts: &[
            both("AuthCertificateExpiring", "ticket", &[("provider", "expiring")]),
            both("AuthCertificateExpiring", "page", &[("provider", "expiring")]),
        ],
        shown: &[
            fires(&[("alertname", "AuthCertificateExpiring"), ("provider", "expiring"), ("severity", "ticket")]),
            fires(&[("alertname", "AuthCertificateExpiring"), ("provider", "expiring"), ("severity", "page")]),
            shown("on-call.json: Certificates/A", &[("provider", "expiring"), ("endpoint", "token")], |seconds| {
                (1.9 * DAY..2.0 * DAY).contains(&seconds)
            }),
        ],
    },
    Condition {
        what: "access tokens of `expiring` live for two days",
        when: When::Broken,
        alerts: &[both("AuthTokenLifetimeLong", "ticket", &[("provider", "expiring"), ("probe", "lasting")])],
        shown: &[
            fires(&[("alertname", "AuthTokenLifetimeLong"), ("provider", "expiring")]),
            shown(
                "executive.json: Token lifetime exposure/A",
                &[("provider", "expiring"), ("token", "access")],
                |seconds| seconds > DAY,
            ),
        ],
    },
    Condition {
        what: "`silent` refuses the client of its only probe",
        when: When::Broken,
        alerts: &[both("AuthProbeCredentials", "ticket", &[("provider", "silent"), ("probe", "refused")])],
        shown: &[
            fires(&[("alertname", "AuthProbeCredentials"), ("provider", "silent")]),
            shown("on-call.json: Credentials refused/A", &[("probe", "refused"), ("client", "stranger")], |r| r == 1.0),
            shown("executive.json: Could not be measured, 24 hours/A", &[], |share| share > 0.0),
            shown("on-call.json: Runs not made, not told/A", &[("reason", "account")], |runs| runs > 0.0),
        ],
    },
    Condition {
        what: "so nothing is measured of it: neither by that probe nor by any other",
        when: When::Broken,
        alerts: &[
            both("AuthProbeStale", "ticket", &[("provider", "silent"), ("probe", "refused")]),
            both("AuthProbeStale", "page", &[("provider", "silent")]),
        ],
        shown: &[
            fires(&[("alertname", "AuthProbeStale"), ("provider", "silent"), ("severity", "ticket")]),
            fires(&[("alertname", "AuthProbeStale"), ("provider", "silent"), ("severity", "page")]),
        ],
    },
    Condition {
        what: "somebody holds the ledger",
        when: When::Hindered,
        alerts: &[both("AuthLedgerFailing", "ticket", &[])],
        shown: &[
            fires(&[("alertname", "AuthLedgerFailing")]),
            shown("on-call.json: Ledger/A", &[], |failing| failing == 1.0),
        ],
    },
    Condition {
        what: "the configuration cannot be read, and runs are paused",
        when: When::Hindered,
        alerts: &[],
        shown: &[
            shown("on-call.json: Configuration/A", &[], |loaded| loaded == 0.0),
            shown("on-call.json: Schedule/A", &[], |paused| paused == 1.0),
        ],
    },
    Condition {
        what: "authprobe was killed",
        when: When::Gone,
        // It waits for two minutes: pending is what holds now.
        alerts: &[rules("AuthProberDown", "page", &[("job", "authprobe")])],
        shown: &[
            shown("on-call.json: Scraped/A", &[], |up| up == 0.0),
            shown("executive.json: Alerts/A", &[("alertname", "AuthProberDown")], |state| state >= 1.0),
            // Nothing of its own is left: these are from `ALERTS` alone.
            fires(&[("alertname", "AuthClockSkew"), ("provider", "clock")]),
            fires(&[("alertname", "AuthProbeCredentials"), ("provider", "silent")]),
            fires(&[("alertname", "AuthLedgerFailing")]),
        ],
    },
];
