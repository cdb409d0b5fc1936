//! Keys of the RFCs, and keys in every form that people keep them in.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::crypto;

use super::*;
use crate::oidc::jwk::read;

/// RFC 7517 appendix A.2.
const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","use":"enc",
    "kid":"1"}"#;
/// RFC 8037 appendix A.1.
const OKP: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// That what it signs verifies with its public half.
fn works(key: &PrivateKey, alg: &str) {
    let alg = Alg::from_name(alg).unwrap();
    assert!(key.fits(alg), "{} {}", key.describe(), alg.name);
    let signature = crypto::sign(b"message", key.encoding(), alg.verify.unwrap()).unwrap();
    let public = read("k", &Value::Object(key.public_jwk().clone()), &mut vec![]).unwrap().decoding_key().unwrap();
    assert!(crypto::verify(&signature, b"message", &public, alg.verify.unwrap()).unwrap());
    assert!(!crypto::verify(&signature, b"another", &public, alg.verify.unwrap()).unwrap());
}

#[test]
fn keys_of_the_rfcs_are_read_and_their_private_halves_stay_here() {
    let ec = PrivateKey::parse(EC).unwrap();
    assert_eq!((ec.kid(), ec.algs().next().unwrap().name), (Some("1"), "ES256"));
    assert_eq!(ec.public_jwk().keys().collect::<Vec<_>>(), ["crv", "kty", "x", "y"]);
    works(&ec, "ES256");
    let okp = PrivateKey::parse(OKP).unwrap();
    // RFC 8037 appendix A.3.
    assert_eq!(okp.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    works(&okp, "EdDSA");
    works(&okp, "Ed25519");
    assert!(!format!("{ec:?}{okp:?}").contains("870MB6gfuTJ4"));
}

#[test]
fn every_usual_form_of_a_key_is_read() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let pkcs8 = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&rsa).unwrap();
    let text = pem("PRIVATE KEY", pkcs8.as_ref());
    let from_pkcs8 = PrivateKey::parse(&text).unwrap();
    works(&from_pkcs8, "RS256");
    works(&from_pkcs8, "PS512");
    let from_pkcs1 = PrivateKey::parse(&pem("RSA PRIVATE KEY", from_pkcs8.encoding().as_bytes())).unwrap();
    assert_eq!(from_pkcs1.thumbprint(), from_pkcs8.thumbprint());
    assert_eq!(from_pkcs1.algs().next().unwrap().name, "RS256");

    for (crv, alg) in CURVES {
        let pair = EcdsaKeyPair::generate(alg).unwrap();
        let sec1 = AsDer::<aws_lc_rs::encoding::EcPrivateKeyRfc5915Der<'_>>::as_der(&pair.private_key()).unwrap();
        // As `openssl ecparam -genkey` writes it.
        let text = format!("{}{}", pem("EC PARAMETERS", &[6, 0]), pem("EC PRIVATE KEY", sec1.as_ref()));
        let from_sec1 = PrivateKey::parse(&text).unwrap();
        let from_pkcs8 = PrivateKey::parse(&pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref())).unwrap();
        assert_eq!((from_sec1.thumbprint(), &from_sec1.public["crv"]), (from_pkcs8.thumbprint(), &json!(crv)));
        works(&from_sec1, if crv == "P-256" { "ES256" } else { "ES384" });
    }
    let pair = Ed25519KeyPair::generate().unwrap();
    for der in [pair.to_pkcs8().unwrap(), pair.to_pkcs8v1().unwrap()] {
        works(&PrivateKey::parse(&pem("PRIVATE KEY", der.as_ref())).unwrap(), "EdDSA");
    }
}

/// RFC 7518 §6.3.2: whoever gives one of them gives all.
#[test]
fn an_rsa_jwk_needs_all_its_factors() {
    let jwk = include_str!("rsa.json");
    let key = PrivateKey::parse(jwk).unwrap();
    works(&key, "RS256");
    let mut members: Map<String, Value> = serde_json::from_str(jwk).unwrap();
    members.remove("qi");
    let why = PrivateKey::parse(&Value::Object(members).to_string()).unwrap_err();
    assert_eq!(why, "the JWK has no `qi`");
}

#[test]
fn fresh_keys_are_of_the_algorithm_and_never_the_same() {
    for alg in ["ES256", "ES384", "EdDSA"] {
        let known = Alg::from_name(alg).unwrap();
        let (one, other) = (PrivateKey::generate(known).unwrap(), PrivateKey::generate(known).unwrap());
        works(&one, alg);
        assert_ne!(one.thumbprint(), other.thumbprint());
    }
    assert_eq!(PrivateKey::generate(Alg::from_name("HS256").unwrap()).unwrap_err().class, Class::Internal);
}

#[test]
fn what_is_no_key_is_refused_without_being_quoted() {
    let small = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(small.public_key()).unwrap();
    let other = EC.replace("870MB6gfuTJ4", "870MB6gfuTJ5");
    for (text, why) in [
        ("hunter2".to_owned(), "neither PEM nor a JWK"),
        ("{hunter2".to_owned(), "it begins as a JWK"),
        (pem("PUBLIC KEY", public.as_ref()), "no private key in its PEM"),
        (pem("ENCRYPTED PRIVATE KEY", b"hunter2"), "encrypted"),
        (pem("PRIVATE KEY", b"hunter2"), "not a key that can sign here"),
        (other, "does not belong"),
        (EC.replace("P-256", "P-521"), "not a key that can sign here"),
        (EC.replace("\"use\"", "\"alg\":\"RS256\",\"use\""), "`alg` of the JWK"),
        (r#"{"kty":"oct","k":"hunter2"}"#.to_owned(), "not a key that can sign here"),
        (r#"{"kty":"EC","crv":"P-256"}"#.to_owned(), "the JWK has no `x`"),
    ] {
        let said = PrivateKey::parse(&text).unwrap_err();
        assert!(said.contains(why) && !said.contains("hunter2"), "{text}: {said}");
    }
}

#[test]
fn a_jwk_may_name_its_only_algorithm() {
    let key = PrivateKey::parse(&OKP.replace("\"kty\"", "\"alg\":\"Ed25519\",\"kty\"")).unwrap();
    assert_eq!(key.algs().next().unwrap().name, "Ed25519");
    assert!(!key.fits(Alg::from_name("ES256").unwrap()));
}
