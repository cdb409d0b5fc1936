//! The page, in every scene.

#[path = "page/eyes.rs"]
mod eyes;
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

use std::sync::Arc;

use support::folder;

use page_stage::{NOW as STANDING_NOW, Scene, Stage};

/// For whoever wants to look: all scenes from port 9500 (or `GALLERY_PORT`) on, for an hour.
/// `cargo test --test page -- --ignored --nocapture gallery`
#[tokio::test]
#[ignore = "for people"]
async fn gallery() {
    let base = std::env::var("GALLERY_PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(9500_usize);
    for (n, scene) in Scene::ALL.into_iter().enumerate() {
        let at = Arc::new(Stage::of(scene)).serve(&format!("127.0.0.1:{}", base + n)).await;
        println!("{scene:?}: http://{at}/");
    }
    let at = Arc::new(Stage::large(200)).serve(&format!("127.0.0.1:{}", base + 4)).await;
    println!("200 probes: http://{at}/");
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
}
