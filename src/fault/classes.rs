//! The table of classes: name, blame, what it means, what to look at first, likely causes.

use serde::{Deserialize, Serialize};

use super::Blame;

macro_rules! classes {
    ($($variant:ident $name:literal $blame:ident $means:literal $hint:literal [$($cause:literal),+];)*) => {
        /// What went wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Class {
            $(#[doc = $means] $variant,)*
        }

        impl Class {
            /// Every class, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in labels and documents.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Who is to blame by default.
            pub const fn blame(self) -> Blame {
                match self { $(Self::$variant => Blame::$blame,)* }
            }

            /// What it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $means,)* }
            }

            /// What to look at first.
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint,)* }
            }

            /// What usually lies behind it, likeliest first: short, in small letters, without a full stop.
            pub const fn causes(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($cause,)+],)* }
            }
        }
    };
}

classes! {
    Dns "dns" Network
        "The provider's name did not resolve."
        "Resolve the name from this region; compare with another; look for an expired zone or a broken resolver."
        ["the zone expired or was changed",
         "a resolver of this region is broken, or cut off",
         "a new name has not spread yet"];
    Connect "connect" Network
        "No TCP connection could be made."
        "Is the provider up and listening? Check load balancer, firewall and routes from this region."
        ["the provider or its load balancer is down",
         "a firewall or security group drops this region",
         "a route is missing"];
    Tls "tls" Network
        "The TLS handshake failed for another reason than the certificate."
        "Compare protocol versions and cipher suites; look for a middlebox or a server that closes the handshake."
        ["protocol versions or cipher suites that no longer meet",
         "a middlebox on the way",
         "a server out of memory or file handles"];
    Timeout "timeout" Network
        "No answer came in time."
        "See in the waterfall which phase hung: connect points to the network, processing to the provider."
        ["the provider is overloaded, or waits for its database",
         "packets are lost on the way",
         "a lock or a full pool behind one endpoint"];
    Reset "reset" Network
        "The connection broke before the answer was complete."
        "Look for crashing or restarting processes behind the load balancer, and idle timeouts on the way."
        ["a process crashed, or was restarted while it answered",
         "an idle timeout of a proxy that is shorter than the answer",
         "a deploy without draining"];
    Certificate "certificate" Provider
        "The provider's certificate is not acceptable."
        "Check expiry, host names and chain of the certificate that this endpoint serves; is an intermediate missing?"
        ["it has expired: the renewal did not run, or was not loaded",
         "an intermediate certificate is missing from the chain",
         "it is for other host names, or of a private authority that `ca_file` does not name"];
    HttpStatus "http_status" Provider
        "The status is not one that the protocol allows here."
        "Read the provider's log at the time of the run; 5xx points to the provider, 404 to a moved endpoint."
        ["an error inside the provider, or no healthy node behind its load balancer (5xx)",
         "an endpoint moved (404)",
         "a gateway or firewall refuses us (403)"];
    RateLimited "rate_limited" Provider
        "The provider answered 429."
        "Ask for a higher limit for this client, or probe less often; scheduled runs honour Retry-After."
        ["probes are too frequent for the provider's limits",
         "others share our address",
         "a limit was lowered, or counts refused requests"];
    OauthError "oauth_error" Provider
        "The provider answered with an OAuth error."
        "The error code names the cause: compare the client's registration with what the probe asks for."
        ["the client's registration was changed: grants, scopes, redirect URIs",
         "a code or token was used twice, or outlived its time between nodes",
         "the provider's own back end failed (`server_error`, `temporarily_unavailable`)"];
    Malformed "malformed" Provider
        "The answer is not what the specification says."
        "Look at the content type and the first bytes: an error page or a proxy may stand where JSON should be."
        ["an error page of a proxy where JSON should be",
         "a release that changed the format",
         "an answer that was cut off"];
    TooLarge "too_large" Provider
        "The answer is larger than the limit."
        "Fetch the endpoint by hand: is it serving another document, or one that grows without end?"
        ["another document at that address",
         "a document that grows without end, such as a key set that never drops keys",
         "a compressed answer that is a bomb"];
    Redirect "redirect" Provider
        "Redirects lead nowhere, in a circle, or where they must not."
        "Follow the chain in the waterfall; check base URLs and proxy headers of the provider."
        ["the external URL is configured wrongly, http against https",
         "a proxy does not pass on `X-Forwarded-Proto` or `Host`",
         "a session cookie that the browser may not send back"];
    IssuerMismatch "issuer_mismatch" Provider
        "The metadata names another issuer than the one configured."
        "Compare character by character, the final slash included (OIDC Discovery §4.3)."
        ["the provider derives its issuer from the request's host",
         "another tenant or realm answers",
         "a slash too many or too few at the end"];
    MetadataInvalid "metadata_invalid" Provider
        "The metadata lacks what it must have or points where it must not."
        "See the findings: each names the member of the document and the clause."
        ["a release or a template that dropped members",
         "endpoints built from an internal address",
         "a document of another kind at that address"];
    JwksInvalid "jwks_invalid" Provider
        "The key set cannot be used as it is."
        "See the findings: each names the key and what is wrong with it."
        ["a rotation that was half done",
         "a key set written by hand, or by a tool that knows other members",
         "a private key among the public ones: then it is leaked, replace it"];
    KeyNotFound "key_not_found" Provider
        "A token names a key that the key set does not hold, even after a fresh fetch."
        "Was a key rotated before it was published, or is one node serving an old set?"
        ["a key signs before it is published",
         "a node or cache serves an old key set",
         "a key was withdrawn while its tokens were valid"];
    SignatureInvalid "signature_invalid" Provider
        "A token's signature does not verify."
        "Same kid with another key? Nodes with different keys? Compare the key sets node by node."
        ["another key under the same `kid`", "nodes with different keys", "the token was changed on its way"];
    AlgorithmForbidden "algorithm_forbidden" Provider
        "A token is signed with an algorithm that must not be accepted."
        "Compare the header's alg with the client's registration; `none` and confused HMAC are attacks."
        ["the client's registration names another algorithm",
         "a default changed with a release",
         "unsigned or HMAC-signed tokens of a provider that can be talked into it"];
    ClaimIssuer "claim_issuer" Provider
        "`iss` is not the configured issuer."
        "Check the provider's external URL settings (OIDC Core 3.1.3.7-2)."
        ["the external URL was changed, or differs between nodes",
         "tokens of another tenant or realm",
         "an issuer derived from the request's host"];
    ClaimAudience "claim_audience" Provider
        "`aud` or `azp` is not for this client."
        "Check the client's audience mappings (OIDC Core 3.1.3.7-3 to 5)."
        ["an audience mapping was changed",
         "the token was issued for another client",
         "several audiences without `azp`"];
    ClaimExpired "claim_expired" Provider
        "The token is expired already."
        "Compare the clocks; see clock skew in the waterfall (OIDC Core 3.1.3.7-9)."
        ["the provider's clock is behind, or ours ahead",
         "lifetimes were set to very little",
         "an answer from a cache"];
    ClaimNotYetValid "claim_not_yet_valid" Provider
        "The token says it comes from the future."
        "Compare the clocks: the provider's runs ahead (`iat`, `nbf`)."
        ["the provider's clock is ahead, or ours behind", "a node without time synchronisation"];
    ClaimNonce "claim_nonce" Provider
        "`nonce` is missing or not the one sent."
        "A mixed-up session or a cached answer (OIDC Core 3.1.3.7-11)."
        ["sessions are mixed up between logins",
         "an answer from a cache",
         "a provider that drops `nonce` from this flow"];
    ClaimHash "claim_hash" Provider
        "`at_hash` or `c_hash` does not fit."
        "The token was swapped, or hashed with the wrong algorithm (OIDC Core 3.1.3.6)."
        ["the access token or code belongs to another answer",
         "hashed with another algorithm than the ID token is signed with",
         "left- and right-most half confused"];
    ClaimSubject "claim_subject" Provider
        "`sub` is missing, not constant, or not who logged in."
        "Check account linking and subject mappers; userinfo must name the same `sub` (OIDC Core 5.3.2)."
        ["account linking gave the user another identity",
         "pairwise subjects were switched on or off",
         "two users behind one session"];
    ClaimAuth "claim_auth" Provider
        "`auth_time`, `acr` or `amr` is not what was asked for."
        "Check the authentication flow that this client is bound to."
        ["a session was reused where a fresh login was asked for",
         "the authentication flow of this client was changed",
         "seconds and milliseconds confused"];
    ClaimMissing "claim_missing" Provider
        "A required or expected claim is missing."
        "Check scopes and claim mappers."
        ["a scope is not granted any more", "a claim mapper was removed", "the account lacks the attribute"];
    ClaimUnexpected "claim_unexpected" Provider
        "A claim has another value than expected."
        "Compare the `expect` of the probe with the account's attributes."
        ["the account's attributes were changed",
         "a claim mapper gives another format",
         "the probe's `expect` is out of date"];
    StateMismatch "state_mismatch" Provider
        "`state` did not come back as it was sent."
        "A mixed-up session, or a proxy that rewrites queries (RFC 6749 §10.12)."
        ["sessions are mixed up between logins",
         "a proxy or firewall rewrites queries",
         "a login page that answers somebody else's request"];
    ResponseIssuer "response_issuer" Provider
        "The authorization response's `iss` is missing or wrong though promised."
        "RFC 9207 §2.4: compare with the metadata's issuer."
        ["a release that promises `iss` and does not send it in every answer",
         "the issuer differs between nodes",
         "a mix-up attack, or something that looks like one"];
    LoginPage "login_page" Provider
        "The login page is not what it was."
        "See what was on the page instead; update the probe's steps if the page was changed on purpose."
        ["the page was changed: fields, buttons, texts",
         "an error or a maintenance page in its place",
         "a script of the page failed, or a resource did not load"];
    RefreshNotRotated "refresh_not_rotated" Provider
        "The refresh token was not rotated though it must be, or was though it must not."
        "Compare the client's rotation setting with the probe's `rotation`."
        ["rotation was switched off, or on, for this client",
         "a grace period in which the old token is returned again"];
    ReuseAccepted "reuse_accepted" Provider
        "A refresh token that was used already was accepted again."
        "Turn reuse detection on (RFC 9700 §4.14.2)."
        ["reuse detection is off, or has a grace period", "nodes that do not share what was used"];
    RevocationIneffective "revocation_ineffective" Provider
        "A revoked token still works."
        "Check caches of introspection and gateways; self-contained tokens live until they expire."
        ["self-contained access tokens, which live until they expire",
         "a cache of introspection results, at the provider or a gateway",
         "a revocation that did not reach every node"];
    LogoutIneffective "logout_ineffective" Provider
        "The session lives on after logout."
        "Check session caches and back-channel logout."
        ["a session cache that is not told",
         "tokens that outlive the session by design",
         "a back-channel logout that is not sent, or not accepted"];
    AttackAccepted "attack_accepted" Provider
        "An attack that must be refused was not."
        "Treat as an incident: see which attack in the findings."
        ["a check was switched off for compatibility",
         "a wildcard or prefix among the registered redirect URIs",
         "a release with a regression"];
    RegionsDisagree "regions_disagree" Provider
        "Regions see different documents."
        "Look for stale caches or nodes: compare both documents."
        ["a stale cache at the edge of one region",
         "a node that missed a deploy or a key rotation",
         "replicas of the configuration that do not catch up"];
    Credentials "credentials" Configuration
        "The provider refuses our account or client."
        "Was the password or secret changed, or the account locked? A password is not tried again until you act, a client every 15 minutes."
        ["the password or secret was rotated and the probe was not told",
         "the account is locked, expired or disabled",
         "the client was deleted, or its authentication method changed"];
    Challenge "challenge" Configuration
        "The provider asks for something we have no answer to."
        "Exempt the synthetic account from the CAPTCHA, or configure its second factor."
        ["a risk engine finds the synthetic login strange",
         "a second factor became mandatory",
         "terms of use or a new password are asked for"];
    Unsupported "unsupported" Configuration
        "The provider does not offer what this probe needs."
        "Remove the probe, or name the endpoint under `endpoints` if metadata hides it."
        ["the feature was switched off",
         "metadata hides an endpoint that works",
         "the probe asks for more than this product can do"];
    Config "config" Configuration
        "The probe's own settings cannot work."
        "The detail names the key."
        ["a key whose file or variable is missing at run time", "settings that contradict the provider's metadata"];
    Browser "browser" Monitor
        "Our browser failed."
        "Is Chromium with its driver installed and allowed to start?"
        ["Chromium or its driver is missing, or of another version",
         "too little memory or shared memory in the container",
         "a remote WebDriver that is down"];
    Egress "egress" Monitor
        "Our proxy or uplink failed."
        "The region's proxy or references do not answer: this says nothing about the provider."
        ["the region's proxy is down or refuses us",
         "this machine's uplink is down",
         "the references are down themselves"];
    Clock "clock" Monitor
        "Our clock is wrong."
        "Check time synchronisation of this machine."
        ["no time synchronisation", "a virtual machine that was suspended"];
    Budget "budget" Monitor
        "Our own request limit was reached."
        "Raise `max_requests_per_minute` or probe less often."
        ["many probes or regions for one provider", "confirmation runs during an outage"];
    Internal "internal" Monitor
        "authprobe failed."
        "Please report it, with the log around this run."
        ["a defect of authprobe"];
}
