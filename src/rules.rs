//! Rules for Prometheus and Alertmanager, made from a plan: recording rules, alert rules, inhibition, an example route. Pure:
//! the same plan gives the same bytes.

use crate::plan::Plan;

mod alertmanager;
mod budget;
mod facts;
mod objective;
mod words;
mod yaml;

/// A file of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: &'static str,
    /// What is in it.
    pub text: String,
}

/// What rules depend on besides the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The `job` label under which Prometheus scrapes authprobe.
    pub job: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { job: "authprobe".to_owned() }
    }
}

/// The recording and alert rules.
pub const RULES: &str = "authprobe.rules.yml";
/// Inhibition and an example route.
pub const ALERTMANAGER: &str = "alertmanager.yml";

/// All files: [`RULES`] and [`ALERTMANAGER`].
pub fn files(plan: &Plan, options: &Options) -> Vec<File> {
    vec![
        File { name: RULES, text: prometheus(plan, options) },
        File { name: ALERTMANAGER, text: alertmanager::TEXT.to_owned() },
    ]
}

fn prometheus(plan: &Plan, options: &Options) -> String {
    let texts = words::Texts::new(plan);
    let objectives = || plan.objectives.iter().map(AsRef::as_ref);
    let mut groups: Vec<yaml::Group> = objectives().map(|objective| objective::group(objective, &texts)).collect();
    groups.extend((!plan.objectives.is_empty()).then(|| budget::group(objectives())));
    groups.extend(facts::groups(plan, &texts, options));
    yaml::render(HEADER, &groups)
}

/// What a reader of the rules has to know.
const HEADER: &str = include_str!("rules/header.txt");

#[cfg(test)]
mod tests;
