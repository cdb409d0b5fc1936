//! What comes to the back channel while a run waits for its logout token: ours, others', anybody's.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::watch;

use super::MAX_FETCHES;
use crate::clock::{Instant, Timestamp};
use crate::fault::Fault;
use crate::oidc::clock_skew::Skew;
use crate::oidc::jwks::KeySet;
use crate::oidc::jwt::Jwt;
use crate::oidc::logout_token::{self, About, Session};
use crate::oidc::mailbox::Waiting;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::{Refused, Relying};

/// The most tokens without our `sid` that are kept until it is known when the session was ended; the oldest make room.
const MAX_UNNAMED: usize = 32;

/// When the session was ended: the request was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) sent: Instant,
    pub(super) time: Timestamp,
}

/// A valid token without our `sid`: it may be about another session of the user, which another region ended.
#[derive(Clone, Copy, Debug)]
struct Unnamed {
    received: Instant,
    /// `iat`.
    issued: Option<f64>,
}

impl Unnamed {
    /// Whether it can be about the session that was ended then.
    fn follows(&self, ending: Ending, skew: Option<Skew>) -> bool {
        self.received >= ending.sent && self.issued.is_none_or(|iat| !logout_token::precedes(iat, ending.time, skew))
    }
}

/// What came besides the token that was waited for.
#[derive(Default)]
pub(super) struct Heard(pub(super) Mutex<Aside>);

#[derive(Default)]
pub(super) struct Aside {
    /// What was wrong with the last one that was, or may have been, ours: one that the provider has signed, or that names
    /// our session, which nobody else knows.
    pub(super) refused: Option<Fault>,
    /// How many were about other sessions of the same user.
    siblings: u32,
    /// How many anybody may have sent.
    unproven: u32,
}

impl Aside {
    fn refuse(&mut self, refused: Refused, named: bool) {
        match refused {
            Refused { signed: true, fault } => self.refused = Some(fault),
            Refused { fault, .. } if named && self.refused.is_none() => self.refused = Some(fault),
            Refused { .. } => self.unproven += 1,
        }
    }

    /// For people.
    pub(super) fn besides(&self) -> String {
        let siblings = match self.siblings {
            0 => String::new(),
            1 => "; one came for another session of this user".to_owned(),
            many => format!("; {many} came for other sessions of this user"),
        };
        match self.unproven {
            0 => siblings,
            1 => format!("{siblings}; one came that is not signed with the provider's keys"),
            many => format!("{siblings}; {many} came that are not signed with the provider's keys"),
        }
    }
}

impl Heard {
    /// Until a valid logout token of that session has come: when. One that is not valid may be anybody's, so that the wait
    /// goes on. One that does not name the session counts once it is known when that was `ended`.
    pub(super) async fn listen(
        &self,
        mut waiting: Waiting,
        mut ended: watch::Receiver<Option<Ending>>,
        relying: &Relying,
        metadata: &Metadata,
        mut keys: KeySet,
        session: &Session,
    ) -> Instant {
        let (mut fetches, mut unnamed) = (MAX_FETCHES, VecDeque::<Unnamed>::new());
        loop {
            let ending = *ended.borrow_and_update();
            if let Some(ending) = ending {
                let skew = relying.timing.skew();
                let ours = unnamed.drain(..).find(|token| token.follows(ending, skew));
                if let Some(token) = ours {
                    return token.received;
                }
            }
            let letter = tokio::select! {
                letter = waiting.next() => letter,
                Ok(()) = ended.changed() => continue,
            };
            relying.recorder.protect(letter.token.expose());
            let Ok(jwt) = Jwt::decode(letter.token.expose(), "logout token") else {
                letter.answer(false);
                self.with(|aside| aside.unproven += 1);
                continue;
            };
            match logout_token::about(&jwt.claims, session) {
                About::Ours | About::Nobody => {}
                other => {
                    letter.pass();
                    self.with(|aside| aside.siblings += u32::from(other == About::Sibling));
                    continue;
                }
            }
            let named = logout_token::names(&jwt.claims, session);
            let result = relying.logout_token(metadata, &mut keys, &jwt, session, &mut fetches).await;
            letter.answer(result.is_ok());
            match result {
                Ok(()) if named => return letter.received,
                Ok(()) => {
                    if unnamed.len() == MAX_UNNAMED {
                        unnamed.pop_front();
                    }
                    let issued = jwt.claims.date("iat").ok().flatten();
                    unnamed.push_back(Unnamed { received: letter.received, issued });
                }
                Err(refused) => self.with(|aside| aside.refuse(refused, named)),
            }
        }
    }

    fn with(&self, work: impl FnOnce(&mut Aside)) {
        work(&mut self.0.lock().expect("heard"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fault::Class;

    /// Another region's logout of the same user is not ours.
    #[tokio::test(start_paused = true)]
    async fn a_token_without_our_session_counts_from_the_logout_on() {
        let (sent, time) = (crate::clock::Clock::system().instant(), Timestamp::from_secs(1_700_000_000));
        let ending = Ending { sent, time };
        let follows = |received, issued| Unnamed { received, issued }.follows(ending, None);
        let (second, now) = (Duration::from_secs(1), Some(1_700_000_000.0));
        assert!(follows(sent, now) && follows(sent + second, now) && follows(sent, None));
        assert!(!follows(sent - second, now), "it came before");
        assert!(!follows(sent + second, Some(1_699_999_000.0)), "it was issued long before");
    }

    #[test]
    fn what_anybody_can_send_does_not_decide() {
        let fault = |class| Fault::new(class, "x");
        let class = |aside: &Aside| aside.refused.as_ref().map(|fault| fault.class);
        let mut aside = Aside::default();
        aside.refuse(fault(Class::SignatureInvalid).into(), false);
        assert_eq!((class(&aside), aside.unproven), (None, 1));
        assert!(aside.besides().contains("one came that is not signed"));
        aside.refuse(fault(Class::SignatureInvalid).into(), true);
        assert_eq!(class(&aside), Some(Class::SignatureInvalid));
        aside.refuse(Refused { signed: true, fault: fault(Class::ClaimAudience) }, false);
        aside.refuse(fault(Class::SignatureInvalid).into(), true);
        assert_eq!(class(&aside), Some(Class::ClaimAudience), "what the provider signed tells more");
    }
}
