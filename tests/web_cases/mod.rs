//! What the server says of objectives, alerts, maintenance, deployments and runs of long ago.

mod deployments;
mod detection;
mod door;
mod early;
mod events;
mod maintenance;
mod page;
mod past;
mod runs;
mod standing;

use crate::web_support::Answer;

/// Where a refused body is wrong, and how.
fn mistakes(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!((answer.status, answer.header("content-type")), (422, "application/problem+json"), "{}", answer.body);
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    errors.iter().map(|error| (word(&error["pointer"]), word(&error["detail"]))).collect()
}

/// The same, without how.
fn wrong(answer: &Answer) -> Vec<String> {
    mistakes(answer).into_iter().map(|(pointer, _)| pointer).collect()
}
