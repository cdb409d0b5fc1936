//! Which objectives are watched.

use crate::config::glob;
use crate::config::nearest::{listed, nearest};

/// The names that any of the patterns fits (all, if there is none), in their order. The error names every pattern that fits
/// none, with the nearest name.
pub fn select(patterns: &[String], names: &[String]) -> Result<Vec<String>, Vec<String>> {
    let mut mistakes = Vec::new();
    for pattern in patterns {
        if names.iter().any(|name| glob::matches(pattern, name)) {
            continue;
        }
        let help = match nearest(pattern, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", listed(names.iter().take(20).map(String::as_str))),
        };
        mistakes.push(format!("--slo {pattern}: fits no objective\n = help: {help}"));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let fits = |name: &&String| patterns.is_empty() || patterns.iter().any(|pattern| glob::matches(pattern, name));
    Ok(names.iter().filter(fits).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn patterns_choose_in_the_order_of_the_source() {
        let all = names(&["login", "login-latency", "keys"]);
        assert_eq!(select(&[], &all).unwrap(), all);
        assert_eq!(select(&names(&["keys", "login*"]), &all).unwrap(), all);
        assert_eq!(select(&names(&["login?*"]), &all).unwrap(), names(&["login-latency"]));
    }

    #[test]
    fn every_pattern_that_fits_none_is_told_with_the_nearest_name() {
        let mistakes = select(&names(&["logn", "keys", "banana*"]), &names(&["login", "keys"])).unwrap_err();
        assert_eq!(
            mistakes,
            [
                "--slo logn: fits no objective\n = help: did you mean `login`?",
                "--slo banana*: fits no objective\n = help: there are `login`, `keys`",
            ]
        );
    }
}
