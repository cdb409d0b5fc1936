//! Why a due run did not take place: the `reason` label of `authprobe_runs_missed_total`.

/// A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Missed {
    /// The check's last run was not over.
    Overlap,
    /// The moment had passed when the scheduler saw it: the machine slept or stalled, or its clock was put forward.
    Late,
    /// The provider's `max_requests_per_minute` has not enough left for it.
    Budget,
    /// The provider asked us to wait (429 with `Retry-After`). A 503 with one is an outage, which is measured.
    RateLimited,
    /// Its account's credentials were refused.
    Account,
    /// Too many runs at once in this process.
    Capacity,
    /// Scheduled runs are paused by hand.
    Paused,
    /// The process is stopping.
    Shutdown,
}

impl Missed {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Overlap,
        Self::Late,
        Self::Budget,
        Self::RateLimited,
        Self::Account,
        Self::Capacity,
        Self::Paused,
        Self::Shutdown,
    ];

    /// The name in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::Late => "late",
            Self::Budget => "budget",
            Self::RateLimited => "rate_limited",
            Self::Account => "account",
            Self::Capacity => "capacity",
            Self::Paused => "paused",
            Self::Shutdown => "shutdown",
        }
    }
}
