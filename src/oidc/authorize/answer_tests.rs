use super::*;

const ISSUER: &str = "https://server.example.com";

fn read(url: &str, response_type: &str, mode: ResponseMode, iss_promised: bool) -> Result<Granted, Fault> {
    let response_type = ResponseType::parse(response_type).unwrap();
    let state = Secret::new("xyz");
    let expected = Expected { state: &state, issuer: ISSUER, iss_promised, response_type, response_mode: mode };
    process(&Answer::of_url(&Url::parse(&format!("https://client.example.org/cb{url}")).unwrap()), expected)
}

fn answer(query: &str, iss_promised: bool) -> Result<Granted, Fault> {
    read(&format!("?{query}"), "code", ResponseMode::Query, iss_promised)
}

fn class(query: &str, iss_promised: bool) -> Class {
    answer(query, iss_promised).unwrap_err().class
}

/// The class of what is wrong with an answer, and what is said of it.
fn refused(url: &str, response_type: &str, mode: ResponseMode) -> (Class, String) {
    let fault = read(url, response_type, mode, false).unwrap_err();
    (fault.class, fault.detail)
}

/// In the fragment.
fn front(response_type: &str, fragment: &str) -> Result<Granted, Fault> {
    read(&format!("#{fragment}&state=xyz"), response_type, ResponseMode::Fragment, false)
}

/// RFC 6749 §4.1.2 and RFC 9207 §2.3.
#[test]
fn the_answers_of_the_rfcs_are_accepted() {
    let granted = answer("code=SplxlOBeZQQYbYS6WxSbIA&state=xyz", false).unwrap();
    assert_eq!((granted.code.unwrap().expose(), granted.warnings.len()), ("SplxlOBeZQQYbYS6WxSbIA", 0));
    let granted =
        answer("code=x1848ZT64p4IirMPT0R-X3141MFPTuBX&state=xyz&iss=https%3A%2F%2Fserver.example.com", true).unwrap();
    assert!(granted.warnings.is_empty());
    let granted = answer("code=a&state=xyz&iss=https%3A%2F%2Fserver.example.com", false).unwrap();
    assert_eq!(granted.warnings[0].code, "response_issuer");
}

#[test]
fn state_is_compared_before_anything_else() {
    assert_eq!(class("error=access_denied&state=XYZ", false), Class::StateMismatch);
    assert_eq!(class("code=a", false), Class::StateMismatch);
    assert_eq!(class("code=a&state=xyz%20&iss=https://evil.example", true), Class::StateMismatch);
    let detail = answer("error=login_required", false).unwrap_err().detail;
    assert!(detail.ends_with("error=login_required"), "{detail}");
}

#[test]
fn the_issuer_must_be_right_in_errors_as_well() {
    assert_eq!(class("code=a&state=xyz", true), Class::ResponseIssuer);
    assert_eq!(class("error=access_denied&state=xyz", true), Class::ResponseIssuer);
    assert_eq!(class("code=a&state=xyz&iss=https%3A%2F%2Fserver.example.com%2F", true), Class::ResponseIssuer);
    assert_eq!(class("code=a&state=xyz&iss=https%3A%2F%2Fevil.example", false), Class::ResponseIssuer);
}

#[test]
fn errors_are_passed_on_cut() {
    let query = format!("error=access_denied&error_description={}&state=xyz", "x".repeat(5000));
    let fault = answer(&query, false).unwrap_err();
    assert_eq!(fault.class, Class::OauthError);
    assert!(fault.detail.starts_with("the authorization endpoint answered access_denied"));
    assert!(fault.detail.len() < 400);
    for code in ["login_required", "interaction_required", "consent_required", "server_error", "made%0aup"] {
        assert_eq!(class(&format!("error={code}&state=xyz"), false), Class::OauthError);
    }
}

#[test]
fn what_is_no_answer_is_malformed() {
    for query in ["state=xyz", "code=&state=xyz", "code=a&code=b&state=xyz", "code=a&state=xyz&state=xyz"] {
        assert_eq!(class(query, false), Class::Malformed, "{query}");
    }
}

/// OIDC Core 3.2.2.5, 3.3.2.5 and A.3: the examples of the implicit and hybrid flow.
#[test]
fn every_response_type_gets_what_it_asks_for() {
    let token = "access_token=SlAV32hkKG&token_type=bearer&expires_in=3600";
    for (response_type, fragment, given) in [
        ("id_token", "id_token=eyJ0.NiJ9.eyJ1c2".to_owned(), (false, true, false)),
        ("id_token token", format!("{token}&id_token=eyJ0.NiJ9.eyJ1c2"), (false, true, true)),
        ("code id_token", "code=SplxlOBeZQQYbYS6WxSbIA&id_token=eyJ0.NiJ9.eyJ1c2".to_owned(), (true, true, false)),
        ("code token", format!("code=SplxlOBeZQQYbYS6WxSbIA&{token}"), (true, false, true)),
        ("code id_token token", format!("code=Spl&{token}&id_token=eyJ0.NiJ9.eyJ1c2"), (true, true, true)),
    ] {
        let granted = front(response_type, &fragment).unwrap();
        let found = (granted.code.is_some(), granted.id_token.is_some(), granted.access.is_some());
        assert_eq!((found, granted.warnings.len()), (given, 0), "{response_type}");
        for (name, word) in [("code", "code"), ("id_token", "id_token"), ("access_token", "token")] {
            if !response_type.split(' ').any(|asked| asked == word) {
                continue;
            }
            let without: Vec<&str> =
                fragment.split('&').filter(|pair| !pair.starts_with(&format!("{name}="))).collect();
            let fault = front(response_type, &without.join("&")).unwrap_err();
            assert_eq!(fault.class, Class::Malformed, "{response_type} without {name}");
            assert!(fault.detail.contains(&format!("`{name}`")), "{}", fault.detail);
        }
    }
    let access = front("id_token token", &format!("{token}&id_token=a&scope=openid+api")).unwrap().access.unwrap();
    assert_eq!(access.expires_in, Some(Duration::from_secs(3600)));
    assert_eq!((access.token.expose(), access.scope.unwrap().join("+").as_str()), ("SlAV32hkKG", "openid+api"));
}

/// RFC 9207 §2 and §4.
#[test]
fn beside_an_id_token_a_missing_issuer_is_survived_and_a_wrong_one_is_not() {
    let hybrid = |rest: &str| {
        let url = format!("#code=a&id_token=b&state=xyz{rest}");
        read(&url, "code id_token", ResponseMode::Fragment, true)
    };
    assert_eq!(hybrid("").unwrap().warnings[0].code, "response_issuer");
    assert!(hybrid("&iss=https%3A%2F%2Fserver.example.com").unwrap().warnings.is_empty());
    assert_eq!(hybrid("&iss=https%3A%2F%2Fevil.example").unwrap_err().class, Class::ResponseIssuer);
    let code = read("#code=a&access_token=b&state=xyz", "code token", ResponseMode::Fragment, true);
    assert_eq!(code.unwrap_err().class, Class::ResponseIssuer);
}

/// Multiple Response Types §2.1 and §5.
#[test]
fn the_answer_comes_where_it_belongs() {
    let hybrid = "code=a&id_token=b&state=xyz";
    let (class, detail) = refused(&format!("?{hybrid}"), "code id_token", ResponseMode::Fragment);
    assert_eq!(class, Class::Malformed);
    assert!(detail.starts_with("`id_token` came in the query, where logs"), "{detail}");
    let (class, detail) = refused(&format!("#{hybrid}"), "code id_token", ResponseMode::FormPost);
    assert_eq!(class, Class::Malformed);
    assert!(detail.starts_with("the answer came in the fragment instead of the posted form"), "{detail}");
    let (class, detail) = refused("#code=a&state=xyz", "code", ResponseMode::Query);
    assert_eq!((class, detail.contains("fragment instead of the query")), (Class::Malformed, true), "{detail}");
    // A copy in the query is no less read there.
    let both = format!("?access_token=x#{hybrid}");
    assert_eq!(refused(&both, "code id_token", ResponseMode::Fragment).0, Class::Malformed);
    assert_eq!(refused("?code=a&access_token=b&state=xyz", "code", ResponseMode::Query).0, Class::Malformed);
    // An error is an error wherever it comes, once it is ours.
    let (class, detail) = refused("?error=access_denied&state=xyz", "id_token", ResponseMode::Fragment);
    assert_eq!((class, detail.contains("query instead of the fragment")), (Class::OauthError, true), "{detail}");
    assert_eq!(refused("?error=access_denied", "id_token", ResponseMode::Fragment).0, Class::StateMismatch);
    // What some servers leave behind (`#_=_`), or the redirect URI has itself, is no answer.
    assert!(read("?code=a&state=xyz#_=_", "code", ResponseMode::Query, false).is_ok());
    assert!(read(&format!("?kept=1#{hybrid}"), "code id_token", ResponseMode::Fragment, false).is_ok());
}

#[test]
fn an_error_without_a_code_is_an_error_all_the_same() {
    for code in ["", "%22", "%ff", "%20"] {
        let (class, detail) = refused(&format!("?error={code}&state=xyz"), "code", ResponseMode::Query);
        assert_eq!(class, Class::OauthError, "{code}");
        assert!(detail.ends_with("answered an error without a code"), "{detail}");
    }
}

/// RFC 6749 §3.1; what is no UTF-8 is not what was sent.
#[test]
fn parameters_come_once_and_as_they_were_sent() {
    for twice in ["code=a&code=a", "code=a&state=xyz", "code=a&iss=x&iss=x", "error=access_denied&error=access_denied"]
    {
        let answer = format!("?{twice}&state=xyz");
        assert_eq!(refused(&answer, "code", ResponseMode::Query).0, Class::Malformed, "{twice}");
    }
    assert_eq!(refused("?code=%ff&state=xyz", "code", ResponseMode::Query).0, Class::Malformed);
    assert_eq!(refused("?code=a&state=xyz%ff", "code", ResponseMode::Query).0, Class::StateMismatch);
    // In the query and in the fragment: what was asked for counts.
    assert!(read("?code=a&state=xyz#code=b&state=evil", "code", ResponseMode::Query, false).is_ok());
}

#[test]
fn what_nobody_asked_for_is_a_warning_and_not_used() {
    let fragment = "code=a&id_token=b&access_token=c&token_type=mystery&expires_in=never";
    let granted = front("code id_token", fragment).unwrap();
    assert!(granted.access.is_none());
    assert_eq!(granted.warnings[0].code, "unasked_token");
    assert!(front("id_token", "id_token=b&code=a").unwrap().code.is_none());
}

#[test]
fn a_long_life_is_a_life() {
    let fragment = "id_token=a&access_token=b&token_type=Bearer&expires_in=4294967296";
    let granted = front("id_token token", fragment).unwrap();
    assert_eq!(granted.access.unwrap().expires_in, Some(Duration::from_secs(4_294_967_296)));
}

/// RFC 6749 §4.2.2.
#[test]
fn an_access_token_says_what_it_is_and_for_how_long() {
    let access = |rest: &str| front("id_token token", &format!("id_token=a&access_token=b{rest}"));
    let codes: Vec<_> = access("").unwrap().warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(codes, ["token_type_missing", "expires_in_missing"]);
    for (rest, class) in [
        ("&token_type=DPoP&expires_in=1", Class::Unsupported),
        ("&token_type=mystery&expires_in=1", Class::Malformed),
        ("&token_type=Bearer&expires_in=soon", Class::Malformed),
        ("&token_type=Bearer&expires_in=-1", Class::Malformed),
        ("&token_type=Bearer&expires_in=%2B1", Class::Malformed),
        ("&token_type=Bearer&expires_in=1e3", Class::Malformed),
        ("&token_type=Bearer&expires_in=99999999999999999999", Class::Malformed),
        ("&token_type=Bearer&expires_in=0", Class::ClaimExpired),
        ("&token_type=Bearer&token_type=Bearer&expires_in=1", Class::Malformed),
    ] {
        assert_eq!(access(rest).unwrap_err().class, class, "{rest}");
    }
}

#[test]
fn what_is_secret_in_an_answer_is_never_shown() {
    let url = Url::parse("https://a.example/cb?code=SplxlOBe#id_token=eyJ0&access_token=SlAV32").unwrap();
    assert_eq!(format!("{:?}", Answer::of_url(&url)), r#"["code", "id_token", "access_token"]"#);
}
