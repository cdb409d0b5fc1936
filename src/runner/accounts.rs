//! Which credentials may be tried. A pure state machine that is told the time: it keeps the probes from locking their own
//! accounts, and notices when refused credentials are the provider's fault.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Instant;
use crate::fault::Account;

/// How long after a refusal a client's credentials are tried again.
pub const CLIENT_RETRY: Duration = Duration::from_secs(15 * 60);
/// A refusal says something about the provider if the credentials worked this long ago or less.
pub const WORKED_WITHIN: Duration = Duration::from_secs(60 * 60);
/// Refusals this close are one event. Longer than [`CLIENT_RETRY`], so that a client that keeps being refused counts.
pub const TOGETHER: Duration = Duration::from_secs(20 * 60);

/// Confirmation runs of one user begin at least this far apart: a login is an attempt, whoever asks for it.
pub const CONFIRM_EVERY: Duration = Duration::from_secs(30);
/// Once so many logins of a user have not come to their end since its last good one, confirmation runs ask for no more:
/// providers lock accounts after five to ten (PCI DSS 8.3.4 allows ten), and the schedule needs some of them.
pub const CONFIRM_FAILED: u32 = 3;

/// A keyed hash of a secret: tells that it changed, and nothing else.
pub type Digest = [u8; 32];

/// Credentials at a provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Who {
    /// As the configuration calls them.
    pub account: Account,
    /// The provider's name.
    pub provider: Arc<str>,
    /// What the provider knows them by (user name, `client_id`): two names for one identity are not independent.
    pub identity: Arc<str>,
}

/// Whether credentials may be tried now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Go,
    /// Yes, and nobody else meanwhile: it shows whether they are accepted. [`Accounts::done`] must follow.
    Trial,
    /// Somebody else is trying them for the first time: ask again after that.
    Wait,
    /// No: they were refused.
    Stopped,
}

/// What a run showed about credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// They were accepted.
    Worked,
    /// They were refused.
    Refused {
        /// For people; redacted already.
        reason: String,
        /// Of the secret that was refused, if it can be read.
        secret: Option<Digest>,
    },
    /// A user's login was tried and did not come to its end.
    Failed {
        /// Whether the provider answered: for all we know it has judged the password. Otherwise nobody did.
        answered: bool,
    },
    /// All is well without their being tried: a session lives on.
    Untried,
    /// Nothing: the run did not get that far.
    Nothing,
}

/// A stopped account, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Which.
    pub account: Account,
    /// Why, and what lets it go on.
    pub reason: String,
}

#[derive(Debug)]
struct State {
    who: Who,
    worked: Option<Instant>,
    on_trial: bool,
    refusal: Option<Refusal>,
    /// How many logins did not come to their end since the last that did.
    failed: u32,
    /// Whether the provider answered one of them.
    doubted: bool,
    /// Whether a confirmation run is trying them.
    confirming: bool,
    /// When one last began to.
    confirmed: Option<Instant>,
}

#[derive(Debug)]
struct Refusal {
    last: Instant,
    /// Whether the credentials had worked shortly before they were refused for the first time.
    worked_before: bool,
    /// Whether it was the provider's fault: that stays so until the credentials work again.
    the_providers: bool,
    reason: String,
    secret: Option<Digest>,
}

/// All credentials that runs have used.
#[derive(Debug, Default)]
pub struct Accounts(HashMap<Account, State>);

impl Accounts {
    /// May these be tried now? A user whose password has not been seen to work is tried by one run at a time: several
    /// wrong attempts at once would lock the account.
    pub fn ask(&mut self, who: &Who, now: Instant) -> Answer {
        let state = self.state(who);
        match (&who.account, &state.refusal) {
            (Account::Client(_), Some(refusal)) => {
                if state.on_trial || now.duration_since(refusal.last) < CLIENT_RETRY {
                    return Answer::Stopped;
                }
            }
            (Account::User(_), Some(_)) => return Answer::Stopped,
            (Account::User(_), None) if state.worked.is_none() => {
                if state.on_trial {
                    return Answer::Wait;
                }
            }
            (_, None) => return Answer::Go,
        }
        state.on_trial = true;
        Answer::Trial
    }

    /// May a confirmation run try all of these now? If so it has begun to, and [`Accounts::confirmed`] must follow, then
    /// [`Accounts::done`]. Only what is known to work is risked: a user must have logged in, and since then no login may
    /// have been answered otherwise, nor [`CONFIRM_FAILED`] have failed, nor may one be under way that was asked for like
    /// this or began within [`CONFIRM_EVERY`]. Refused clients are left to the schedule.
    pub fn confirm<'a>(&mut self, all: impl Iterator<Item = &'a Who> + Clone, now: Instant) -> bool {
        let may = all.clone().all(|who| self.may_confirm(who, now));
        if may {
            for who in all {
                let state = self.state(who);
                (state.confirming, state.confirmed) = (true, Some(now));
            }
        }
        may
    }

    fn may_confirm(&self, who: &Who, now: Instant) -> bool {
        let known = self.0.get(&who.account);
        let at_rest = |state: &State| state.refusal.is_none() && !state.on_trial;
        if let Account::Client(_) = who.account {
            return known.is_none_or(at_rest);
        }
        // Whatever the configuration calls it, to the provider it is one account.
        let alike = |state: &&State| {
            state.who.account == who.account
                || matches!(state.who.account, Account::User(_))
                    && (&state.who.provider, &state.who.identity) == (&who.provider, &who.identity)
        };
        let recent = |state: &State| state.confirmed.is_some_and(|at| now.duration_since(at) < CONFIRM_EVERY);
        let free = |state: &State| at_rest(state) && !state.doubted && !state.confirming && !recent(state);
        known.is_some_and(|state| state.worked.is_some())
            && self.0.values().filter(alike).all(free)
            && self.0.values().filter(alike).map(|state| state.failed).sum::<u32>() < CONFIRM_FAILED
    }

    /// The confirmation run with these is over.
    pub fn confirmed(&mut self, who: &Who) {
        self.state(who).confirming = false;
    }

    /// Whether a run with these could not go on now; asks for nothing.
    pub fn is_stopped(&self, account: &Account, now: Instant) -> bool {
        self.0.get(account).is_some_and(|state| match (&state.refusal, account) {
            (None, _) => false,
            (Some(_), Account::User(_)) => true,
            (Some(refusal), Account::Client(_)) => state.on_trial || now.duration_since(refusal.last) < CLIENT_RETRY,
        })
    }

    /// What a run showed. True: these credentials are refused, and that is the provider's fault, because others that
    /// worked within the hour are refused as well.
    pub fn done(&mut self, who: &Who, trial: bool, shown: Shown, now: Instant) -> bool {
        let state = self.state(who);
        if trial {
            state.on_trial = false;
        }
        match shown {
            Shown::Nothing => false,
            Shown::Failed { answered } => {
                state.failed = state.failed.saturating_add(1);
                state.doubted |= answered;
                false
            }
            Shown::Worked | Shown::Untried => {
                state.worked = Some(now);
                if shown == Shown::Worked {
                    (state.failed, state.doubted) = (0, false);
                }
                // A run that overtook the refusal proves nothing about a password: only a trial does.
                if trial {
                    state.refusal = None;
                }
                false
            }
            Shown::Refused { reason, secret } => {
                let worked_before = match &state.refusal {
                    Some(refusal) => refusal.worked_before,
                    None => state.worked.is_some_and(|at| now.duration_since(at) <= WORKED_WITHIN),
                };
                let already = state.refusal.as_ref().is_some_and(|refusal| refusal.the_providers);
                state.worked = None;
                state.refusal = Some(Refusal { last: now, worked_before, the_providers: already, reason, secret });
                let the_providers = already || (worked_before && self.refused_together(&who.provider, now) >= 2);
                if let Some(refusal) = &mut self.state(who).refusal {
                    refusal.the_providers = the_providers;
                }
                the_providers
            }
        }
    }

    /// How many independent credentials of that provider, that had worked, are refused now.
    fn refused_together(&self, provider: &str, now: Instant) -> usize {
        let refused = self.0.values().filter(|state| &*state.who.provider == provider).filter(|state| {
            let refusal = state.refusal.as_ref();
            refusal.is_some_and(|refusal| refusal.worked_before && now.duration_since(refusal.last) <= TOGETHER)
        });
        let independent = refused.map(|state| (matches!(state.who.account, Account::User(_)), &state.who.identity));
        independent.collect::<HashSet<_>>().len()
    }

    /// The secret of a stopped account reads like this now: another one than was refused lets it go on.
    pub fn secret_reads(&mut self, account: &Account, secret: Digest) -> bool {
        let Some(state) = self.0.get_mut(account) else { return false };
        let changed = state.refusal.as_ref().is_some_and(|refusal| refusal.secret != Some(secret));
        if changed {
            state.forget();
        }
        changed
    }

    /// A person says to go on: `NAME`, `user:NAME` or `client:NAME`. False if nothing of that name is stopped.
    pub fn resume(&mut self, name: &str) -> bool {
        let mut resumed = false;
        for (account, state) in &mut self.0 {
            let (Account::User(own) | Account::Client(own)) = account;
            if state.refusal.is_some() && (name == own || name == account.to_string()) {
                state.forget();
                resumed = true;
            }
        }
        resumed
    }

    /// The configuration changed: whatever was refused may be tried again, and what is no longer used is forgotten.
    pub fn configuration_changed(&mut self, used: impl Fn(&Account) -> bool) {
        self.0.retain(|account, state| used(account) || state.on_trial);
        self.0.values_mut().filter(|state| state.refusal.is_some()).for_each(State::forget);
    }

    /// Those that are stopped, in order of their names.
    pub fn stopped(&self) -> Vec<Stopped> {
        let mut stopped: Vec<_> = self
            .0
            .iter()
            .filter_map(|(account, state)| {
                let refusal = state.refusal.as_ref()?;
                let then = match account {
                    Account::User(_) => {
                        "not tried again until its secret or the configuration changes, or it is resumed"
                    }
                    Account::Client(_) => "tried again every 15 minutes",
                };
                Some(Stopped { account: account.clone(), reason: format!("{}; {then}", refusal.reason) })
            })
            .collect();
        stopped.sort_by_key(|stopped| stopped.account.to_string());
        stopped
    }

    fn state(&mut self, who: &Who) -> &mut State {
        self.0.entry(who.account.clone()).or_insert_with(|| State {
            who: who.clone(),
            worked: None,
            on_trial: false,
            refusal: None,
            failed: 0,
            doubted: false,
            confirming: false,
            confirmed: None,
        })
    }
}

impl State {
    /// Back to the beginning: nothing is known, so a single trial comes next.
    fn forget(&mut self) {
        self.refusal = None;
        self.worked = None;
    }
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
