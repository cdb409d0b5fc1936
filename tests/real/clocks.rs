//! The provider's clock is wrong by ten minutes. RFC 7519 §4.1.4 and §4.1.5 allow "some small leeway, usually no more
//! than a few minutes": ten are too many either way.

use crate::support::authprobe::Run;
use crate::support::idp::{Idp, Options};
use crate::support::scene::{EVERY_KIND, Scene};

fn skew(run: &Run) -> f64 {
    let observations = run.0["observations"].as_array().unwrap();
    let mut seconds = observations.iter().filter(|o| o["what"] == "clock_skew").map(|o| o["seconds"].as_f64().unwrap());
    seconds.next_back().expect("a clock skew was observed")
}

#[test]
fn a_provider_ahead_issues_tokens_from_the_future() {
    let idp = Idp::with(&Options { clock: Some("+10m"), ..Options::default() });
    let scene = Scene::new(&idp);
    let (code, run) = scene.probe_once(EVERY_KIND, "login");
    assert_eq!(code, 1);
    assert!(run.fault().starts_with("claim_not_yet_valid/provider at "), "{}", run.fault());
    assert!((skew(&run) - 600.0).abs() < 2.0, "{}", skew(&run));
}

#[test]
fn a_provider_behind_issues_tokens_that_have_expired() {
    let idp = Idp::with(&Options { clock: Some("-10m"), environment: &[("TOKEN_TTL", "120")], ..Options::default() });
    let scene = Scene::new(&idp);
    let (code, run) = scene.probe_once(EVERY_KIND, "login");
    assert_eq!(code, 1);
    assert!(run.fault().starts_with("claim_expired/provider at "), "{}", run.fault());
    assert!((skew(&run) + 600.0).abs() < 2.0, "{}", skew(&run));
}

#[test]
fn a_clock_that_is_right_shows_no_skew() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);
    let (code, run) = scene.probe_once(EVERY_KIND, "login");
    assert_eq!((code, run.fault().as_str()), (0, ""));
    // `Date` has whole seconds (RFC 9110 §5.6.7): what is left is at most that.
    assert!(skew(&run).abs() <= 1.0, "{}", skew(&run));
}
