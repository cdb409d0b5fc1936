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
    "registration_not_offered" "" [] {}
    "registration_delete_fails" "" [] {}
    "registration_survives" "" [] {}
    "registration_unmanaged" "" [] {}
    "logout_not_offered" "" [] {}
    "backchannel_not_offered" "" [] {}
    "backchannel_late" "" [] {}
    "backchannel_never" "" [] {}
    "backchannel_invalid" "" [] {}
}
