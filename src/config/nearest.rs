//! Which of the allowed names was meant.

/// The allowed name that is close enough to `name` to be what was meant.
pub fn nearest<'a>(name: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', ' '], "_");
    let wanted = plain(name);
    // Absurdly long names are compared with nothing: the distance takes time in the product of the lengths.
    if wanted.len() > 100 {
        return None;
    }
    allowed
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| {
            let longest = wanted.chars().count().max(candidate.chars().count());
            *distance <= (longest / 3).max(1) && *distance < longest
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Names in backquotes, with commas.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let keys = ["every", "cron", "timeout", "client", "client_secret"];
        for (name, expected) in [
            ("evry", Some("every")),
            ("tiemout", Some("timeout")),
            ("Client-Secret", Some("client_secret")),
            ("corn", Some("cron")),
            ("x", None),
            ("banana", None),
        ] {
            assert_eq!(nearest(name, keys), expected, "{name}");
        }
        assert_eq!(nearest("", keys), None);
    }
}
