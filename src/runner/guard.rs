//! The gate that every run with credentials passes: [`Accounts`] with its waiting, and with the secrets read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::hmac;
use tokio::sync::Notify;

use super::accounts::{Accounts, Answer, Digest, Shown, Stopped, Who};
use crate::clock::Clock;
use crate::fault::{Account, Blame, Class};
use crate::outcome::{Outcome, StepRecord, StepState, Verdict};
use crate::plan::Check;
use crate::secret::SecretSource;

/// The credentials that a check uses: its clients' and its user's.
#[derive(Clone, Debug, Default)]
pub struct Credentials(Vec<Credential>);

#[derive(Clone, Debug)]
struct Credential {
    who: Who,
    secrets: Vec<SecretSource>,
    /// The steps that are done with these credentials only.
    proven_by: &'static [&'static str],
}

/// The steps that are done with the credentials of a user, and of the client that tokens are issued to. A client that only
/// asks besides shows its own by a good run.
const BY_USER: &[&str] = &["login"];
const BY_CLIENT: &[&str] = &["token", "refresh"];

impl Credentials {
    /// Those of a check.
    pub fn of(check: &Check) -> Self {
        let provider = &check.probe.provider.name;
        let who =
            |account, identity: &Arc<str>| Who { account, provider: provider.clone(), identity: identity.clone() };
        // Always in the same order: whoever holds one may wait for another.
        let mut clients: Vec<_> = check.probe.client.iter().chain(&check.probe.second_client).collect();
        clients.sort_by_key(|client| &client.name);
        clients.dedup_by_key(|client| &client.name);
        let first = check.probe.client.as_ref().map(|client| &client.name);
        let clients = clients.into_iter().map(|client| Credential {
            who: who(Account::Client(client.name.to_string()), &client.client_id),
            secrets: client.secret.iter().chain(client.proof.sources()).cloned().collect(),
            proven_by: if first == Some(&client.name) { BY_CLIENT } else { &[] },
        });
        let user = check.user.iter().map(|user| Credential {
            who: who(Account::User(user.name.to_string()), &user.username),
            secrets: [&user.password].into_iter().chain(&user.totp).cloned().collect(),
            proven_by: BY_USER,
        });
        Self(clients.chain(user).collect())
    }

    /// Whether that account is among them.
    pub fn uses(&self, account: &Account) -> bool {
        self.0.iter().any(|credential| credential.who.account == *account)
    }
}

/// See the module.
pub struct Guard {
    accounts: Mutex<Accounts>,
    changed: Notify,
    /// Where the secrets of refused accounts are, to see whether they change.
    refused: Mutex<HashMap<Account, Vec<SecretSource>>>,
    /// Of this process only: a digest says nothing to anybody else.
    key: hmac::Key,
    clock: Clock,
}

impl Guard {
    /// Knows nothing yet. The error: the system has no random numbers.
    pub fn new(clock: Clock) -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &aws_lc_rs::rand::SystemRandom::new())
            .map_err(|_| "no random numbers from the system".to_owned())?;
        Ok(Self { accounts: Mutex::default(), changed: Notify::new(), refused: Mutex::default(), key, clock })
    }

    /// Whether a run with these could not go on now; asks for nothing.
    pub fn is_stopped(&self, credentials: &Credentials) -> bool {
        if credentials.0.is_empty() {
            return false;
        }
        let now = self.clock.instant();
        let accounts = self.accounts();
        credentials.0.iter().any(|credential| accounts.is_stopped(&credential.who.account, now))
    }

    /// Waits until a run may try these, or says which are stopped and why.
    pub async fn admit(self: &Arc<Self>, credentials: &Credentials) -> Result<Pass, Stopped> {
        let mut pass = Pass { guard: self.clone(), held: Vec::with_capacity(credentials.0.len()), confirms: false };
        for credential in &credentials.0 {
            let trial = self.admit_one(&credential.who).await?;
            pass.held.push((credential.clone(), trial));
        }
        Ok(pass)
    }

    /// Lets a confirmation run try these, if that risks nothing. See [`Accounts::confirm`]. Never waits.
    pub fn confirm(self: &Arc<Self>, credentials: &Credentials) -> Option<Pass> {
        let now = self.clock.instant();
        let may = self.accounts().confirm(credentials.0.iter().map(|credential| &credential.who), now);
        let held = || credentials.0.iter().map(|credential| (credential.clone(), false)).collect();
        may.then(|| Pass { guard: self.clone(), held: held(), confirms: true })
    }

    async fn admit_one(&self, who: &Who) -> Result<bool, Stopped> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let answer = self.accounts().ask(who, self.clock.instant());
            match answer {
                Answer::Go => return Ok(false),
                Answer::Trial => return Ok(true),
                Answer::Wait => changed.await,
                Answer::Stopped => {
                    let stopped = self.stopped().into_iter().find(|stopped| stopped.account == who.account);
                    let unknown = || Stopped { account: who.account.clone(), reason: "stopped".to_owned() };
                    return Err(stopped.unwrap_or_else(unknown));
                }
            }
        }
    }

    /// Those that are stopped.
    pub fn stopped(&self) -> Vec<Stopped> {
        self.accounts().stopped()
    }

    /// See [`Accounts::resume`].
    pub fn resume(&self, name: &str) -> bool {
        let resumed = self.accounts().resume(name);
        self.changed.notify_waiters();
        resumed
    }

    /// See [`Accounts::configuration_changed`].
    pub fn configuration_changed(&self, used: impl Fn(&Account) -> bool) {
        self.accounts().configuration_changed(&used);
        self.refused().retain(|account, _| used(account));
        self.changed.notify_waiters();
    }

    /// Reads the secrets of stopped accounts again and lets those go on that changed. Reads files: not for async tasks.
    pub fn reread(&self) {
        for Stopped { account, .. } in self.stopped() {
            let sources = self.refused().get(&account).cloned();
            if let Some(digest) = sources.and_then(|sources| self.digest(&sources))
                && self.accounts().secret_reads(&account, digest)
            {
                tracing::info!(%account, "its secret changed: its runs go on");
                self.changed.notify_waiters();
            }
        }
    }

    fn digest(&self, sources: &[SecretSource]) -> Option<Digest> {
        let mut context = hmac::Context::with_key(&self.key);
        for source in sources {
            let secret = source.read().ok()?;
            context.update(&(secret.expose().len() as u64).to_be_bytes());
            context.update(secret.expose().as_bytes());
        }
        context.sign().as_ref().try_into().ok()
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().expect("accounts")
    }

    fn refused(&self) -> MutexGuard<'_, HashMap<Account, Vec<SecretSource>>> {
        self.refused.lock().expect("refused accounts")
    }
}

/// Leave to try credentials, for one run. Dropped without [`Pass::judge`], it showed nothing.
pub struct Pass {
    guard: Arc<Guard>,
    held: Vec<(Credential, bool)>,
    /// Whether it is for a confirmation run.
    confirms: bool,
}

impl Pass {
    /// Learns from the run what there is to learn, and blames the provider if several accounts are refused together.
    pub fn judge(mut self, outcome: &mut Outcome) {
        let held = std::mem::take(&mut self.held);
        let refused = self.refused_account(outcome, &held);
        let mut the_providers = false;
        for (credential, trial) in held {
            let shown = match &refused {
                Some(account) if *account == credential.who.account => self.refusal(&credential, outcome),
                _ => shown(&credential, outcome),
            };
            the_providers |= self.over(&credential.who, trial, shown);
        }
        self.guard.changed.notify_waiters();
        if the_providers && let Some(fault) = &mut outcome.fault {
            fault.blame = Blame::Provider;
            fault.detail.push_str("; others that worked within the hour are refused as well, so it is the provider");
            outcome.verdict = Verdict::Bad;
        }
    }

    fn over(&self, who: &Who, trial: bool, shown: Shown) -> bool {
        let now = self.guard.clock.instant();
        let mut accounts = self.guard.accounts();
        if self.confirms {
            accounts.confirmed(who);
        }
        accounts.done(who, trial, shown, now)
    }

    /// Whose credentials were refused. A fault that does not say so is the user's if there is one: a password is what
    /// must not be tried again. A challenge that names an account came in the place of a refusal.
    fn refused_account(&self, outcome: &Outcome, held: &[(Credential, bool)]) -> Option<Account> {
        let fault = outcome.fault.as_ref()?;
        let named = fault.account.as_deref().filter(|account| held.iter().any(|(own, _)| own.who.account == **account));
        let named = named.cloned();
        match fault.class {
            Class::Credentials => {}
            Class::Challenge => return named,
            _ => return None,
        }
        named.or_else(|| held.last().map(|(credential, _)| credential.who.account.clone()))
    }

    fn refusal(&self, credential: &Credential, outcome: &Outcome) -> Shown {
        let account = &credential.who.account;
        self.guard.refused().insert(account.clone(), credential.secrets.clone());
        let said = outcome.fault.as_ref().map_or("", |fault| &fault.detail);
        let reason = format!("refused at {} in {}: {said}", outcome.start, outcome.check);
        Shown::Refused { reason, secret: self.guard.digest(&credential.secrets) }
    }
}

/// What the run showed about credentials that were not refused.
fn shown(credential: &Credential, outcome: &Outcome) -> Shown {
    let user = matches!(credential.who.account, Account::User(_));
    let login = outcome.steps.iter().rfind(|record| user && record.name == "login" && !record.cleanup);
    match login.map(|login| login.state) {
        Some(StepState::Skipped) if worked(credential, outcome) => Shown::Untried,
        _ if worked(credential, outcome) => Shown::Worked,
        Some(StepState::Failed) => Shown::Failed { answered: answered(outcome) },
        _ => Shown::Nothing,
    }
}

/// Whether the provider answered a login that failed, by more than saying that it is out of order.
fn answered(outcome: &Outcome) -> bool {
    let Some(fault) = &outcome.fault else { return false };
    let last = outcome.requests().filter(|request| request.is_providers()).filter_map(|request| request.status).last();
    match (fault.class, fault.blame) {
        (Class::HttpStatus, _) => last.is_none_or(|status| status < 500),
        (_, Blame::Network | Blame::Monitor) => false,
        (_, Blame::Provider | Blame::Configuration) => true,
    }
}

/// Whether the run showed that the account's credentials are right: what fails after its own step says nothing about them.
fn worked(credential: &Credential, outcome: &Outcome) -> bool {
    let own = credential.proven_by;
    let done = |record: &StepRecord| own.contains(&record.name) && record.state == StepState::Done && !record.cleanup;
    outcome.verdict == Verdict::Good || outcome.steps.iter().any(done)
}

impl Drop for Pass {
    fn drop(&mut self) {
        for (credential, trial) in std::mem::take(&mut self.held) {
            // Nobody knows how far it had got.
            let failed = self.confirms && matches!(credential.who.account, Account::User(_));
            self.over(&credential.who, trial, if failed { Shown::Failed { answered: false } } else { Shown::Nothing });
        }
        self.guard.changed.notify_waiters();
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
