//! Expectations from RFC 7515, 7519, 8725 and OIDC Core; vectors from the appendices of RFC 7515.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RsaKeyPair,
};
use aws_lc_rs::{hmac, rsa};
use serde_json::json;

use super::*;
use crate::oidc::jwks;
use crate::oidc::response::testing;

const RFC7515_A2: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const RFC7515_A3: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

fn set(keys: &[Value]) -> KeySet {
    KeySet::process(&testing::json(200, &json!({ "keys": keys })), &mut vec![]).unwrap().0
}

fn rfc_keys() -> KeySet {
    set(&[jwks::tests::rsa(), jwks::tests::ec(), jwks::tests::ed(), jwks::tests::p521()])
}

fn b64(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

fn input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", b64(header.to_string()), b64(claims.to_string()))
}

fn unsigned(header: &Value) -> Jwt {
    Jwt::decode(&format!("{}.{}", input(header, &json!({})), b64("x")), "ID token").unwrap()
}

/// The class of a refusal, and whether a fresh key set may help.
fn refused(token: &Jwt, keys: &KeySet, accepts: &Accepts<'_>) -> (Class, bool, String) {
    match token.verify(keys, accepts, Some(&Secret::new("web-secret"))).unwrap_err() {
        Refusal::KeyNotFound(finding) => (finding.class, true, finding.detail),
        Refusal::Wrong(finding) => (finding.class, false, finding.detail),
        Refusal::Unsupported(fault) => (fault.class, false, fault.detail),
    }
}

#[test]
fn the_rfcs_own_signatures_verify() {
    for (token, kid) in [(RFC7515_A2, "rsa"), (RFC7515_A3, "ec")] {
        let jwt = Jwt::decode(token, "token").unwrap();
        assert_eq!(jwt.claims.string("iss"), Some("joe"));
        let keys = rfc_keys();
        let key = jwt.verify(&keys, &Accepts::default(), None).unwrap().unwrap();
        assert_eq!(key.kid.as_deref(), Some(kid));
    }
}

#[test]
fn one_changed_bit_does_not_verify() {
    // One in the signature; `joe` made `jof` in the claims.
    for broken in [RFC7515_A2.replace(".cC4h", ".cC5h"), RFC7515_A2.replace("OiJqb2Ui", "OiJqb2Yi")] {
        let jwt = Jwt::decode(&broken, "token").unwrap();
        let (class, retry, detail) = refused(&jwt, &rfc_keys(), &Accepts::default());
        assert_eq!((class, retry), (Class::SignatureInvalid, false));
        assert_eq!(detail, "the RS256 signature does not verify with key rsa");
    }
}

/// Every family that the RFC has no JWT of: signed here, the key given as a JWK.
#[test]
fn every_supported_family_verifies() {
    let rng = SystemRandom::new();
    let claims = json!({"sub": "alice"});
    let check = |alg: &str, jwk: Value, sign: &dyn Fn(&[u8]) -> Vec<u8>| {
        let text = input(&json!({"alg": alg, "kid": "k"}), &claims);
        let token = format!("{text}.{}", b64(sign(text.as_bytes())));
        let jwt = Jwt::decode(&token, "token").unwrap();
        assert!(jwt.verify(&set(std::slice::from_ref(&jwk)), &Accepts::default(), None).is_ok(), "{alg}");
        let other = format!("{}.{}", input(&json!({"alg": alg, "kid": "k"}), &json!({"sub": "m"})), b64(sign(b"x")));
        let (class, ..) = refused(&Jwt::decode(&other, "token").unwrap(), &set(&[jwk]), &Accepts::default());
        assert_eq!(class, Class::SignatureInvalid, "{alg}");
    };
    let ed = Ed25519KeyPair::generate().unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": b64(ed.public_key())});
    check("EdDSA", jwk.clone(), &|m| ed.sign(m).as_ref().to_vec());
    check("Ed25519", jwk, &|m| ed.sign(m).as_ref().to_vec());
    let ec = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let point = ec.public_key().as_ref();
    let jwk = json!({"kty": "EC", "crv": "P-384", "kid": "k", "x": b64(&point[1..49]), "y": b64(&point[49..])});
    check("ES384", jwk, &|m| ec.sign(&rng, m).unwrap().as_ref().to_vec());
    let pair = RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let modulus = pair.public_key().modulus().big_endian_without_leading_zero();
    let exponent = pair.public_key().exponent().big_endian_without_leading_zero();
    // As canaille does it: RS512, and no alg in the JWK.
    let jwk = json!({"kty": "RSA", "kid": "k", "n": b64(modulus), "e": b64(exponent)});
    let sign = |padding: &'static dyn aws_lc_rs::signature::RsaEncoding, m: &[u8]| {
        let mut signature = vec![0; 256];
        pair.sign(padding, &rng, m, &mut signature).unwrap();
        signature
    };
    check("RS512", jwk.clone(), &|m| sign(&RSA_PKCS1_SHA512, m));
    check("PS256", jwk, &|m| sign(&RSA_PSS_SHA256, m));
}

#[test]
fn hmac_only_where_the_client_is_registered_with_it() {
    let text = input(&json!({"alg": "HS256"}), &json!({}));
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"web-secret");
    let token = Jwt::decode(&format!("{text}.{}", b64(hmac::sign(&key, text.as_bytes()))), "ID token").unwrap();
    let registered = Accepts { registered: Some("HS256"), offered: None };
    assert!(matches!(token.verify(&rfc_keys(), &registered, Some(&Secret::new("web-secret"))), Ok(None)));
    // The classic: the public key as the secret. Not even tried.
    for accepts in [Accepts::default(), Accepts { registered: None, offered: Some(vec!["HS256", "RS256"]) }] {
        let (class, retry, _) = refused(&token, &rfc_keys(), &accepts);
        assert_eq!((class, retry), (Class::AlgorithmForbidden, false));
    }
    let wrong = Jwt::decode(&format!("{text}.{}", b64([0; 32])), "ID token").unwrap();
    assert_eq!(refused(&wrong, &rfc_keys(), &registered).0, Class::SignatureInvalid);
}

#[test]
fn none_is_never_accepted() {
    for alg in ["none", "None", "NONE", "nOnE"] {
        let text = input(&json!({ "alg": alg }), &json!({}));
        let token = Jwt::decode(&format!("{text}."), "ID token").unwrap();
        for accepts in [Accepts::default(), Accepts { registered: Some("none"), offered: Some(vec!["none"]) }] {
            assert_eq!(refused(&token, &rfc_keys(), &accepts).0, Class::AlgorithmForbidden);
        }
    }
}

#[test]
fn the_algorithm_is_the_registered_or_an_offered_one() {
    let token = Jwt::decode(RFC7515_A2, "ID token").unwrap();
    let accepts = |registered, offered: &[&'static str]| Accepts { registered, offered: Some(offered.to_vec()) };
    assert!(token.verify(&rfc_keys(), &accepts(None, &["ES256", "RS256"]), None).is_ok());
    assert!(token.verify(&rfc_keys(), &accepts(Some("RS256"), &[]), None).is_ok());
    for wrong in [accepts(Some("PS256"), &["RS256"]), accepts(None, &["ES256"]), accepts(None, &[])] {
        assert_eq!(refused(&token, &rfc_keys(), &wrong).0, Class::AlgorithmForbidden);
    }
}

#[test]
fn keys_that_are_not_there_are_not_found() {
    for (header, detail) in [
        (json!({"alg": "RS256", "kid": "new"}), "no key of the set has the kid new"),
        (json!({"alg": "RS256", "kid": "ec"}), "the key with kid ec (EC) is not one for RS256"),
        (json!({"alg": "ES384"}), "the token names no kid, and no key of the set is one for ES384"),
    ] {
        let found = refused(&unsigned(&header), &rfc_keys(), &Accepts::default());
        assert_eq!(found, (Class::KeyNotFound, true, detail.to_owned()));
    }
}

#[test]
fn what_we_cannot_verify_is_nobodys_fault() {
    for alg in ["ES512", "Ed448", "ES256K", "ML-DSA-44"] {
        let (class, retry, _) = refused(&unsigned(&json!({ "alg": alg })), &rfc_keys(), &Accepts::default());
        assert_eq!((class, retry), (Class::Unsupported, false), "{alg}");
    }
    let fault = Jwt::decode("a.b.c.d.e", "ID token").unwrap_err();
    assert_eq!((fault.class, fault.blame.is_bad()), (Class::Unsupported, false));
}

#[test]
fn short_rsa_keys_must_not_sign() {
    let mut short = jwks::tests::rsa();
    short["n"] = json!(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63ks"
    );
    let token = unsigned(&json!({"alg": "RS256", "kid": "rsa"}));
    let (class, _, detail) = refused(&token, &set(&[short]), &Accepts::default());
    assert_eq!(class, Class::JwksInvalid);
    assert_eq!(detail, "signed with an RSA key of 1024 bits; at least 2048 are required");
}

#[test]
fn malformed_tokens_end_in_a_class() {
    let header = b64(r#"{"alg":"RS256"}"#);
    let cases = [
        (String::new(), "1 parts; a signed token has 3 (RFC 7515 §7.1)"),
        ("a.b".to_owned(), "2 parts; a signed token has 3 (RFC 7515 §7.1)"),
        ("a.b.c.d".to_owned(), "4 parts; a signed token has 3 (RFC 7515 §7.1)"),
        ("%.e30.AA".to_owned(), "header: not base64url without padding (RFC 7515 §2)"),
        (format!("{}.e30.AA", b64("x")), "header: expected JSON, found no JSON at line 1 column 1"),
        (format!("{}.e30.AA", b64("[]")), "header: expected an object, found an array"),
        (format!("{}.e30.AA", b64("{}")), "header alg is missing (RFC 7515 §4.1.1)"),
        (format!("{}.e30.AA", b64(r#"{"alg":256}"#)), "header alg is a number, not a string"),
        (format!("{}.e30.AA", b64(r#"{"alg":"RS256","kid":1}"#)), "header kid is a number, not a string"),
        (
            format!("{}.e30.AA", b64(r#"{"alg":"none","alg":"RS256"}"#)),
            "header: named twice: alg (RFC 7515 §4, RFC 7519 §4)",
        ),
        (
            format!("{}.e30.AA", b64(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#)),
            r#"header crit ["b64"] names what a client need not understand"#,
        ),
        (format!("{header}.{}.AA", b64("7")), "claims: expected an object, found a number"),
        (
            format!("{header}.{}.AA", b64(r#"{"sub":"a","sub":"b"}"#)),
            "claims: named twice: sub (RFC 7515 §4, RFC 7519 §4)",
        ),
        (format!("{header}.{}.AA", b64("\u{feff}{}")), "claims: begins with a byte order mark (RFC 7519 §7.2)"),
        // {"a":"\xff"}
        (format!("{header}.eyJhIjoi_yJ9.AA"), "claims: expected JSON, found bytes that are no UTF-8"),
        (format!("{header}.{}.AA", b64("[".repeat(200))), "claims: expected JSON, found no JSON at line 1 column 128"),
        (
            format!("{header}.{}.AA", b64(r#"{"exp":1e999}"#)),
            "claims: expected JSON, found no JSON at line 1 column 12",
        ),
        (format!("{header}.e30=.AA"), "claims: not base64url without padding (RFC 7515 §2)"),
        (format!("{header}.e30.AA=="), "the signature is not base64url without padding (RFC 7515 §2)"),
    ];
    for (token, detail) in cases {
        let fault = Jwt::decode(&token, "ID token").unwrap_err();
        assert_eq!(fault.class, Class::Malformed, "{token}");
        let found = fault.detail.strip_prefix("ID token").unwrap().trim_start_matches([':', ' ']);
        assert_eq!(found, detail);
    }
    let long = format!("{header}.{}.AA", "A".repeat(MAX_TOKEN));
    assert_eq!(Jwt::decode(&long, "ID token").unwrap_err().class, Class::TooLarge);
}

#[test]
fn opaque_tokens_are_told_from_jwts() {
    assert!(Jwt::is_jwt(RFC7515_A2));
    for opaque in
        ["", "tok", "a.b.c", "v1.local.abc", &format!("{}.b.c", b64("{}")), &format!("{}.b", b64(r#"{"alg":1}"#))]
    {
        assert!(!Jwt::is_jwt(opaque), "{opaque}");
    }
}

/// RFC 7519 §2: a NumericDate may be a fraction; and it is in seconds.
#[test]
fn dates_are_numbers_of_seconds() {
    let date = |value: Value| Claims(Map::from_iter([("exp".to_owned(), value)])).date("exp").map_err(|f| f.class);
    assert_eq!(date(json!(1_700_000_000)), Ok(Some(1.7e9)));
    assert_eq!(date(json!(1_700_000_000.5)), Ok(Some(1_700_000_000.5)));
    for wrong in [json!("1700000000"), json!(null), json!([1]), json!(1_700_000_000_000_i64), json!(true)] {
        assert_eq!(date(wrong), Err(Class::Malformed));
    }
    assert_eq!(Claims::default().date("exp"), Ok(None));
}
