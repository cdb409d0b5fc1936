//! The page over engines that stand still: all well, failing, nothing known, nothing there, and 200 probes. For whoever changes
//! the page and wants to look: `cargo run --example gallery`, then http://127.0.0.1:9500/ to 9504 (`GALLERY_PORT` moves them).

#[path = "../tests/folder/mod.rs"]
mod folder;
#[path = "../tests/page_stage/mod.rs"]
mod page_stage;
#[path = "../tests/support_outcome/mod.rs"]
mod support_outcome;
#[path = "../tests/web_support/standing.rs"]
mod web_standing;

use std::sync::Arc;

use page_stage::{NOW as STANDING_NOW, Scene, Stage};

#[tokio::main]
async fn main() {
    let first: u16 = std::env::var("GALLERY_PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(9500);
    let scenes = Scene::ALL.into_iter().map(|scene| (format!("{scene:?}"), Stage::of(scene)));
    for (n, (name, stage)) in scenes.chain([("200 probes".to_owned(), Stage::large(200))]).enumerate() {
        let at = Arc::new(stage).serve(&format!("127.0.0.1:{}", first + n as u16)).await;
        println!("{name}: http://{at}/");
    }
    std::future::pending::<()>().await;
}
