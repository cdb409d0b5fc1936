//! Who asks for tokens: a confidential client must prove who it is, and forged proofs must be refused. Each attack brings
//! what is worth tokens (a fresh code, or a machine's own grant), so that only the proof is wrong.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jsonwebtoken::EncodingKey;

use super::attack::{Answer, Attack, How, Judged, Needs, Strength};
use super::stage::{Redeemed, Stage};
use crate::fault::{Class, Fault};
use crate::oidc::alg::Alg;
use crate::oidc::assertion;
use crate::oidc::jws::Signer;
use crate::oidc::pkce;

/// A code of a session that exists, and a token request.
const REQUESTS: u32 = 4;

/// The attacks of this group.
pub const TABLE: &[Attack] = &[
    Attack {
        name: "client_auth_missing",
        summary: "a confidential client asks for tokens by its name alone",
        clause: "RFC 6749 §3.2.1",
        strength: Strength::Must,
        needs: Needs::Confidential,
        requests: REQUESTS,
        how: How::By(nothing),
    },
    Attack {
        name: "assertion_unsigned",
        summary: "a client assertion without a signature (`alg: none`)",
        clause: "RFC 7523 §3",
        strength: Strength::Must,
        needs: Needs::Confidential,
        requests: REQUESTS,
        how: How::By(unsigned),
    },
    Attack {
        name: "assertion_hmac_client_id",
        summary: "a client assertion signed with the client's name as HMAC key",
        clause: "RFC 7523 §3",
        strength: Strength::Must,
        needs: Needs::Confidential,
        requests: REQUESTS,
        how: How::By(keyed_with_name),
    },
    Attack {
        name: "assertion_hmac_random",
        summary: "a client assertion signed with an HMAC key that is nobody's",
        clause: "RFC 7523 §3",
        strength: Strength::Must,
        needs: Needs::Confidential,
        requests: REQUESTS,
        how: How::By(keyed_at_random),
    },
];

async fn attempt(stage: &Stage, proof: Vec<(String, String)>, what: &str) -> Judged {
    let mut form = match stage.ticket().await? {
        Ok(form) => form,
        Err(why) => return Ok(Answer::Unknown(why)),
    };
    form.extend(proof);
    Ok(match stage.redeem(form, false).await? {
        Redeemed::Tokens(..) => Answer::Accepted(format!("{what}: tokens were issued")),
        // An assertion where there must be none, another client, no client: whatever it is called, nothing was issued.
        Redeemed::Refused(_) => Answer::Refused,
    })
}

fn nothing(stage: &Stage) -> BoxFuture<'_, Judged> {
    let proof = vec![("client_id".to_owned(), stage.client.client_id.to_string())];
    async move { attempt(stage, proof, "nobody asked for a proof").await }.boxed()
}

/// What a client assertion of ours says (RFC 7523 §3), for the token endpoint.
fn forged(stage: &Stage, alg: Option<(&str, &[u8])>) -> Result<Vec<(String, String)>, Fault> {
    let client_id = &*stage.client.client_id;
    let audience = stage.metadata.endpoint("token_endpoint")?;
    let jti = pkce::random();
    let claims = assertion::claims(client_id, audience.as_str(), jti.expose(), stage.relying.clock.now());
    let signed = match alg {
        None => assertion::sign(&claims, None, &Signer::Unsigned)?,
        Some((name, key)) => {
            let unknown = || Fault::new(Class::Internal, format!("{name} is unknown"));
            let alg = Alg::from_name(name).ok_or_else(unknown)?;
            assertion::sign(&claims, None, &Signer::Key(alg, &EncodingKey::from_secret(key)))?
        }
    };
    stage.relying.recorder.protect(signed.expose());
    Ok(assertion::parameters(client_id, &signed).to_vec())
}

fn unsigned(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move { attempt(stage, forged(stage, None)?, "an unsigned assertion is believed").await }.boxed()
}

fn keyed_with_name(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let proof = forged(stage, Some(("HS256", stage.client.client_id.as_bytes())))?;
        attempt(stage, proof, "the assertion is believed").await
    }
    .boxed()
}

fn keyed_at_random(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let key = pkce::random();
        let proof = forged(stage, Some(("HS256", key.expose().as_bytes())))?;
        attempt(stage, proof, "the signature is not verified").await
    }
    .boxed()
}
