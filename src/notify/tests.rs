//! Receivers as small servers in this process; the real Alertmanager is in tests/real/alertmanager.rs.

mod hooks;
mod peers;
mod receiver;
mod secrets;
