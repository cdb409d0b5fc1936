//! The metadata.

use crate::rows;

rows! {
    // OIDC Discovery §4.3, RFC 8414 §3.3.
    "issuer_mismatch" "" [] { "*" => "bad issuer_mismatch/provider at discovery"; }
    "discovery_garbage" "" [] { "*" => "bad malformed/provider at discovery"; }
    // OIDC Discovery §4.2: application/json. Every client reads it all the same.
    "wrong_content_type" r#"{"endpoint": "discovery"}"# [] { "*" => "good content_type"; }
    "wrong_content_type" r#"{"endpoint": "jwks"}"# [] {
        "jwks IDS GRANTS token_exchange" => "good content_type";
    }
    "wrong_content_type" r#"{"endpoint": "token"}"# [] {
        "MACHINES token_exchange CODES device hardening" => "good content_type";
    }
    "wrong_content_type" r#"{"endpoint": "introspection"}"# [] { "introspection revocation" => "good content_type"; }
    // OIDC Discovery §5.3.2 of Core: the media type tells JSON from a signed answer.
    "wrong_content_type" r#"{"endpoint": "userinfo"}"# [] {
        "USERINFOS hardening" => "good content_type";
    }
    "metadata_member_missing" r#"{"which": "issuer"}"# [] { "*" => "bad metadata_invalid/provider at discovery"; }
    // OIDC Discovery §3: REQUIRED. Who can do without it sees that it is gone; who needs it cannot go on, and it is not for
    // the provider to leave out.
    "metadata_member_missing" r#"{"which": "authorization_endpoint"}"# [] {
        "discovery" => "bad metadata_invalid/provider at discovery";
        "LOGINS hardening" => "bad metadata_invalid/provider at authorize";
        "MACHINES token_exchange device registration" => "good metadata";
    }
    "metadata_member_missing" r#"{"which": "token_endpoint"}"# [] {
        "discovery" => "bad metadata_invalid/provider at discovery";
        "MACHINES CODES hardening" => "bad metadata_invalid/provider at token";
        // It makes sure first that the grant is offered.
        "jwt_bearer" => "bad metadata_invalid/provider at discovery";
        "device" => "bad metadata_invalid/provider at pending";
        "registration IMPLICITS" => "good metadata";
        "token_exchange" => "bad metadata_invalid/provider at subject_token";
    }
    "metadata_member_missing" r#"{"which": "jwks_uri"}"# [] {
        "discovery" => "bad metadata_invalid/provider at discovery";
        "jwks IDS" => "bad metadata_invalid/provider at jwks";
        "GRANTS" => "bad metadata_invalid/provider at access_token";
        "token_exchange" => "bad metadata_invalid/provider at issued_token";
        "introspection resource revocation registration hardening" => "good metadata";
    }
    // RECOMMENDED or OPTIONAL: not offered, which is the provider's right.
    "metadata_member_missing" r#"{"which": "userinfo_endpoint"}"# [] {
        "userinfo" => "inconclusive unsupported/configuration at discovery";
    }
    "metadata_member_missing" r#"{"which": "end_session_endpoint"}"# [] {
        "logout" => "inconclusive unsupported/configuration at discovery";
    }
    "metadata_member_missing" r#"{"which": "introspection_endpoint"}"# [] {
        "introspection" => "inconclusive unsupported/configuration at discovery";
    }
    "metadata_member_missing" r#"{"which": "revocation_endpoint"}"# [] {
        "revocation resource" => "inconclusive unsupported/configuration at discovery";
    }
    "metadata_member_missing" r#"{"which": "response_types_supported"}"# [] {
        "discovery" => "bad metadata_invalid/provider at discovery";
        "MACHINES token_exchange LOGINS device registration hardening" => "good metadata";
    }
    "metadata_member_missing" r#"{"which": "subject_types_supported"}"# [] {
        "discovery" => "bad metadata_invalid/provider at discovery";
        "MACHINES token_exchange LOGINS device registration hardening" => "good metadata";
    }
    "metadata_member_missing" r#"{"which": "id_token_signing_alg_values_supported"}"# [] {
        "discovery" => "bad metadata_invalid/provider at discovery";
        "MACHINES token_exchange LOGINS device registration hardening" => "good metadata";
    }
    // An endpoint that moved to where nothing is: `discovery` knows only if it has seen another address before.
    "endpoint_moved" "" [] {
        "MACHINES CODES hardening" => "bad http_status/provider at token";
        "device" => "bad http_status/provider at pending";
        "registration" => "bad http_status/provider at authenticate";
        "token_exchange" => "bad http_status/provider at subject_token";
    }
    "endpoint_moved" "" [After] {
        "discovery" => "bad http_status/provider at endpoints";
        "MACHINES CODES hardening" => "bad http_status/provider at token";
        "device" => "bad http_status/provider at pending";
        "registration" => "bad http_status/provider at authenticate";
        "token_exchange" => "bad http_status/provider at subject_token";
    }
    "endpoint_moved" r#"{"which": "userinfo_endpoint"}"# [] {
        "USERINFOS" => "bad http_status/provider at userinfo";
        "hardening" => "good attack_unjudged";
    }
    "endpoint_moved" r#"{"which": "authorization_endpoint"}"# [] {
        "LOGINS hardening" => "bad http_status/provider at authorize";
    }
    "endpoint_moved" r#"{"which": "introspection_endpoint"}"# [] {
        "introspection" => "bad http_status/provider at active";
        "revocation" => "bad http_status/provider at alive";
    }
    // OIDC Discovery §3 and RFC 6749 §3.1, §3.2: https. No secret is sent there.
    "endpoint_http" "" [] {
        "discovery" => "bad metadata_invalid/provider at discovery";
        "MACHINES CODES hardening" => "bad metadata_invalid/provider at token";
        // It makes sure first that the grant is offered.
        "jwt_bearer" => "bad metadata_invalid/provider at discovery";
        "device" => "bad metadata_invalid/provider at pending";
        "registration" => "bad metadata_invalid/provider at authenticate";
        "token_exchange" => "bad metadata_invalid/provider at subject_token";
        "IMPLICITS" => "good metadata";
    }
    "endpoint_http" r#"{"which": "authorization_endpoint"}"# [] {
        "discovery" => "bad metadata_invalid/provider at discovery";
        "LOGINS hardening" => "bad metadata_invalid/provider at authorize";
        "MACHINES token_exchange device registration" => "good metadata";
    }
    "endpoint_http" r#"{"which": "jwks_uri"}"# [] {
        "discovery" => "bad metadata_invalid/provider at discovery";
        "jwks IDS" => "bad metadata_invalid/provider at jwks";
        "GRANTS" => "bad metadata_invalid/provider at access_token";
        "token_exchange" => "bad metadata_invalid/provider at issued_token";
        "introspection resource revocation registration hardening" => "good metadata";
    }
}
