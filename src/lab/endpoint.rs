//! The doors of the lab, by the names that metrics use for them.

macro_rules! endpoints {
    ($($variant:ident $name:literal $path:literal;)*) => {
        /// Which of the lab's endpoints a request went to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Endpoint {
            $(#[doc = concat!("`", $path, "`")] $variant,)*
        }

        impl Endpoint {
            /// Every endpoint.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Every name, and `all`: the values of the parameter `endpoint`.
            pub const CHOICES: &'static [&'static str] = &["all", $($name,)*];

            /// The name in parameters and counters.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The path below the issuer's.
            pub const fn path(self) -> &'static str {
                match self { $(Self::$variant => $path,)* }
            }
        }
    };
}

endpoints! {
    Discovery "discovery" "/.well-known/openid-configuration";
    Jwks "jwks" "/jwks";
    Authorization "authorization" "/authorize";
    LoginPage "login_page" "/login";
    Token "token" "/token";
    Userinfo "userinfo" "/userinfo";
    Introspection "introspection" "/introspect";
    Revocation "revocation" "/revoke";
    EndSession "end_session" "/logout";
    DeviceAuthorization "device_authorization" "/device_authorization";
    Device "device" "/device";
    Registration "registration" "/register";
    ClientConfiguration "client_configuration" "/clients";
    Resource "resource" "/resource";
    PushedAuthorization "pushed_authorization" "/par";
}

impl Endpoint {
    /// Its place in [`Endpoint::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}
