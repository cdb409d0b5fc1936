//! Every expression of every shipped panel is asked of a real Prometheus that scrapes a real daemon and evaluates its rules:
//! while all is well, and in the condition of every alert. What must have an answer when is listed by hand.

mod conditions;
mod exceptions;
mod healthy;
mod panels;
mod shipped;
mod stage;
mod troubles;
