//! `docs/kinds`: a page for every kind, with configurations that work, and every key and every step of it explained.

use std::collections::BTreeSet;
use std::path::PathBuf;

use authprobe::plan;
use authprobe::probe::{KINDS, Kind};
use toml::{Table, Value};

use super::schema::toml_blocks;
use super::{Folder, authprobe, root, text};

/// What a page leaves to others: the provider, its client, its user.
const CAST: &str = r#"
[[provider]]
name = "main"
issuer = "https://login.example.com"

[[client]]
provider = "main"
client_secret = { env = "WEB_SECRET" }
redirect_uri = "http://127.0.0.1:8765/cb"
scopes = ["openid", "profile", "offline_access"]

[[user]]
username = "alice"
password = { env = "AUTHPROBE_USER_PASSWORD" }
"#;

/// Both kinds of logins are on one page.
fn page_of(kind: &Kind) -> PathBuf {
    let name = if kind.name == "browser_login" { "form_login" } else { kind.name };
    root().join(format!("docs/kinds/{name}.md"))
}

fn read(kind: &Kind) -> String {
    let path = page_of(kind);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{} has no page: {}: {error}", kind.name, path.display()))
}

fn tables<'t>(configuration: &'t mut Table, name: &str) -> &'t mut Vec<Value> {
    let entry = configuration.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    entry.as_array_mut().expect("a list of tables")
}

/// A block of a page, with whom it takes for granted.
fn completed(block: &str) -> Table {
    let mut whole: Table = toml::from_str(block).unwrap_or_else(|error| panic!("{error}\n{block}"));
    let cast: Table = toml::from_str(CAST).unwrap();
    let probes: Vec<Table> =
        tables(&mut whole, "probe").iter().map(|probe| probe.as_table().unwrap().clone()).collect();
    if tables(&mut whole, "provider").is_empty() {
        tables(&mut whole, "provider").push(cast["provider"][0].clone());
    }
    for (key, role) in [("client", "client"), ("introspection_client", "client"), ("user", "user")] {
        for name in probes.iter().filter_map(|probe| probe.get(key)?.as_str()) {
            if tables(&mut whole, role).iter().any(|known| known["name"].as_str() == Some(name)) {
                continue;
            }
            let mut stub = cast[role][0].as_table().unwrap().clone();
            stub.insert("name".to_owned(), Value::from(name));
            if role == "client" {
                stub.insert("client_id".to_owned(), Value::from(name));
            }
            tables(&mut whole, role).push(Value::Table(stub));
        }
    }
    for probe in tables(&mut whole, "probe") {
        let probe = probe.as_table_mut().unwrap();
        if !probe.contains_key("cron") {
            probe.entry("every").or_insert_with(|| Value::from("1h"));
        }
    }
    whole.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    whole
}

/// Has every secret come from a file of that folder, wherever the page has it from.
fn staged(folder: &Folder, value: &mut Value) {
    match value {
        Value::Table(table) if table.len() == 1 && (table.contains_key("file") || table.contains_key("env")) => {
            let name = table.iter().find_map(|(_, name)| name.as_str()).expect("a path or a name");
            let name = name.rsplit('/').next().unwrap_or_default().to_owned();
            folder.write(&name, "s3cret-of-the-page");
            *table = Table::from_iter([("file".to_owned(), Value::from(name))]);
        }
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| staged(folder, value)),
        Value::Array(list) => list.iter_mut().for_each(|value| staged(folder, value)),
        _ => {}
    }
}

/// The configurations of a page in which a probe is of that kind, as files of that folder.
fn examples(kind: &Kind, folder: &Folder) -> Vec<String> {
    let is_of_kind = |probe: &Value| probe["kind"].as_str() == Some(kind.name);
    let blocks = toml_blocks(&page_of(kind)).into_iter().filter(|block| block.contains("[[probe]]"));
    let whole = blocks.map(|block| completed(&block));
    let wanted = whole.filter(|whole| whole["probe"].as_array().unwrap().iter().any(is_of_kind));
    let staged = wanted.map(|whole| {
        let mut whole = Value::Table(whole);
        staged(folder, &mut whole);
        toml::to_string(&whole).unwrap()
    });
    staged.collect()
}

#[test]
fn every_kind_has_a_page_that_names_it_and_the_list_of_kinds_leads_there() {
    let list = std::fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let mut pages = BTreeSet::new();
    for kind in KINDS {
        let page = read(kind);
        let title = page.lines().next().unwrap_or_default();
        assert!(title.starts_with("# ") && title.contains(kind.name), "{}: {title}", kind.name);
        let file = page_of(kind).file_name().unwrap().to_string_lossy().into_owned();
        let link = format!("| [`{}`](kinds/{file}) |", kind.name);
        assert!(list.contains(&link), "docs/configuration.md lacks {link}");
        pages.insert(file);
    }
    for entry in std::fs::read_dir(root().join("docs/kinds")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(pages.contains(&name), "{name} is no kind's page");
    }
}

#[test]
fn check_accepts_every_configuration_of_a_page() {
    let folder = Folder::new("kind-pages");
    for kind in KINDS {
        let examples = examples(kind, &folder);
        assert!(!examples.is_empty(), "{} has no configuration on its page", kind.name);
        for (n, example) in examples.iter().enumerate() {
            let name = folder.write(&format!("{}-{n}.toml", kind.name), example);
            let output = authprobe(&folder.0, &["check", "-c", &name]);
            let told = text(output.stderr);
            assert!(output.status.success(), "{}: {told}\n{example}", kind.name);
        }
    }
}

/// The keys of a kind, less those that every login has: these are form_login's.
#[test]
fn every_key_of_a_kind_is_on_its_page() {
    let mut schemas = schemars::SchemaGenerator::default();
    let mut keys = |kind: &Kind| -> Vec<String> {
        let schema = (kind.schema)(&mut schemas);
        let properties = schema.get("properties").and_then(|properties| properties.as_object());
        properties.expect("properties").keys().cloned().collect()
    };
    let login = KINDS.iter().find(|kind| kind.name == "form_login").unwrap();
    let of_login = keys(login);
    for kind in KINDS {
        let page = read(kind);
        let refers = page.contains("form_login");
        for key in keys(kind) {
            // `[[probe.step]]` is how steps are written.
            let named = page.contains(&format!("`{key}`")) || page.contains(&format!("`[[probe.{key}]]`"));
            assert!(named || refers && of_login.contains(&key), "{}: the page does not say what `{key}` is", kind.name);
        }
    }
}

#[test]
fn every_step_of_an_example_is_on_its_page() {
    let login = std::fs::read_to_string(root().join("docs/kinds/form_login.md")).unwrap();
    let folder = Folder::new("kind-steps");
    for kind in KINDS {
        let page = read(kind);
        for example in examples(kind, &folder) {
            let plan = plan::from_str("page.toml", &example, &folder.0);
            let plan = plan.unwrap_or_else(|wrong| panic!("{wrong}\n{example}"));
            let steps = plan.checks.iter().filter(|check| check.labels.kind == kind.name);
            for step in steps.flat_map(|check| check.probe.probe.steps()) {
                let named = |page: &str| page.contains(&format!("`{step}`"));
                let refers = page.contains("form_login");
                assert!(named(&page) || refers && named(&login), "{}: nothing is said of step `{step}`", kind.name);
            }
        }
    }
}
