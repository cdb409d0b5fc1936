//! The HTTP client against real servers on loopback: what it measures, what it refuses, what it calls each failure.
//! Expectations are written from the RFCs.

mod answers;
mod faults;
mod server;
mod tls;
