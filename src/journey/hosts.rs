//! How long the hosts of a run took.

use std::time::Duration;

use crate::outcome::{Observation, RequestRecord, StepRecord};

/// The time of each host, in the order in which they were met, where a login crossed to an upstream provider.
pub fn times(steps: &[StepRecord]) -> Vec<Observation> {
    let requests = || steps.iter().flat_map(|step| &step.requests).filter(|request| request.is_providers());
    if !requests().any(RequestRecord::is_upstream) {
        return Vec::new();
    }
    let mut hosts: Vec<(&str, bool, u64, Duration)> = Vec::new();
    for request in requests() {
        let (host, upstream) = (request.host.as_str(), request.is_upstream());
        match hosts.iter_mut().find(|(known, theirs, ..)| *known == host && *theirs == upstream) {
            Some((.., count, took)) => (*count, *took) = (*count + 1, *took + request.duration),
            None => hosts.push((host, upstream, 1, request.duration)),
        }
    }
    let told = |(host, upstream, requests, took): (&str, bool, u64, Duration)| Observation::HostTime {
        host: host.into(),
        upstream,
        requests,
        seconds: took.as_secs_f64(),
    };
    hosts.into_iter().map(told).collect()
}
