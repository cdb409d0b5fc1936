//! What outcomes become: metrics to scrape, traces and metrics to push. A sink may drop, counted; it never waits.

pub mod metrics;
pub mod otlp;
