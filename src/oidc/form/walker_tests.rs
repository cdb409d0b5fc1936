use super::*;
use crate::oidc::response::testing::response;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn form() -> Request {
    Request::post(Endpoint::LoginPage, url("https://a.example/login"), vec![("password".into(), "x".into())])
}

/// RFC 9110 §15.4.
#[test]
fn only_307_and_308_keep_the_form() {
    for (status, method) in
        [(301, Method::GET), (302, Method::GET), (303, Method::GET), (307, Method::POST), (308, Method::POST)]
    {
        let next = redirected(form(), StatusCode::from_u16(status).unwrap(), url("https://a.example/next"));
        assert_eq!((next.form.is_some(), &next.method), (method == Method::POST, &method), "{status}");
        assert!(!next.headers.contains_key(header::ORIGIN) || method == Method::POST);
    }
}

#[test]
fn one_never_goes_from_https_to_http_or_elsewhere() {
    assert!(allowed(&url("https://a.example"), &url("https://b.example")).is_ok());
    assert!(allowed(&url("http://a.example"), &url("http://b.example")).is_ok());
    for to in ["http://a.example", "javascript:alert(1)", "file:///etc/passwd", "app:/cb", "data:text/html,x"] {
        assert_eq!(allowed(&url("https://a.example"), &url(to)).unwrap_err().class, Class::Redirect, "{to}");
    }
}

#[test]
fn nobody_is_told_who_a_url_names() {
    for (given, kept) in [
        ("https://alice:wonderland@a.example/cb?code=x", "https://a.example/cb?code=x"),
        ("https://:x@a.example/", "https://a.example/"),
        ("https://a.example@b.example/", "https://b.example/"),
    ] {
        let mut target = url(given);
        assert!(forget_user(&mut target), "{given}");
        assert_eq!(target.as_str(), kept);
    }
    assert!(!forget_user(&mut url("https://a.example/@b")) && !forget_user(&mut url("app:/cb@x")));
}

#[test]
fn the_referer_follows_the_default_policy() {
    let referer = |from: &str, to: &str| {
        let headers = navigation(Some(&url(from)), &url(to));
        headers.get(header::REFERER).map(|value| value.to_str().unwrap().to_owned())
    };
    let from = "https://a.example/login?state=x#y";
    assert_eq!(referer(from, "https://a.example/b").as_deref(), Some("https://a.example/login?state=x"));
    assert_eq!(referer(from, "https://b.example/b").as_deref(), Some("https://a.example/"));
    assert_eq!(referer(from, "http://b.example/b"), None);
    let user = referer("https://alice:wonderland@a.example/login", "https://a.example/b");
    assert_eq!(user.as_deref(), Some("https://a.example/login"), "RFC 9110 §10.1.3");
}

/// RFC 9110 §10.2.2, RFC 3986 §5.2: relative to what was asked, whose fragment stays where there is no other.
#[test]
fn a_redirect_leads_where_a_browser_would_go() {
    let leads = |from: &str, to: &str| {
        let answer = Response { url: url(from), ..response(302, &[("location", to)], "") };
        location(&answer).map(|target| target.to_string()).map_err(|fault| fault.class)
    };
    let from = "https://a.example/realms/main/login?x=1#top";
    for (to, expected) in [
        ("https://b.example/cb?code=x", "https://b.example/cb?code=x#top"),
        ("https://b.example/cb#code=x", "https://b.example/cb#code=x"),
        ("https://b.example/cb#", "https://b.example/cb#"),
        ("next", "https://a.example/realms/main/next#top"),
        ("/next", "https://a.example/next#top"),
        ("?y=2", "https://a.example/realms/main/login?y=2#top"),
        ("", "https://a.example/realms/main/login?x=1#top"),
        ("../../..//x", "https://a.example//x#top"),
        ("//b.example/x", "https://b.example/x#top"),
        ("\\\\b.example\\x", "https://b.example/x#top"),
        ("  https://B.example:443/%7ea  ", "https://b.example/%7ea#top"),
        ("app:/cb", "app:/cb#top"),
    ] {
        assert_eq!(leads(from, to).as_deref(), Ok(expected), "{to}");
    }
    for to in ["https://", "https://a b/", "http://[::1", "//"] {
        assert_eq!(leads(from, to), Err(Class::Redirect), "{to}");
    }
    let nowhere = response(302, &[], "");
    assert_eq!(location(&nowhere).unwrap_err().class, Class::Redirect);
}

/// Nobody but us is at the redirect URI, whatever a URL looks like at first sight (RFC 6749 §3.1.2).
#[test]
fn only_our_own_address_is_the_way_back() {
    let back = url("https://app.example/cb");
    for (target, ours) in [
        ("https://app.example/cb?code=x", true),
        ("https://APP.example:443/cb#code=x", true),
        ("https://alice@app.example/cb?code=x", true),
        ("https://app.example@evil.example/cb?code=x", false),
        ("https://app.example.evil.example/cb?code=x", false),
        ("https://app.example/cb/?code=x", false),
        ("https://app.example/cb/../cb?code=x", true),
        ("https://app.example/%63b?code=x", false),
        ("https://app.example:8443/cb?code=x", false),
        ("http://app.example/cb?code=x", false),
    ] {
        assert_eq!(is_answer(&url(target), &back), ours, "{target}");
    }
}
