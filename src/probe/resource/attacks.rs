//! Requests that the API must refuse: one entry each.

use super::aged;
use super::asked::Api;
use crate::fault::Fault;
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::bearer::Bad;
use crate::oidc::forge::{self, ForgersKey, Original};
use crate::oidc::token::Tokens;
use crate::probe::access::Obtain;
use crate::probe::{Context, issued};
use crate::secret::Secret;

/// A request that must be refused.
pub(super) struct Attack {
    /// Its step.
    pub(super) step: StepName,
    /// What is shown, in words.
    what: &'static str,
    /// Where it is written that it must be refused.
    clause: &'static str,
    shows: Shows,
}

/// What an attack shows.
enum Shows {
    /// No token.
    Nothing,
    /// The good token, altered, whatever it looks like.
    Altered(fn(&Secret) -> Secret),
    /// What is made of a good token, if it is a signed JWT.
    Forged(fn(&Original, &Tokens) -> Result<Secret, Fault>),
}

pub(super) static TABLE: [Attack; 7] = [
    Attack { step: "without_token", what: "no token", clause: "RFC 6750 §3", shows: Shows::Nothing },
    Attack {
        step: "tampered",
        what: "a token whose signature was altered",
        clause: "RFC 7515 §5.2",
        shows: Shows::Altered(forge::tampered),
    },
    Attack {
        step: EXPIRED,
        what: "an expired token",
        clause: "RFC 7519 §4.1.4",
        shows: Shows::Forged(|original, tokens| Ok(original.expired(tokens.received))),
    },
    Attack {
        step: "alg_none",
        what: "a token with alg none",
        clause: "RFC 8725 §3.2",
        shows: Shows::Forged(|original, _| original.unsigned()),
    },
    Attack {
        step: WRONG_AUDIENCE,
        what: "a token for another audience",
        clause: "RFC 9068 §4",
        shows: Shows::Forged(|original, _| Ok(original.for_another())),
    },
    Attack {
        step: "wrong_issuer",
        what: "a token of another issuer",
        clause: "RFC 9068 §4",
        shows: Shows::Forged(|original, _| Ok(original.from_another())),
    },
    Attack {
        step: "foreign_key",
        what: "a token that a key of ours signed, which its header brings along",
        clause: "RFC 8725 §3.10",
        shows: Shows::Forged(|original, _| original.with_own_key(&ForgersKey::generate()?)),
    },
];

const EXPIRED: StepName = "expired";
const WRONG_AUDIENCE: StepName = "wrong_audience";
const OPAQUE: &str = "the token is opaque: there is nothing to forge";

/// Their names, and that of the token whose scope is not enough.
pub(super) fn names() -> Vec<&'static str> {
    TABLE.iter().map(|attack| attack.step).chain([super::INSUFFICIENT_SCOPE]).collect()
}

/// One attack a step. All are tried, whatever becomes of the others; what is accepted is in [`Api::accepted`].
pub(super) async fn all(
    api: &Api<'_>,
    cx: &Context,
    journey: &mut Journey,
    tokens: &Tokens,
    by: Obtain,
) -> Result<(), Stopped> {
    let original = Original::read(&tokens.access_token);
    for attack in &TABLE {
        let mut shown = match (&attack.shows, &original) {
            (Shows::Nothing, _) => vec![Ok(None)],
            (Shows::Altered(alter), _) => vec![Ok(Some(alter(&tokens.access_token)))],
            (Shows::Forged(forge), Some(original)) => vec![forge(original, tokens).map(Some)],
            (Shows::Forged(_), None) => vec![],
        };
        let mut issued = None;
        if attack.step == EXPIRED {
            shown.extend(aged::expired(&cx.memory, cx.clock.now()).map(|token| Ok(Some(token))));
        }
        let other = api.settings.other_audience.as_ref();
        if let (WRONG_AUDIENCE, Some(other), Obtain::ClientCredentials) = (attack.step, other, by) {
            let another = api.another(other.scopes.as_deref(), &other.resource, &other.audience).await;
            shown.push(another.map(|tokens| Some(issued.insert(tokens.access_token).clone())));
        }
        if shown.is_empty() {
            journey.skip(attack.step, OPAQUE);
            continue;
        }
        let before = api.accepted().len();
        let result = journey.step(attack.step, attempt(api, attack, shown)).await;
        if let Some(token) = issued {
            issued::revoke_later(journey, api.relying, api.metadata, &token);
        }
        if let (Err(stopped), true) = (result, api.accepted().len() == before) {
            return Err(stopped);
        }
    }
    if by == Obtain::ClientCredentials && !aged::is_aging(&cx.memory) {
        let (resource, audience) = (api.access.resource(), api.access.audience());
        // Whether it can be had for these scopes is known: it was.
        let scopes = api.access.scopes(api.relying).unwrap_or_default();
        let grant = api.access.client_credentials(&scopes, resource, audience);
        aged::begin(journey, &cx.memory, api.relying, api.metadata, grant);
    }
    Ok(())
}

async fn attempt(api: &Api<'_>, attack: &Attack, shown: Vec<Result<Option<Secret>, Fault>>) -> Result<(), Fault> {
    for token in shown {
        let token = token?;
        token.as_ref().inspect(|token| api.relying.recorder.protect(token.expose()));
        let bad = if token.is_some() { Bad::Invalid } else { Bad::NoToken };
        api.judge(attack.step, &api.ask(token.as_ref()).await?, bad, attack.what, attack.clause)?;
    }
    Ok(())
}
