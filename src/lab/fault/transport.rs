//! Faults of the way: time, connections, statuses, bodies.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};

use super::gzip;
use super::{ENDPOINT, Fault, Hook, Kind, Parameter, Scope, Setting, Switch};
use crate::lab::certificates::Shown;
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
        name: "connection_refused",
        about: "nobody listens: all or nothing, so `rate` and `from` mean nothing here",
        parameters: &[whole("seconds", "for how long; 0: until it is switched off, from within", 10, 0, 86_400)],
        hooks: &[Hook::Switch(Switch::Closed)],
    },
    Fault {
        name: "slow_head",
        about: "sends sixteen bytes at a time, from the first one of the head on, with a pause between",
        parameters: &[whole("delay_ms", "the pause", 500, 1, 3_600_000), ENDPOINT],
        hooks: &[Hook::Response(Scope::Chosen, |setting, reply| {
            reply.ending(Ending::Trickle(setting.millis("delay_ms")))
        })],
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
        name: "http_401_bare",
        about: "answers 401 without a body or a challenge",
        parameters: &[ENDPOINT],
        hooks: &[Hook::Request(Scope::Chosen, |_, _| Action::Answer(Reply::new(StatusCode::UNAUTHORIZED)))],
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
        name: "gzip_bomb",
        about: "sends blanks before the body, all of it compressed to a thousandth",
        parameters: &[whole("mebibytes", "how many of them", 64, 1, 1024), ENDPOINT],
        hooks: &[Hook::Response(Scope::Chosen, |setting, mut reply| {
            reply.body = gzip::bomb(setting.whole("mebibytes").unsigned_abs(), &reply.body).into();
            reply.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            reply
        })],
    },
    Fault {
        name: "gzip_garbage",
        about: "says that bodies are gzip, which they are not",
        parameters: &[ENDPOINT],
        hooks: &[Hook::Response(Scope::Chosen, |_, mut reply| {
            reply.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            reply
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
        name: "tls_expired",
        about: "shows a certificate that ended two days ago (`--tls`)",
        parameters: &[],
        hooks: &[Hook::Certificate(Shown::Expired)],
    },
    Fault {
        name: "tls_not_yet_valid",
        about: "shows a certificate that begins in two days (`--tls`)",
        parameters: &[],
        hooks: &[Hook::Certificate(Shown::NotYetValid)],
    },
    Fault {
        name: "tls_wrong_name",
        about: "shows a certificate for another name (`--tls`)",
        parameters: &[],
        hooks: &[Hook::Certificate(Shown::WrongName)],
    },
    Fault {
        name: "tls_self_signed",
        about: "shows a certificate that signed itself (`--tls`)",
        parameters: &[],
        hooks: &[Hook::Certificate(Shown::SelfSigned)],
    },
    Fault {
        name: "tls_untrusted",
        about: "shows a certificate of an authority that nobody knows (`--tls`)",
        parameters: &[],
        hooks: &[Hook::Certificate(Shown::Untrusted)],
    },
    Fault {
        name: "tls_incomplete_chain",
        about: "leaves the intermediate certificate out (`--tls`)",
        parameters: &[],
        hooks: &[Hook::Certificate(Shown::Incomplete)],
    },
    Fault {
        name: "tls_refused",
        about: "ends every handshake with an alert (`--tls`)",
        parameters: &[],
        hooks: &[Hook::Certificate(Shown::Nothing)],
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
