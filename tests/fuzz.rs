//! Any bytes end in a value or in a class: the targets of `fuzz/` over their corpus and over mutations of it, always the same
//! ones; and real runs against a provider whose answers are mangled on the way.

#[path = "fuzz/cast.rs"]
mod cast;
mod folder;
#[path = "fuzz/mangled.rs"]
mod mangled;
#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/relay.rs"]
mod relay;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use authprobe::fuzzing::{CANARY, TARGETS, Target};
use mutate::Mutator;

/// How many mutations of the corpus each target reads, unless `AUTHPROBE_MUTATIONS` says otherwise: then they are others each
/// time.
const MUTATIONS: usize = 600;
/// How long a single input may take, unoptimised and beside other tests.
const LIMIT: Duration = Duration::from_secs(5);

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// The inputs of a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder().join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = files
        .map(|file| file.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        // What cargo-fuzz has found by itself is not part of the repository.
        .filter(|(name, _)| name.len() != 40 || !name.bytes().all(|b| b.is_ascii_hexdigit()))
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{target} has no corpus");
    inputs
}

#[allow(clippy::disallowed_methods)] // The clock of the machine is right for how long a test may take.
fn run(target: &Target, name: &str, input: &[u8]) {
    let begun = Instant::now();
    let held = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let took = begun.elapsed();
    let shown = || String::from_utf8_lossy(&input[..input.len().min(2000)]).escape_debug().to_string();
    assert!(held.is_ok(), "{} with {name}:\n{}", target.name, shown());
    assert!(took < LIMIT, "{} took {took:?} with {name}:\n{}", target.name, shown());
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let mut folders: Vec<_> =
        std::fs::read_dir(folder()).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort();
    let mut names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    names.sort_unstable();
    assert_eq!(folders, names);
    let manifest = std::fs::read_to_string(folder().with_file_name("Cargo.toml")).unwrap();
    for name in names {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}

#[test]
fn every_input_of_the_corpus_ends_in_a_value_or_a_class() {
    for target in TARGETS {
        for (name, input) in corpus(target.name) {
            run(target, &name, &input);
        }
        run(target, "nothing", b"");
    }
}

#[test]
fn mutations_of_the_corpus_end_in_a_value_or_a_class() {
    let all: Vec<Vec<u8>> = TARGETS.iter().flat_map(|target| corpus(target.name)).map(|(_, input)| input).collect();
    let wanted = std::env::var("AUTHPROBE_MUTATIONS").ok().and_then(|wanted| wanted.parse::<usize>().ok());
    let salt = wanted.map_or(0, |_| std::process::id());
    for target in TARGETS {
        let mut seeds: Vec<Vec<u8>> = corpus(target.name).into_iter().map(|(_, input)| input).collect();
        let own = seeds.len();
        seeds.extend(all.iter().cloned());
        let mut mutator = Mutator::new(&format!("{} {salt}", target.name), CANARY);
        for n in 0..wanted.unwrap_or(MUTATIONS) {
            let input = mutator.input(&seeds, own);
            run(target, &format!("mutation {n}"), &input);
        }
    }
}

/// The harness itself: a target that breaks is found.
#[test]
fn a_target_that_panics_is_told_with_its_input() {
    let fragile = Target { name: "fragile", run: |data| assert!(!data.ends_with(b"!"), "it ends with a mark") };
    run(&fragile, "good", b"?");
    let told = catch_unwind(|| run(&fragile, "bad", b"?!")).unwrap_err();
    assert!(told.downcast_ref::<String>().unwrap().contains("fragile with bad:\n?!"));
}
