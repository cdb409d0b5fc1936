//! The table.

use crate::row::Row;

pub mod authorization;
pub mod browser;
pub mod browser_asking;
pub mod browser_beside;
pub mod browser_pages;
pub mod clients;
pub mod discovery;
pub mod flows;
pub mod healthy;
pub mod keys;
pub mod lifecycle;
pub mod login_pages;
pub mod regions;
pub mod resources;
pub mod statuses;
pub mod token_responses;
pub mod tokens;
pub mod transport;
pub mod untouched;
pub mod weaknesses;

/// All of it.
pub fn all() -> impl Iterator<Item = &'static Row> {
    [
        healthy::ROWS,
        transport::ROWS,
        statuses::ROWS,
        discovery::ROWS,
        keys::ROWS,
        token_responses::ROWS,
        tokens::ROWS,
        authorization::ROWS,
        login_pages::ROWS,
        lifecycle::ROWS,
        resources::ROWS,
        flows::ROWS,
        clients::ROWS,
        weaknesses::ROWS,
        regions::ROWS,
    ]
    .into_iter()
    .flatten()
    .chain(of_browsers())
}

/// Those of a real browser.
pub fn of_browsers() -> impl Iterator<Item = &'static Row> {
    [browser::ROWS, browser_asking::ROWS, browser_beside::ROWS, browser_pages::ROWS].into_iter().flatten()
}
