//! The examples of RFC 9449.

use std::collections::BTreeMap;

use super::*;
use crate::oidc::jwt::Jwt;
use crate::oidc::metadata::Document;
use crate::oidc::response::testing;

/// RFC 9449 §4.1, figure 1.
const EXAMPLE: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";

fn key() -> PrivateKey {
    PrivateKey::generate(Alg::from_name("ES256").unwrap()).unwrap()
}

fn made(key: &PrivateKey, what: Use<'_>) -> (Map<String, Value>, Map<String, Value>) {
    let proof = proof(key, Alg::from_name("ES256").unwrap(), what).unwrap();
    let header = proof.expose().split('.').next().unwrap();
    let header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    (header, Jwt::decode(proof.expose(), "proof").unwrap().claims.0)
}

#[test]
fn a_proof_has_what_the_example_has() {
    let example = Jwt::decode(EXAMPLE, "proof").unwrap();
    let url = Url::parse("https://server.example.com/token?tenant=a#f").unwrap();
    let now = Timestamp::from_secs(1_562_262_616);
    let what = Use { method: &Method::POST, url: &url, access: None, nonce: None, jti: "-BwC3ESc6acc2lTc", now };
    let key = key();
    let (header, claims) = made(&key, what);
    assert_eq!(claims, example.claims.0);
    let jwk = Value::Object(key.public_jwk().clone());
    assert_eq!(Value::Object(header), json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}));
    assert!(jwk.get("d").is_none());
}

/// §7.1 and §8: the token's hash, and the nonce.
#[test]
fn a_proof_for_a_resource_is_tied_to_its_token_and_to_the_nonce() {
    let url = Url::parse("https://resource.example.org/protectedresource").unwrap();
    let access = Secret::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
    let what = Use {
        method: &Method::GET,
        url: &url,
        access: Some(&access),
        nonce: Some("eyJ7S_zG.eyJH0-Z.HX4w-7v"),
        jti: "e1j3V_bKic8-LAEB",
        now: Timestamp::from_secs(1_562_262_618),
    };
    let (_, claims) = made(&key(), what);
    assert_eq!(
        Value::Object(claims),
        json!({
            "jti": "e1j3V_bKic8-LAEB", "htm": "GET", "htu": "https://resource.example.org/protectedresource",
            "iat": 1_562_262_618, "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo",
            "nonce": "eyJ7S_zG.eyJH0-Z.HX4w-7v",
        })
    );
}

/// §6.1: the thumbprint in `cnf` is that of the example's key.
#[test]
fn the_thumbprint_is_the_rfcs() {
    let header = EXAMPLE.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let key = crate::oidc::jwk::read("jwk", &header["jwk"], &mut vec![]).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(key.thumbprint()), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

fn metadata(members: &Value) -> Metadata {
    let mut body = json!({"issuer": "https://a.example.com"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let answer = testing::json(200, &body);
    Metadata::process(&answer, Document::Oauth, "https://a.example.com", &BTreeMap::new(), &mut vec![]).unwrap()
}

#[test]
fn the_metadata_says_which_algorithms_are_good() {
    let with = |algs: Value| metadata(&json!({"dpop_signing_alg_values_supported": algs}));
    assert_eq!(fresh_algorithm(&with(json!(["RS256", "ES256"]))).unwrap().name, "ES256");
    assert_eq!(fresh_algorithm(&with(json!(["PS256", "Ed25519"]))).unwrap().name, "Ed25519");
    assert_eq!(algorithm(&key(), Some(&with(json!(["ES256"])))).unwrap().name, "ES256");
    let fault = algorithm(&key(), Some(&with(json!(["PS256"])))).unwrap_err();
    assert_eq!(fault.class, Class::Unsupported);
    assert!(fault.detail.contains("dpop_signing_alg_values_supported") && fault.detail.contains("EC P-256 key"));
    for fault in
        [fresh_algorithm(&metadata(&json!({}))), algorithm(&key(), Some(&metadata(&json!({}))))].map(Result::unwrap_err)
    {
        let detail = "the provider's metadata has no dpop_signing_alg_values_supported";
        assert_eq!((fault.class, fault.detail.as_str()), (Class::Unsupported, detail));
    }
    let unknown = Metadata::configured("https://a.example.com", &BTreeMap::new());
    assert_eq!(fresh_algorithm(&unknown).unwrap().name, "ES256");
}

/// §8 and §9, with their own answers.
#[test]
fn a_nonce_is_demanded_in_one_of_two_ways() {
    let nonce = ("dpop-nonce", "eyJ7S_zG.eyJH0-Z.HX4w-7v");
    let body =
        r#"{"error": "use_dpop_nonce", "error_description": "Authorization server requires nonce in DPoP proof"}"#;
    let token = testing::response(400, &[nonce], body);
    let challenge = r#"DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof""#;
    let resource = testing::response(401, &[("www-authenticate", challenge), nonce], "");
    assert!(wants_nonce(&token) && wants_nonce(&resource));
    assert!(!wants_nonce(&testing::response(400, &[nonce], r#"{"error": "invalid_grant"}"#)));
    assert!(!wants_nonce(&testing::response(200, &[nonce], body)));
    let nonces = Nonces::default();
    assert_eq!(nonces.of(&token.url), None);
    assert!(nonces.saw(&token));
    assert_eq!(nonces.of(&token.url).as_deref(), Some("eyJ7S_zG.eyJH0-Z.HX4w-7v"));
    assert_eq!(nonces.of(&Url::parse("https://resource.example.org/").unwrap()), None, "it is another server's");
    for bad in ["", "a b", "a\"b"] {
        assert!(!nonces.saw(&testing::response(400, &[("dpop-nonce", bad)], "")), "{bad}");
    }
    let (refused, none) = (insists(&token, "x"), insists(&testing::response(400, &[], body), "x"));
    assert!(refused.class == Class::OauthError && refused.detail.contains("another DPoP nonce"), "{refused}");
    assert!(none.class == Class::Malformed && none.detail.contains("gives none"), "{none}");
}

#[test]
fn a_clients_key_stays_as_long_as_it_is_good() {
    let (keys, client) = (Keys::default(), Arc::from("web"));
    assert_eq!(keys.known(&client).unwrap_err().class, Class::Internal);
    let es256 = Alg::from_name("ES256").unwrap();
    let first = keys.of(&client, es256).unwrap().key.thumbprint();
    assert_eq!(keys.of(&client, es256).unwrap().key.thumbprint(), first);
    assert_eq!(keys.known(&client).unwrap().key.thumbprint(), first);
    assert_ne!(keys.of(&Arc::from("spa"), es256).unwrap().key.thumbprint(), first);
    assert_ne!(keys.of(&client, Alg::from_name("EdDSA").unwrap()).unwrap().key.thumbprint(), first);
}
