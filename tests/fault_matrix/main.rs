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
use serde_json::json;
use stage::Stage;

#[test]
fn no_fault_is_without_a_row() {
    let all: BTreeSet<_> = fault::all().map(|fault| fault.name).collect();
    let mentioned: BTreeSet<_> = rows::all().map(|row| row.fault).filter(|fault| !fault.is_empty()).collect();
    let none: Vec<&&str> = Vec::new();
    assert_eq!(all.difference(&mentioned).collect::<Vec<_>>(), none, "faults that no row mentions");
    assert_eq!(mentioned.difference(&all).collect::<Vec<_>>(), none, "rows of faults that the lab does not have");
    assert!(all.len() >= 60, "{} faults", all.len());
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
    clients weaknesses
}

/// A quarter of the requests fails: the runs that it hits are told apart from those that it does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_partial_failure_is_found_in_its_share_of_the_runs() {
    let stage = Stage::new(&rows::healthy::ROWS[0]).await;
    let parameters = json!({"endpoint": "token", "rate": 0.25});
    let came = stage.repeat("client_credentials", 12, "http_500", &parameters).await;
    stage.end().await;
    let failed = came.iter().filter(|came| *came == "bad http_status/provider at token").count();
    assert!((2..=4).contains(&failed), "{came:?}");
    assert_eq!(came.iter().filter(|came| *came == "good").count(), 12 - failed, "{came:?}");
}
