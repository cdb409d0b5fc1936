//! Rule files as YAML: just enough of a writer, so that each rule can have its comment.

use std::fmt::Write as _;

use crate::alert::Words;

/// Rules that are evaluated one after the other.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name, unique in the file.
    pub name: String,
    /// How often, as PromQL writes durations.
    pub interval: &'static str,
    /// What it is for, line by line.
    pub comment: Vec<String>,
    /// In order: each may use what those before it have recorded.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Why it is as it is, line by line.
    pub comment: Vec<String>,
    /// What it makes.
    pub makes: Makes,
    /// PromQL; lines keep their places.
    pub expr: String,
    /// Labels of what it makes.
    pub labels: Words,
}

/// What a rule makes.
#[derive(Clone, Debug)]
pub enum Makes {
    /// A series of that name.
    Record(String),
    /// An alert.
    Alert {
        /// `alertname`.
        name: &'static str,
        /// How long the expression must have had a result; empty: at once.
        pending: &'static str,
        /// Templates of Prometheus.
        annotations: Words,
    },
}

impl Rule {
    /// A recording rule.
    pub fn record(name: impl Into<String>, expr: impl Into<String>) -> Self {
        let (makes, labels) = (Makes::Record(name.into()), Words::new());
        Self { comment: Vec::new(), makes, expr: expr.into(), labels }
    }

    /// With a comment before it.
    pub fn because(mut self, comment: &str) -> Self {
        self.comment = comment.lines().map(str::to_owned).collect();
        self
    }
}

/// The groups as a file, after a header of comment lines.
pub fn render(header: &str, groups: &[Group]) -> String {
    let mut out = String::new();
    comment(&mut out, 0, header.lines());
    if groups.is_empty() {
        out.push_str("groups: []\n");
        return out;
    }
    out.push_str("groups:\n");
    for group in groups {
        out.push('\n');
        comment(&mut out, 2, group.comment.iter().map(String::as_str));
        let _ = writeln!(out, "  - name: {}\n    interval: {}\n    rules:", quoted(&group.name), group.interval);
        group.rules.iter().for_each(|one| rule(&mut out, one));
    }
    out
}

fn rule(out: &mut String, rule: &Rule) {
    comment(out, 6, rule.comment.iter().map(String::as_str));
    match &rule.makes {
        Makes::Record(name) => {
            let _ = writeln!(out, "      - record: {name}");
        }
        Makes::Alert { name, .. } => {
            let _ = writeln!(out, "      - alert: {name}");
        }
    }
    if rule.expr.contains('\n') {
        out.push_str("        expr: |\n");
        for line in rule.expr.lines() {
            let _ = writeln!(out, "          {line}");
        }
    } else {
        let _ = writeln!(out, "        expr: {}", quoted(&rule.expr));
    }
    if let Makes::Alert { pending, .. } = &rule.makes
        && !pending.is_empty()
    {
        let _ = writeln!(out, "        for: {pending}");
    }
    words(out, "labels", &rule.labels);
    if let Makes::Alert { annotations, .. } = &rule.makes {
        words(out, "annotations", annotations);
    }
}

fn words(out: &mut String, key: &str, words: &Words) {
    if words.is_empty() {
        return;
    }
    let _ = writeln!(out, "        {key}:");
    for (name, value) in words {
        let _ = writeln!(out, "          {}: {}", quoted(name), quoted(value));
    }
}

fn comment<'a>(out: &mut String, indent: usize, lines: impl Iterator<Item = &'a str>) {
    for line in lines {
        let _ = writeln!(out, "{}", format!("{:indent$}# {line}", "").trim_end());
    }
}

/// A scalar: plain where YAML cannot take it for anything else, else in the quotes that a person would choose.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain);
    let constant = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    if word && !constant.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else if text.contains(['"', '\\']) && !text.chars().any(|c| c.is_control()) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        // A JSON string is one of YAML too.
        serde_json::Value::from(text).to_string()
    }
}

/// A text that Prometheus shall not take for a template.
pub fn literal(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_stay_what_they_are() {
        for (text, yaml) in [
            ("page", "page"),
            ("up == 0", "\"up == 0\""),
            ("no", "\"no\""),
            ("14", "\"14\""),
            ("a{b=\"c\"}", "'a{b=\"c\"}'"),
            ("it's \"so\"", "'it''s \"so\"'"),
            ("two\nlines", "\"two\\nlines\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(text), yaml);
        }
    }

    #[test]
    fn what_people_wrote_is_no_template() {
        assert_eq!(literal("{{ $value }} {x}"), "{{ \"{{\" }} $value }} {x}");
    }

    #[test]
    fn a_group_has_its_comments_and_rules_in_order() {
        let mut alert = Rule::record("", "a > 1\nand b > 1").because("Why.\n\nMore.");
        let annotations = Words::from([("summary".to_owned(), "It burns".to_owned())]);
        alert.makes = Makes::Alert { name: "AuthSLOBurn", pending: "2m", annotations };
        alert.labels = Words::from([("severity".to_owned(), "page".to_owned())]);
        let rules = vec![Rule::record("slo:a", "sum(b)"), alert];
        let group = Group { name: "g".into(), interval: "30s", comment: vec!["First.".into()], rules };
        let expected = "\
# Made.
groups:

  # First.
  - name: g
    interval: 30s
    rules:
      - record: slo:a
        expr: \"sum(b)\"
      # Why.
      #
      # More.
      - alert: AuthSLOBurn
        expr: |
          a > 1
          and b > 1
        for: 2m
        labels:
          severity: page
        annotations:
          summary: \"It burns\"
";
        assert_eq!(render("Made.", &[group]), expected);
    }
}
