//! The page, in every scene.

#[path = "page/eyes.rs"]
mod eyes;
#[path = "page/live.rs"]
mod live;
mod page_stage;
#[path = "page/seen.rs"]
mod seen;
#[allow(dead_code)]
mod support;
mod support_outcome;
#[path = "page/views.rs"]
mod views;
#[path = "page/views_guarded.rs"]
mod views_guarded;
#[path = "web_support/standing.rs"]
mod web_standing;

use page_stage::NOW as STANDING_NOW;
use support::folder;
