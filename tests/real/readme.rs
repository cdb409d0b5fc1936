//! What README.md tells people to write is right.

use crate::support::authprobe::authprobe;
use crate::support::{Folder, repository};

#[test]
fn the_readmes_configuration_is_accepted() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let blocks = readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect::<Vec<_>>();
    assert!(!blocks.is_empty(), "README.md shows no configuration");
    for block in blocks {
        let folder = Folder::new();
        folder.write("alice.password", "x");
        let file = folder.write("authprobe.toml", block);
        let check = authprobe(&["check", "--config", file.to_str().unwrap()], &[("WEB_SECRET", "x")]);
        assert_eq!(check.code, 0, "{check:?}\n{block}");
    }
}

#[test]
fn the_commands_that_it_names_exist() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let makefile = std::fs::read_to_string(repository().join("Makefile")).unwrap();
    let targets = readme
        .match_indices("make ")
        .map(|(at, _)| readme[at + 5..].split(|c: char| !c.is_ascii_lowercase()).next().unwrap());
    for target in targets.filter(|target| !target.is_empty()) {
        assert!(makefile.contains(&format!("\n{target}: ")), "make {target} does not exist");
    }
}
