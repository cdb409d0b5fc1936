//! Words of the sentence.

use super::{Cause, Last};
use crate::clock::Timestamp;
use crate::fault::Blame;
use crate::web::page::words::distance;

/// Names with commas and an `and`: at most so many, and how many more.
pub fn listed(names: &[&str], most: usize) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        names if names.len() > most => {
            let shown = most.saturating_sub(1).max(1);
            format!("{} and {} more", names[..shown].join(", "), names.len() - shown)
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// From which of `all` regions.
pub fn regions(names: &[&str], all: usize) -> String {
    match names.len() {
        2 if all == 2 => "from both regions".to_owned(),
        n if n == all && n > 1 => format!("from all {n} regions"),
        0..=3 => format!("from {}", listed(names, 3)),
        n => format!("from {n} of {all} regions"),
    }
}

/// Whose fault something is.
pub const fn fault_of(blame: Blame) -> &'static str {
    match blame {
        Blame::Network => "the network's fault",
        Blame::Provider => "the provider's fault",
        Blame::Configuration => "our configuration's fault",
        Blame::Monitor => "authprobe's own fault",
    }
}

/// What, where, whose fault.
pub fn why(cause: Cause) -> String {
    match cause.step {
        "" => format!("{}, {}", cause.class, fault_of(cause.blame)),
        step => format!("{} at step {step}, {}", cause.class, fault_of(cause.blame)),
    }
}

/// The cause that most have, and that there are others.
pub fn most<'a>(causes: impl Iterator<Item = Cause<'a>>) -> Option<String> {
    let mut all: Vec<_> = causes.collect();
    all.sort_unstable();
    let chunks = all.chunk_by(|a, b| a == b);
    let kinds = chunks.clone().count();
    let first = chunks.rev().max_by_key(|same| same.len()).and_then(<[_]>::first)?;
    Some(if kinds > 1 { format!("mostly {}", why(*first)) } else { why(*first) })
}

/// Why nothing is known of checks that told this last: the reason that most have.
pub fn unknown<'a>(lasts: impl Iterator<Item = Last<'a>> + Clone, now: Timestamp) -> String {
    let count = |is: fn(&Last) -> bool| lasts.clone().filter(is).count();
    let never = count(|last| matches!(last, Last::Never));
    let stale = count(|last| matches!(last, Last::Stale(_)));
    let told = count(|last| matches!(last, Last::Inconclusive(_)));
    if told > 0 && told >= never && told >= stale {
        let causes = lasts.filter_map(|last| if let Last::Inconclusive(cause) = last { cause } else { None });
        return match most(causes) {
            Some(why) => format!("its runs tell nothing ({why})"),
            None => "its runs tell nothing".to_owned(),
        };
    }
    if stale > 0 && stale >= never {
        let newest = lasts.filter_map(|last| if let Last::Stale(at) = last { Some(at) } else { None }).max();
        return newest.map_or(String::new(), |at| format!("its last run was {}", distance(at, now)));
    }
    "nothing has run yet".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_bounded() {
        let names = ["a", "b", "c", "d", "e"];
        for (count, most, expected) in [
            (0, 3, ""),
            (1, 3, "a"),
            (2, 3, "a and b"),
            (3, 3, "a, b and c"),
            (4, 3, "a, b and 2 more"),
            (5, 1, "a and 4 more"),
        ] {
            assert_eq!(listed(&names[..count], most), expected);
        }
        assert_eq!(regions(&names[..1], 1), "from a");
        assert_eq!(regions(&names[..2], 2), "from both regions");
        assert_eq!(regions(&names[..3], 3), "from all 3 regions");
        assert_eq!(regions(&names[..4], 9), "from 4 of 9 regions");
    }
}
