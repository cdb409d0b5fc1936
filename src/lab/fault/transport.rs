//! Faults of the way: time, connections, statuses, bodies.

use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};

use super::{ENDPOINT, Fault, Hook, Kind, Parameter, Scope, Setting, Switch};
use crate::lab::endpoint::Endpoint;
use crate::lab::reply::{Action, Asked, Ending, Reply};

pub(super) static TABLE: &[Fault] = &[
    Fault {
        name: "latency",
        about: "answers late",
        parameters: &[whole("delay_ms", "how late", 1000, 0, 3_600_000), ENDPOINT],
        hooks: &[Hook::Request(Scope::Chosen, |setting, _| Action::Wait(setting.millis("delay_ms")))],
    },
    Fault {
        name: "slow_body",
        about: "sends the body in about sixteen pieces, with a pause after each",
        parameters: &[whole("delay_ms", "the pause", 200, 0, 3_600_000), ENDPOINT],
        hooks: &[Hook::Response(Scope::Chosen, |setting, reply| {
            reply.ending(Ending::Drip(setting.millis("delay_ms")))
        })],
    },
    Fault {
        name: "hang",
        about: "takes the request and never answers",
        parameters: &[ENDPOINT],
        hooks: &[Hook::Request(Scope::Chosen, |_, _| Action::Hang)],
    },
    Fault {
        name: "connection_reset",
        about: "takes the request and resets the connection",
        parameters: &[ENDPOINT],
        hooks: &[Hook::Request(Scope::Chosen, |_, _| Action::Reset)],
    },
    Fault {
        name: "reset_mid_body",
        about: "sends half of the body, then resets the connection",
        parameters: &[ENDPOINT],
        hooks: &[Hook::Response(Scope::Chosen, |_, reply| reply.ending(Ending::Cut))],
    },
    Fault {
        name: "http_500",
        about: "answers 500",
        parameters: &[ENDPOINT],
        hooks: &[Hook::Request(Scope::Chosen, |_, _| plain(StatusCode::INTERNAL_SERVER_ERROR))],
    },
    Fault {
        name: "http_502_html",
        about: "answers 502 with the HTML page of a proxy",
        parameters: &[ENDPOINT],
        hooks: &[Hook::Request(Scope::Chosen, |_, _| {
            let page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
            Action::Answer(Reply::new(StatusCode::BAD_GATEWAY).body("text/html", page))
        })],
    },
    Fault {
        name: "http_503",
        about: "answers 503 with Retry-After",
        parameters: &[RETRY, ENDPOINT],
        hooks: &[Hook::Request(Scope::Chosen, |setting, _| try_later(StatusCode::SERVICE_UNAVAILABLE, setting))],
    },
    Fault {
        name: "rate_limited",
        about: "answers 429 with Retry-After",
        parameters: &[RETRY, ENDPOINT],
        hooks: &[Hook::Request(Scope::Chosen, |setting, _| try_later(StatusCode::TOO_MANY_REQUESTS, setting))],
    },
    Fault {
        name: "redirect_loop",
        about: "redirects to where the request came to",
        parameters: &[Parameter {
            name: "endpoint",
            about: "where",
            kind: Kind::Choice { default: "authorization", of: Endpoint::CHOICES },
        }],
        hooks: &[Hook::Request(Scope::Chosen, |_, asked| Action::Answer(redirect_to_itself(asked)))],
    },
    Fault {
        name: "oversize_body",
        about: "sends blanks before the body",
        parameters: &[whole("mebibytes", "how many of them", 8, 1, 1024), ENDPOINT],
        hooks: &[Hook::Response(Scope::Chosen, |setting, reply| {
            reply.ending(Ending::Padded(setting.whole("mebibytes").unsigned_abs() << 20))
        })],
    },
    Fault {
        name: "wrong_content_type",
        about: "calls every body text/html",
        parameters: &[ENDPOINT],
        hooks: &[Hook::Response(Scope::Chosen, |_, mut reply| {
            reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            reply
        })],
    },
    Fault {
        name: "jwks_down",
        about: "the key set answers 503",
        parameters: &[],
        hooks: &[Hook::Request(Scope::At(Endpoint::Jwks), |_, _| plain(StatusCode::SERVICE_UNAVAILABLE))],
    },
    Fault {
        name: "introspection_down",
        about: "introspection answers 503",
        parameters: &[],
        hooks: &[Hook::Request(Scope::At(Endpoint::Introspection), |_, _| plain(StatusCode::SERVICE_UNAVAILABLE))],
    },
    Fault {
        name: "skewed_clock",
        about: "the provider's clock is wrong, in `Date` and in tokens",
        parameters: &[whole("seconds", "how far; negative: behind", 300, -86_400, 86_400)],
        hooks: &[Hook::Switch(Switch::Skew)],
    },
];

const RETRY: Parameter = whole("retry_after", "seconds to wait; 0: no header", 30, 0, 86_400);

const fn whole(name: &'static str, about: &'static str, default: i64, min: i64, max: i64) -> Parameter {
    Parameter { name, about, kind: Kind::Whole { default, min, max } }
}

fn plain(status: StatusCode) -> Action {
    Action::Answer(Reply::new(status).body("text/plain", status.canonical_reason().unwrap_or_default()))
}

fn try_later(status: StatusCode, setting: &Setting) -> Action {
    let reply = Reply::new(status).body("text/plain", status.canonical_reason().unwrap_or_default());
    Action::Answer(match setting.whole("retry_after") {
        0 => reply,
        seconds => reply.header(RETRY_AFTER, &seconds.to_string()),
    })
}

fn redirect_to_itself(asked: &Asked) -> Reply {
    // 307 keeps the POST a POST.
    let status = if asked.method == Method::POST { StatusCode::TEMPORARY_REDIRECT } else { StatusCode::FOUND };
    Reply::new(status).header(LOCATION, &asked.uri.to_string())
}
