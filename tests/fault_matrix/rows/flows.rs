//! Devices, registered clients, logging out.

use crate::rows;

rows! {
    // RFC 8628 §4: not offered, which is the provider's right.
    "device_not_offered" "" [] { "device" => "inconclusive unsupported/configuration at discovery"; }
    // RFC 8628 §3.5: every poll is called too quick, however slow it is, and no token comes in time.
    "device_slow_down" "" [] { "device" => "bad oauth_error/provider at token"; }
    "device_denied" "" [] { "device" => "bad oauth_error/provider at token"; }
    "device_never_approved" "" [] { "device" => "bad oauth_error/provider at token"; }
    "device_expires" "" [] { "device" => "bad oauth_error/provider at pending"; }
    "device_unapproved" "" [] { "device" => "bad attack_accepted/provider at pending"; }
    "registration_not_offered" "" [] { "registration" => "inconclusive unsupported/configuration at discovery"; }
    // RFC 7592 §2.3.
    "registration_delete_fails" "" [] { "registration" => "bad http_status/provider at delete"; }
    "registration_survives" "" [] { "registration" => "bad revocation_ineffective/provider at gone"; }
    // RFC 7591 without RFC 7592 is a provider's right.
    "registration_unmanaged" "" [] { "registration" => "inconclusive unsupported/configuration at read"; }
    "http_500" r#"{"endpoint": "registration"}"# [] { "registration" => "bad http_status/provider at create"; }
    "http_500" r#"{"endpoint": "device_authorization"}"# [] {
        "device" => "bad http_status/provider at device_authorization";
    }
    // OIDC RP-Initiated Logout §2.1, OIDC Back-Channel Logout §2.1: optional.
    "logout_not_offered" "" [] { "logout" => "inconclusive unsupported/configuration at discovery"; }
    "backchannel_not_offered" "" [] { "logout" => "inconclusive unsupported/configuration at discovery"; }
    // Within the bound of ten seconds, and beyond.
    "backchannel_late" r#"{"seconds": 1}"# [] {}
    "backchannel_late" r#"{"seconds": 30}"# [] { "logout" => "bad logout_ineffective/provider at backchannel"; }
    "backchannel_never" "" [] { "logout" => "bad logout_ineffective/provider at backchannel"; }
    // OIDC Back-Channel Logout §2.4 and §2.6, one by one.
    "backchannel_invalid" r#"{"what": "signature"}"# [] {
        "logout" => "bad signature_invalid/provider at backchannel";
    }
    "backchannel_invalid" r#"{"what": "audience"}"# [] { "logout" => "bad claim_audience/provider at backchannel"; }
    "backchannel_invalid" r#"{"what": "issuer"}"# [] { "logout" => "bad claim_issuer/provider at backchannel"; }
    "backchannel_invalid" r#"{"what": "events"}"# [] { "logout" => "bad claim_missing/provider at backchannel"; }
    "backchannel_invalid" r#"{"what": "nonce"}"# [] { "logout" => "bad claim_unexpected/provider at backchannel"; }
    "backchannel_invalid" r#"{"what": "expired"}"# [] { "logout" => "bad claim_expired/provider at backchannel"; }
    "backchannel_invalid" r#"{"what": "jti"}"# [] { "logout" => "bad claim_missing/provider at backchannel"; }
}
