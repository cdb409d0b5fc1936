//! `[browser]` and `screenshots` of `[store]`: how real browsers are run; and where a remote one cannot be.

use std::path::PathBuf;

use super::desk::Desk;
use super::typed::{self, Item};
use crate::browser::{Screenshots, Settings};
use crate::config::Mistake;
use crate::config::model::{Browser as Written, Screenshots as WrittenScreenshots};
use crate::config::tree::{Node, Path};
use crate::probe::browser_login;

/// The least memory that a browser may be given before it is replaced (bytes): one page alone may need half of that.
const LEAST_MEMORY: u64 = 128 << 20;

/// Resolves `[browser]`, and what `[store]` says of screenshots.
pub fn settings(desk: &mut Desk<'_>, screenshots: Option<WrittenScreenshots>) -> Settings {
    let screenshots = match screenshots {
        Some(WrittenScreenshots::Full) => Screenshots::Full,
        Some(WrittenScreenshots::Off) => Screenshots::Off,
        Some(WrittenScreenshots::Masked) | None => Screenshots::Masked,
    };
    let mut settings = Settings { screenshots, ..Settings::default() };
    let items: Vec<Item<'_, Written>> = typed::items(desk.loaded, "browser", &mut desk.mistakes);
    let Some((item, written)) = items.first().and_then(|item| Some((item, item.value.as_ref()?))) else {
        return settings;
    };
    settings.path = executable(desk, item, "path", written.path.as_ref());
    settings.driver = executable(desk, item, "driver", written.driver.as_ref());
    settings.arguments = written.arguments.clone().unwrap_or_default();
    settings.max_sessions = written.max_sessions.unwrap_or(settings.max_sessions);
    settings.runs_per_session = written.runs_per_session.unwrap_or(settings.runs_per_session);
    if let Some(size) = written.max_memory {
        if size.0 < LEAST_MEMORY {
            desk.wrong(item.mistake("max_memory", "out of range: at least 128MiB"));
        }
        settings.max_memory = size.0;
    }
    settings
}

/// A program that must be there.
fn executable(desk: &mut Desk<'_>, item: &Item<'_, Written>, key: &str, path: Option<&PathBuf>) -> Option<PathBuf> {
    let path = desk.file(item.at(key), path?);
    let shown = path.display();
    let wrong = match std::fs::metadata(&path) {
        Err(e) => Some(format!("cannot read {shown}: {e}")),
        Ok(found) if !found.is_file() => Some(format!("{shown} is not a file")),
        Ok(found) if !may_be_executed(&found) => Some(format!("{shown} is not executable")),
        Ok(_) => None,
    };
    if let Some(why) = wrong {
        desk.wrong(item.mistake(key, why));
    }
    Some(path)
}

#[cfg(unix)]
fn may_be_executed(file: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn may_be_executed(_: &std::fs::Metadata) -> bool {
    true
}

/// A browser elsewhere leaves from where it is: what would lead it out of a region otherwise is a mistake wherever
/// `browser_login` runs. Looks at what is written, so that mistakes elsewhere hide nothing.
pub fn remote(desk: &mut Desk<'_>) {
    let items = |name: &str| desk.loaded.root.get(name).map_or(&[][..], Node::items);
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_str).map(str::to_owned);
    let mut wrong = Vec::new();
    for (i, region) in items("region").iter().enumerate().filter(|(_, region)| region.get("webdriver").is_some()) {
        let Some(name) = text(region, "name") else { continue };
        let runs_here = |probe: &&Node| {
            let regions = probe.get("regions").map(Node::items);
            text(probe, "kind").is_some_and(|kind| kind == browser_login::KIND.name)
                && regions.is_none_or(|regions| regions.iter().any(|region| region.as_str() == Some(&name)))
        };
        let Some(probe) = items("probe").iter().find(runs_here) else { continue };
        let probe = text(probe, "name").unwrap_or_default();
        for key in ["proxy", "resolve", "source_address"] {
            let Some(node) = region.get(key) else { continue };
            let path = Path::default().join("region").join(i).join(key);
            let message = format!(
                "a remote browser cannot use `{key}`: region `{name}` has a `webdriver`, and probe \
                                   `{probe}` (browser_login) runs in it"
            );
            let help = format!("drop `{key}` or `webdriver`, or give browser_login a region of its own");
            let mistake = Mistake::at(node.at, path, message).help(help);
            // A proxy's URL may hold a password.
            let secret = node.as_str().is_some_and(|text| text.contains('@'));
            wrong.push(if secret { mistake.mask(node.at) } else { mistake });
        }
    }
    wrong.into_iter().for_each(|mistake| desk.wrong(mistake));
}
