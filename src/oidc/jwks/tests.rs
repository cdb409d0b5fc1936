//! Expectations from RFC 7517, 7518, 7638, 8037 and OIDC Discovery, key material from their appendices.

use serde_json::{Value, json};

use super::*;
use crate::oidc::response::testing;

/// RFC 7515 A.2.
const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
/// RFC 7515 A.3.
const EC_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const EC_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
/// RFC 8037 A.2.
const ED_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
/// RFC 7520 §3.1.
const P521_X: &str = "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt";
const P521_Y: &str = "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1";

pub(crate) fn rsa() -> Value {
    json!({"kty": "RSA", "kid": "rsa", "n": RSA_N, "e": "AQAB"})
}

pub(crate) fn ec() -> Value {
    json!({"kty": "EC", "kid": "ec", "crv": "P-256", "x": EC_X, "y": EC_Y})
}

pub(crate) fn ed() -> Value {
    json!({"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": ED_X})
}

pub(crate) fn p521() -> Value {
    json!({"kty": "EC", "kid": "p521", "crv": "P-521", "x": P521_X, "y": P521_Y})
}

fn process(body: &Value) -> Result<(KeySet, Vec<Finding>), Fault> {
    KeySet::process(&testing::json(200, body), &mut vec![])
}

/// How many keys were usable, and the findings.
fn read(keys: &[Value]) -> (usize, Vec<String>) {
    let (set, findings) = process(&json!({ "keys": keys })).unwrap();
    assert!(findings.iter().all(|f| f.class == Class::JwksInvalid));
    (set.len(), findings.into_iter().map(|f| f.detail).collect())
}

/// The findings for one key, changed, beside a good one of another type.
fn changed(mut key: Value, changes: Value) -> (usize, Vec<String>) {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => key.as_object_mut().unwrap().remove(name),
            _ => key.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    let other = if key["kty"] == "OKP" { rsa() } else { ed() };
    let (usable, findings) = read(&[other, key]);
    (usable - 1, findings)
}

fn one(detail: &str) -> Vec<String> {
    vec![detail.to_owned()]
}

#[test]
fn good_keys_of_every_type() {
    let (set, findings) = process(&json!({"keys": [rsa(), ec(), ed(), p521()], "more": 1})).unwrap();
    assert_eq!(findings, []);
    let found: Vec<_> = set.keys().iter().map(|key| (key.kty(), key.crv(), key.rsa_bits())).collect();
    assert_eq!(
        found,
        [
            ("RSA", None, Some(2048)),
            ("EC", Some("P-256"), None),
            ("OKP", Some("Ed25519"), None),
            ("EC", Some("P-521"), None)
        ]
    );
}

/// RFC 7638 §3.1 and RFC 8037 A.3.
#[test]
fn thumbprints_are_those_of_the_rfcs() {
    use base64::Engine as _;
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let (set, _) = process(&json!({"keys": [{"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256"}, ed()]})).unwrap();
    let thumbprints: Vec<_> = set
        .keys()
        .iter()
        .map(|key| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key.thumbprint()))
        .collect();
    assert_eq!(
        thumbprints,
        ["NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]
    );
}

#[test]
fn the_set_is_an_object_with_a_list() {
    for (body, class) in [
        (json!([]), Class::Malformed),
        (json!({}), Class::JwksInvalid),
        (json!({"keys": {}}), Class::JwksInvalid),
        (json!({"keys": null}), Class::JwksInvalid),
    ] {
        assert_eq!(process(&body).unwrap_err().class, class, "{body}");
    }
    assert_eq!(read(&[]), (0, one("the key set is empty")));
    let fault = KeySet::process(&testing::response(200, &[], "<html>"), &mut vec![]).unwrap_err();
    assert_eq!(fault.class, Class::Malformed);
    let fault = KeySet::process(&testing::response(503, &[("retry-after", "9")], ""), &mut vec![]).unwrap_err();
    assert_eq!((fault.class, fault.retry_after.is_some()), (Class::HttpStatus, true));
}

/// RFC 7517 §5: "Implementations SHOULD ignore JWKs within a JWK Set that use "kty" values that are not understood".
#[test]
fn unknown_types_and_curves_are_ignored() {
    let strange = json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": 7, "d": "x"});
    let k1 = json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"});
    let okp = json!({"kty": "OKP", "crv": "X41417", "x": "AA"});
    assert_eq!(read(&[strange, rsa(), k1, okp]), (1, vec![]));
    // But with nothing else there is nothing to verify with.
    assert_eq!(read(&[json!({"kty": "AKP"})]), (0, one("no key of the set can verify a signature")));
}

#[test]
fn malformed_keys_of_known_types_are_findings() {
    assert_eq!(read(&[rsa(), json!(7)]), (1, one("key 1 is a number, not an object")));
    assert_eq!(read(&[rsa(), json!({"kid": "a"})]), (1, one("key 1 (kid a): kty is missing")));
    assert_eq!(read(&[rsa(), json!({"kty": 1})]), (1, one("key 1: kty is a number, not a string")));
    for (key, change, detail) in [
        (rsa(), json!({"n": null}), "n is missing"),
        (rsa(), json!({"e": null}), "e is missing"),
        (rsa(), json!({"n": 5}), "n is a number, not a string"),
        (rsa(), json!({"n": "§"}), "n is not base64url without padding, and not even base64"),
        (rsa(), json!({"n": ""}), "n is zero"),
        (rsa(), json!({"e": "AA"}), "e is zero"),
        (rsa(), json!({"e": "AQ"}), "no RSA key: modulus and exponent must be odd, and the exponent greater than 1"),
        (ec(), json!({"crv": null}), "crv is missing"),
        (ec(), json!({"crv": 256}), "crv is a number, not a string"),
        (ec(), json!({"y": null}), "y is missing"),
        (ec(), json!({"x": "AQAB"}), "x has 3 octets; its curve needs 32"),
        (ec(), json!({"y": EC_X}), "x and y are no point of P-256"),
        (ed(), json!({"x": "AQAB"}), "x has 3 octets; its curve needs 32"),
        (ed(), json!({"x": null}), "x is missing"),
    ] {
        let kid = key["kid"].as_str().unwrap().to_owned();
        assert_eq!(changed(key, change), (0, vec![format!("key 1 (kid {kid}): {detail}")]));
    }
}

/// What an ordinary client decodes all the same is used all the same.
#[test]
fn sloppy_encodings_are_findings_and_usable() {
    let padded = format!("{ED_X}=");
    let detail = "key 1 (kid ed): x is not base64url without padding";
    assert_eq!(changed(ed(), json!({ "x": padded })), (1, one(detail)));
    let (usable, findings) = changed(rsa(), json!({"e": "AAEAAQ"}));
    assert_eq!((usable, findings), (1, one("key 1 (kid rsa): e has 1 leading zero octets")));
}

#[test]
fn short_rsa_keys_are_findings() {
    // 1024 bits: the first 128 octets of the modulus, which end in an odd one.
    let short = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63ks";
    let (usable, findings) = changed(rsa(), json!({ "n": short }));
    assert_eq!((usable, findings), (1, one("key 1 (kid rsa): RSA with 1024 bits; at least 2048 are required")));
}

#[test]
fn leaked_private_members_are_findings() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
        let (_, findings) = changed(rsa(), json!({ member: "AQAB" }));
        assert_eq!(findings, one(&format!("key 1 (kid rsa): the private key is published: {member}")));
    }
    for key in [ec(), ed()] {
        let kid = key["kid"].as_str().unwrap().to_owned();
        let (_, findings) = changed(key, json!({"d": "AQAB"}));
        assert_eq!(findings, one(&format!("key 1 (kid {kid}): the private key is published: d")));
    }
    let (usable, findings) = read(&[rsa(), json!({"kty": "oct", "kid": "hs", "k": "c2VjcmV0"})]);
    assert_eq!(usable, 1);
    assert_eq!(findings, one("key 1 (kid hs): a symmetric key is published: whoever reads it can sign"));
    // The values themselves are never told.
    assert!(!findings[0].contains("c2VjcmV0"));
}

#[test]
fn contradictions_are_findings() {
    for (key, change, detail) in [
        (rsa(), json!({"alg": "ES256"}), "alg ES256 does not work with a key of kty RSA "),
        (ec(), json!({"alg": "ES384"}), "alg ES384 does not work with a key of kty EC P-256"),
        (ec(), json!({"alg": "RS256"}), "alg RS256 does not work with a key of kty EC P-256"),
        (ed(), json!({"alg": "ES256"}), "alg ES256 does not work with a key of kty OKP Ed25519"),
        (rsa(), json!({"alg": "HS256"}), "alg HS256 does not work with a key of kty RSA "),
        (rsa(), json!({"alg": "RS256", "use": "enc"}), "alg RS256 contradicts use enc"),
        (rsa(), json!({"alg": "RSA-OAEP", "use": "sig"}), "alg RSA-OAEP contradicts use sig"),
        (ec(), json!({"alg": "RSA-OAEP"}), "alg RSA-OAEP does not work with a key of kty EC P-256"),
        (rsa(), json!({"use": "sig", "key_ops": ["encrypt"]}), "use is sig, but key_ops names other operations"),
        (rsa(), json!({"use": "enc", "key_ops": ["verify"]}), "use is enc, but key_ops names signatures"),
        (rsa(), json!({"key_ops": ["verify", "verify"]}), "key_ops names an operation twice"),
        (rsa(), json!({"key_ops": "verify"}), "key_ops is not a list of strings"),
        (rsa(), json!({"use": ["sig"]}), "use is an array, not a string"),
        (rsa(), json!({"alg": 256}), "alg is a number, not a string"),
    ] {
        let kid = key["kid"].as_str().unwrap().to_owned();
        assert_eq!(changed(key, change).1, one(&format!("key 1 (kid {kid}): {detail}")));
    }
    for (key, good) in [
        (rsa(), json!({"alg": "PS512", "use": "sig", "key_ops": ["verify"]})),
        (rsa(), json!({"alg": "RSA-OAEP-256", "use": "enc"})),
        (rsa(), json!({"alg": "XY999", "use": "tls"})),
        (ec(), json!({"alg": "ECDH-ES", "use": "enc"})),
        (ed(), json!({"alg": "EdDSA"})),
        (ed(), json!({"alg": "Ed25519"})),
    ] {
        assert_eq!(changed(key, good), (1, vec![]));
    }
}

#[test]
fn a_kid_is_given_once_within_a_type() {
    let mut second = rsa();
    second["e"] = json!("Aw");
    assert_eq!(read(&[rsa(), second.clone(), second]).1, one("3 RSA keys have the kid rsa"));
    // RFC 7517 §4.5 allows it between types.
    let mut other = ec();
    other["kid"] = json!("rsa");
    assert_eq!(read(&[rsa(), other]).1, [""; 0]);
}

/// RFC 7517 §4 and §5: member names MUST be unique.
#[test]
fn members_are_named_once() {
    let body = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{ED_X}","kid":"a","kid":"b"}}]}}"#);
    let answer = testing::response(200, &[("content-type", "application/jwk-set+json")], body);
    let (set, findings) = KeySet::process(&answer, &mut vec![]).unwrap();
    assert_eq!(findings[0].detail, "a member is named twice: keys.0.kid");
    assert_eq!(set.keys()[0].kid.as_deref(), Some("b"));
}

#[test]
fn several_signing_keys_need_names() {
    let mut warnings = Vec::new();
    let mut nameless = rsa();
    nameless.as_object_mut().unwrap().remove("kid");
    let answer = testing::json(200, &json!({"keys": [nameless, ed()]}));
    KeySet::process(&answer, &mut warnings).unwrap();
    assert_eq!(warnings[0].code, "kid_missing");
}

#[test]
fn hostile_sets_are_bounded() {
    let many: Vec<Value> = (0..5000).map(|_| json!({"kty": "RSA"})).collect();
    let (set, findings) = process(&json!({ "keys": many })).unwrap();
    assert!(set.is_empty());
    assert!(findings.len() <= 2 * MAX_KEYS + 2, "{}", findings.len());
}

#[test]
fn what_a_key_is_for_decides_what_it_verifies() {
    let mut encryption = rsa();
    encryption["use"] = json!("enc");
    let mut signing_only = ec();
    signing_only["key_ops"] = json!(["sign"]);
    let mut bound = ed();
    bound["alg"] = json!("EdDSA");
    let (set, _) = process(&json!({"keys": [rsa(), encryption, signing_only, bound, p521()]})).unwrap();
    let count = |alg: &str| set.candidates(Alg::from_name(alg).unwrap(), None).count();
    assert_eq!(
        ["RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "HS256"].map(count),
        [1, 1, 0, 0, 1, 1, 1, 0]
    );
}
