//! What our user types into the provider's pages.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::steps::With;
use crate::clock::{Clock, Instant};
use crate::fault::{Class, Fault};
use crate::journey::Recorder;
use crate::oidc::memory::ProviderMemory;
use crate::oidc::settings::User;
use crate::oidc::totp::{self, Totp};
use crate::secret::Secret;

/// What a login needs at least after the code is there: to wait for one longer than that would end as a timeout.
const AFTER_CODE: Duration = Duration::from_secs(1);

/// What our user types.
pub struct Answers {
    user: Arc<str>,
    username: Secret,
    password: Secret,
    totp: Option<Totp>,
    memory: Arc<ProviderMemory>,
    /// The one-time codes that were given.
    given: Mutex<Vec<Secret>>,
}

impl Answers {
    /// Reads the user's secrets, and has the recorder mask them. Fault: `config`.
    pub fn of(user: &User, memory: Arc<ProviderMemory>, recorder: &Recorder) -> Result<Self, Fault> {
        let wrong = |what: &str, why: String| Fault::new(Class::Config, format!("user {}: {what}: {why}", user.name));
        let password = user.password.read().map_err(|why| wrong("password", why))?;
        recorder.protect(password.expose());
        recorder.protect(&user.username);
        let totp = match &user.totp {
            None => None,
            Some(source) => {
                let seed = source.read().map_err(|why| wrong("totp", why))?;
                recorder.protect(seed.expose());
                Some(Totp::new(&seed).map_err(|why| wrong("totp", why.to_owned()))?)
            }
        };
        Ok(Self {
            user: user.name.clone(),
            username: Secret::new(user.username.clone()),
            password,
            totp,
            memory,
            given: Mutex::default(),
        })
    }

    /// What belongs into such a field: for a one-time code it may take until `deadline`. Faults: `challenge`, `config`.
    pub async fn value(
        &self,
        with: With,
        clock: &Clock,
        recorder: &Recorder,
        deadline: Instant,
    ) -> Result<Secret, Fault> {
        match with {
            With::Username => Ok(self.username.clone()),
            With::Password => Ok(self.password.clone()),
            With::Totp => self.one_time_code(clock, recorder, deadline).await,
        }
    }

    /// What must not be seen in a picture.
    pub fn needles(&self) -> Vec<Secret> {
        let codes = self.given.lock().expect("one-time codes").clone();
        [self.username.clone(), self.password.clone()].into_iter().chain(codes).collect()
    }

    /// The user's name in the configuration.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whether one-time codes can be made.
    pub fn has_totp(&self) -> bool {
        self.totp.is_some()
    }

    /// A code that nobody has used yet: each is good once, so it may take until the next half minute.
    /// If that is after the run's deadline, checks want more codes of this user than there are: the provider is well.
    async fn one_time_code(&self, clock: &Clock, recorder: &Recorder, deadline: Instant) -> Result<Secret, Fault> {
        let Some(totp) = &self.totp else {
            return Err(Fault::new(Class::Challenge, format!("user {} has no `totp`", self.user)));
        };
        loop {
            let now = clock.now();
            let step = totp::step(now);
            if self.memory.one_time_codes.take(&self.user, step) {
                let code = totp.code(step);
                recorder.protect(code.expose());
                self.given.lock().expect("one-time codes").push(code.clone());
                return Ok(code);
            }
            let wait = totp::until_next(now);
            if clock.instant() + wait + AFTER_CODE >= deadline {
                return Err(Fault::new(
                    Class::Config,
                    format!(
                        "user {}: every one-time code until the run's deadline is used already, and each is good once: \
                         use a user of its own for each check and region, or a longer timeout",
                        self.user
                    ),
                ));
            }
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two checks with one user: the second would have to wait for longer than its run may take.
    #[tokio::test]
    async fn waiting_for_a_code_past_the_deadline_is_the_configurations_fault() {
        let clock = Clock::system();
        let journey = crate::journey::Journey::new(clock.clone(), Duration::from_secs(20), Vec::new());
        let memory = crate::oidc::memory::Memories::default().provider(&"main".into());
        let totp = Totp::new(&Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")).unwrap();
        let (username, password) = (Secret::new("alice"), Secret::new("wonderland"));
        let answers = Answers {
            user: "synthetic".into(),
            username,
            password,
            totp: Some(totp),
            memory: memory.clone(),
            given: Mutex::default(),
        };
        let soon = clock.instant() + Duration::from_millis(500);
        // A code that is free is given however little time there is.
        assert!(answers.one_time_code(&clock, journey.recorder(), soon).await.is_ok());
        // The next one too, lest the half minute ends in between.
        memory.one_time_codes.take(&"synthetic".into(), totp::step(clock.now()) + 1);
        let Err(fault) = answers.one_time_code(&clock, journey.recorder(), soon).await else { panic!("a code") };
        assert_eq!(fault.class, Class::Config);
        assert!(fault.detail.contains("user synthetic") && fault.detail.contains("each check and region"));
    }
}
