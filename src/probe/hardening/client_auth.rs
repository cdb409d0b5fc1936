//! Who asks for tokens: a confidential client must prove who it is, and forged proofs must be refused. Each attack brings
//! what is worth tokens (a fresh code, or a machine's own grant), so that only the proof is wrong.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jsonwebtoken::EncodingKey;

use super::attack::{Answer, Attack, How, Judged, Needs, Strength};
use super::replay;
use super::stage::Stage;
use crate::fault::{Class, Fault};
use crate::oidc::alg::Alg;
use crate::oidc::assertion;
use crate::oidc::jws::Signer;
use crate::oidc::pkce;
use crate::oidc::private_key::PrivateKey;
use crate::oidc::settings::Audience;

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
    Attack {
        name: "assertion_hmac_public_key",
        summary: "a client assertion signed with the client's public key as HMAC key",
        clause: "RFC 8725 §3.1",
        strength: Strength::Must,
        needs: Needs::PrivateKey,
        requests: REQUESTS,
        how: How::By(keyed_with_public_key),
    },
    Attack {
        name: "assertion_foreign_key",
        summary: "a client assertion signed with a key that is not registered",
        clause: "RFC 7523 §3",
        strength: Strength::Must,
        needs: Needs::PrivateKey,
        requests: REQUESTS,
        how: How::By(foreign_key),
    },
];

async fn attempt(stage: &Stage, proof: Vec<(String, String)>, what: &str) -> Judged {
    let mut form = match stage.ticket().await? {
        Ok(form) => form,
        Err(why) => return Ok(Answer::Unknown(why)),
    };
    form.extend(proof);
    // An assertion where there must be none, another client, no client: whatever it is called, nothing was issued.
    Ok(replay::judged(&stage.redeem(form, false).await?, what))
}

fn nothing(stage: &Stage) -> BoxFuture<'_, Judged> {
    let proof = vec![("client_id".to_owned(), stage.client.client_id.to_string())];
    async move { attempt(stage, proof, "nobody asked for a proof").await }.boxed()
}

/// A client assertion that says what a good one does (RFC 7523 §3), but for its signature.
fn forged(stage: &Stage, signer: &Signer<'_>) -> Result<Vec<(String, String)>, Fault> {
    let client_id = &*stage.client.client_id;
    let endpoint = stage.metadata.endpoint("token_endpoint")?;
    let audience = match stage.client.proof.audience {
        Audience::TokenEndpoint => endpoint.as_str(),
        Audience::Issuer => stage.metadata.issuer(),
    };
    let jti = pkce::random();
    let claims = assertion::claims(client_id, audience, jti.expose(), stage.relying.clock.now());
    let signed = assertion::sign(&claims, stage.client.proof.key_id.as_deref(), signer)?;
    stage.relying.recorder.protect(signed.expose());
    Ok(assertion::parameters(client_id, &signed).to_vec())
}

fn hmac(stage: &Stage, key: &[u8]) -> Result<Vec<(String, String)>, Fault> {
    forged(stage, &Signer::Key(algorithm("HS256")?, &EncodingKey::from_secret(key)))
}

fn algorithm(name: &str) -> Result<&'static Alg, Fault> {
    Alg::from_name(name).ok_or_else(|| Fault::new(Class::Internal, format!("{name} is unknown")))
}

fn unsigned(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move { attempt(stage, forged(stage, &Signer::Unsigned)?, "an unsigned assertion is believed").await }.boxed()
}

fn keyed_with_name(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let proof = hmac(stage, stage.client.client_id.as_bytes())?;
        attempt(stage, proof, "the assertion is believed").await
    }
    .boxed()
}

fn keyed_at_random(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let key = pkce::random();
        let proof = hmac(stage, key.expose().as_bytes())?;
        attempt(stage, proof, "the signature is not verified").await
    }
    .boxed()
}

/// The key as a JWK, which is how providers hold what clients register (RFC 7591 §2).
fn keyed_with_public_key(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let Some(jwk) = stage.relying.public_key()? else {
            return Ok(Answer::Skipped("the client has no key of its own".to_owned()));
        };
        let proof = hmac(stage, serde_json::Value::Object(jwk).to_string().as_bytes())?;
        attempt(stage, proof, "the provider takes a public key for a secret").await
    }
    .boxed()
}

fn foreign_key(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let alg = algorithm("ES256")?;
        let key = PrivateKey::generate(alg)?;
        let proof = forged(stage, &Signer::Key(alg, key.encoding()))?;
        attempt(stage, proof, "the signature is not held against the client's keys").await
    }
    .boxed()
}
