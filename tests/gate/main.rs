//! `authprobe gate` through the binary: against a real daemon over the lab, and against a real Prometheus with our rules. And
//! what people run it with (`deploy/`): held against schemas, its scripts executed.

mod ci;
mod daemon;
mod deploy;
mod deployments;
mod prometheus;
mod stage;
#[allow(dead_code)]
#[path = "../support/mod.rs"]
mod support;
