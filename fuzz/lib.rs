//! One target a reader of foreign bytes: see src/fuzzing.rs, and README.md for how to run them.

/// Runs the target of that name.
pub fn run(name: &str, data: &[u8]) {
    let target = authprobe::fuzzing::TARGETS.iter().find(|target| target.name == name).expect("a target of that name");
    (target.run)(data);
}
