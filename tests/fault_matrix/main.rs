//! Every kind against every fault of the lab, through the real runner. What must come out is written by hand, from the
//! specifications and the contract, never derived from the code; where a clause decides, the row names it.
//!
//! | module | what |
//! |---|---|
//! | `stage` | a lab with one fault, a configuration as a user would write it, one run of each probe |
//! | `row` | a fault and what each probe must make of it |
//! | `rows` | the table |

mod browser;
#[path = "../lab_stage/mod.rs"]
mod lab_stage;
mod row;
mod rows;
mod stage;
#[path = "../support/mod.rs"]
#[allow(dead_code)] // The browser uses its part.
mod support;

use std::collections::BTreeSet;

use authprobe::lab::fault;
use authprobe::probe::KINDS;
use row::hold;
use rows::untouched::UNTOUCHED;
use serde_json::json;
use stage::Stage;
use support::folder;

#[test]
fn no_fault_is_without_a_row() {
    let all: BTreeSet<_> = fault::all().map(|fault| fault.name).collect();
    let mentioned: BTreeSet<_> = rows::all().map(|row| row.fault).filter(|fault| !fault.is_empty()).collect();
    let none: Vec<&&str> = Vec::new();
    assert_eq!(all.difference(&mentioned).collect::<Vec<_>>(), none, "faults that no row mentions");
    assert_eq!(mentioned.difference(&all).collect::<Vec<_>>(), none, "rows of faults that the lab does not have");
    assert!(all.len() >= 60, "{} faults", all.len());
}

/// Faults of which nothing is to be seen, and why.
const UNSEEN: &[(&str, &str)] = &[
    ("par_required", "RFC 9126 §5 lets a provider ask for it: the metadata says so, and every client does it then"),
    ("userinfo_signed", "OIDC Core 5.3.2: a client takes either form, by the media type"),
];

#[test]
fn each_fault_is_seen_by_some_probe() {
    let mut seen: BTreeSet<_> = rows::all().filter(|row| row.is_seen()).map(|row| row.fault).collect();
    seen.remove("");
    let unseen: BTreeSet<_> = fault::all().map(|fault| fault.name).filter(|name| !seen.contains(name)).collect();
    assert_eq!(unseen, UNSEEN.iter().map(|(name, _)| *name).collect(), "faults that every probe calls good");
}

/// Each fault is held against a real browser, or somebody has said why it cannot meet one; not both, for then one of the two
/// is wrong.
#[test]
fn every_fault_meets_a_browser_or_cannot() {
    let all: BTreeSet<_> = fault::all().map(|fault| fault.name).collect();
    let tried: BTreeSet<_> = rows::of_browsers().map(|row| row.fault).filter(|fault| !fault.is_empty()).collect();
    let untouched: BTreeSet<_> = UNTOUCHED.iter().map(|(name, _)| *name).collect();
    assert_eq!(untouched.len(), UNTOUCHED.len(), "named twice");
    let none: Vec<&&str> = Vec::new();
    assert_eq!(tried.intersection(&untouched).collect::<Vec<_>>(), none, "faults with a row, and a reason for none");
    let said: BTreeSet<_> = tried.union(&untouched).copied().collect();
    assert_eq!(all.difference(&said).collect::<Vec<_>>(), none, "faults that no browser meets, without a reason");
    assert_eq!(untouched.difference(&all).collect::<Vec<_>>(), none, "reasons for faults that the lab does not have");
    assert!(UNTOUCHED.iter().all(|(_, why)| why.len() > 10), "a reason is a sentence");
}

#[test]
fn no_kind_is_without_a_probe() {
    let tried: BTreeSet<_> = stage::PROBES.iter().map(stage::Probe::kind).chain(["browser_login"]).collect();
    let kinds: BTreeSet<_> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(tried, kinds);
}

#[test]
fn rows_name_probes_that_there_are() {
    for row in rows::all() {
        row.check();
    }
}

macro_rules! tables {
    ($($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                hold(rows::$name::ROWS).await;
            }
        )*
    };
}

tables! {
    healthy transport statuses discovery keys token_responses tokens authorization login_pages lifecycle resources flows
    clients weaknesses regions
}

/// A quarter of the opportunities, of each family of faults: the runs that it hits are told apart from those that it does
/// not.
#[tokio::test(flavor = "multi_thread")]
async fn a_partial_failure_is_found_in_its_share_of_the_runs() {
    let stage = Stage::new(&rows::healthy::ROWS[0]).await;
    let at = |endpoint: &str| json!({"endpoint": endpoint, "rate": 0.25});
    let plain = || json!({"rate": 0.25});
    for (probe, fault, parameters, expected) in [
        ("discovery", "discovery_garbage", plain(), "bad malformed/provider at discovery"),
        ("jwks", "connection_reset", at("jwks"), "bad reset/network at jwks"),
        ("jwks", "jwks_empty", plain(), "bad jwks_invalid/provider at jwks"),
        ("client_credentials", "http_500", at("token"), "bad http_status/provider at token"),
        ("client_credentials.post", "rate_limited", at("token"), "bad rate_limited/provider at token"),
        ("client_credentials", "token_invalid_json", plain(), "bad malformed/provider at token"),
        ("client_credentials.bound", "dpop_unbound", plain(), "bad claim_missing/provider at access_token"),
        ("form_login.steps", "login_page_maintenance", plain(), "bad login_page/provider at login"),
        ("form_login.form_post", "state_mangled", plain(), "bad state_mismatch/provider at login"),
        ("form_login.hybrid", "wrong_c_hash", plain(), "bad claim_hash/provider at front_id_token"),
        ("form_login.pushed", "par_refused", plain(), "bad oauth_error/provider at authorize"),
        ("refresh", "no_rotation", plain(), "bad refresh_not_rotated/provider at refresh"),
    ] {
        let came = stage.repeat(probe, RUNS, fault, &parameters).await;
        let failed = came.iter().filter(|came| *came == expected).count();
        assert!((1..=RUNS / 2).contains(&failed), "{fault}: {came:?}");
        assert_eq!(came.iter().filter(|came| *came == "good").count(), RUNS - failed, "{fault}: {came:?}");
    }
    stage.end().await;
}

/// How often each of them runs.
const RUNS: usize = 12;
