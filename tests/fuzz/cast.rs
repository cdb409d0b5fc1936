//! The probes whose answers are mangled: every kind, with a browser where it takes one.

use std::path::Path;

/// How long a run of one kind may take.
pub struct Part {
    pub kind: &'static str,
    /// Client and user.
    who: &'static str,
    /// The kind's own keys; the issuer goes before paths.
    pub own: &'static str,
    /// What a run may take (milliseconds): more than it waits for on purpose.
    pub timeout: u64,
    /// How many runs are mangled.
    pub runs: usize,
}

const NOBODY: &str = "provider = 'main'";
const MACHINE: &str = "client = 'svc'";
const USER: &str = "client = 'web'\nuser = 'alice'";

/// Every kind once, with as many of its steps as there are.
pub const PARTS: &[Part] = &[
    Part { kind: "discovery", who: NOBODY, own: "", timeout: 800, runs: 24 },
    Part { kind: "jwks", who: NOBODY, own: "", timeout: 800, runs: 24 },
    Part { kind: "client_credentials", who: MACHINE, own: "", timeout: 800, runs: 30 },
    Part { kind: "form_login", who: USER, own: "logout = true\nsilent = true", timeout: 1500, runs: 40 },
    Part { kind: "refresh", who: USER, own: "rotation = 'required'", timeout: 1500, runs: 30 },
    Part { kind: "revocation", who: USER, own: "bound = '1s'", timeout: 2500, runs: 24 },
    Part {
        kind: "token_exchange",
        who: MACHINE,
        own: "actor = { grant = 'client_credentials' }",
        timeout: 800,
        runs: 30,
    },
    Part { kind: "introspection", who: MACHINE, own: "signed = true\nbound = '1s'", timeout: 2000, runs: 24 },
    Part { kind: "userinfo", who: USER, own: "", timeout: 1500, runs: 30 },
    Part { kind: "jwt_bearer", who: MACHINE, own: "assertion = { file = 'assertion' }", timeout: 800, runs: 24 },
    Part { kind: "resource", who: MACHINE, own: RESOURCE, timeout: 2500, runs: 30 },
    Part { kind: "device", who: "client = 'tv'\nuser = 'alice'", own: "bound = '3s'", timeout: 4000, runs: 20 },
    Part { kind: "registration", who: NOBODY, own: "", timeout: 1500, runs: 30 },
    Part { kind: "logout", who: USER, own: "back_channel = true\nbound = '1s'", timeout: 2500, runs: 30 },
    Part { kind: "hardening", who: USER, own: "", timeout: 6000, runs: 12 },
];

/// The kind that speaks HTTP by a real browser: the code in the query, and in a form that the browser posts.
pub const BY_BROWSER: &[Part] = &[
    Part { kind: "browser_login", who: USER, own: "", timeout: 6000, runs: 16 },
    Part { kind: "browser_login", who: USER, own: "response_mode = 'form_post'", timeout: 6000, runs: 16 },
];

const RESOURCE: &str = "url = 'ISSUER/resource'\norigin = 'https://app.example.com'\ntoo_few_scopes = ['profile']\n\
                        revoked = true\nbound = '1s'";

/// What we know and nobody else may read: files of these names hold themselves.
pub const SECRETS: [&str; 3] = ["svc-secret", "web-secret", "wonderland-7"];

/// The calm run of a part has all the time that a busy machine may need.
pub const CALM: &str = "calm";

impl Part {
    /// Two probes: one of that kind's name in a hurry, and a calm one.
    pub fn configuration(&self, issuer: &str, assertion: &str, folder: &Path) -> String {
        SECRETS.iter().for_each(|secret| std::fs::write(folder.join(secret), secret).unwrap());
        std::fs::write(folder.join("assertion"), assertion).unwrap();
        let Self { kind, who, timeout, .. } = self;
        let own = self.own.replace("ISSUER", issuer);
        format!(
            "[[region]]\nname = 'eu'\n\
             [[provider]]\nname = 'main'\nissuer = '{issuer}'\n\
             [[client]]\nname = 'web'\nprovider = 'main'\nclient_id = 'web'\nclient_secret = {{ file = 'web-secret' }}\n\
             redirect_uri = 'http://127.0.0.1:8765/cb'\nscopes = ['openid', 'profile', 'email', 'offline_access', 'api']\n\
             [[client]]\nname = 'svc'\nprovider = 'main'\nclient_id = 'svc'\nclient_secret = {{ file = 'svc-secret' }}\n\
             scopes = ['api']\n\
             [[client]]\nname = 'tv'\nprovider = 'main'\nclient_id = 'tv'\nauth_method = 'none'\n\
             scopes = ['openid', 'profile']\n\
             [[user]]\nname = 'alice'\nusername = 'alice'\npassword = {{ file = 'wonderland-7' }}\n\
             [[probe]]\nname = '{kind}'\nkind = '{kind}'\n{who}\nevery = '1m'\ntimeout = '{timeout}ms'\n{own}\n\
             [[probe]]\nname = '{CALM}'\nkind = '{kind}'\n{who}\nevery = '5m'\ntimeout = '2m'\n{own}\n"
        )
    }
}
