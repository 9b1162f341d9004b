//! Names: validation and suggestions.

/// Returns the known name closest to `wanted`, if it is close enough to be a typo.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |name: &str| name.to_lowercase().replace('-', "_");
    let wanted = fold(wanted);
    known
        .into_iter()
        .map(|name| {
            let folded = fold(name);
            // Typos of one or two characters first, then common prefixes.
            let slips = strsim::damerau_levenshtein(&folded, &wanted);
            let score = match slips {
                0 => 3.0,
                1 => 2.0,
                2 if wanted.len() > 4 => 1.5,
                _ => strsim::jaro_winkler(&folded, &wanted),
            };
            (name, score)
        })
        .filter(|(_, score)| *score >= 0.8)
        .max_by(|left, right| left.1.total_cmp(&right.1))
        .map(|(name, _)| name)
}

/// Returns "did you mean `x`?", or, if nothing is close, the list of known names if it is short.
pub fn hint<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(name) = nearest(wanted, known.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    (!known.is_empty() && known.len() <= 12).then(|| format!("expected {}", one_of(&known)))
}

/// Formats names as "`a`, `b` or `c`".
pub fn one_of<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// Returns true if a name is an identifier: a letter or `_`, then letters, digits, `_`.
pub fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["endpoint", "extract", "method"];
        assert_eq!(nearest("endpiont", known), Some("endpoint"));
        assert_eq!(nearest("workflow-id", ["workflow_id"]), Some("workflow_id"));
        assert_eq!(nearest("xyz", known), None);
    }

    #[test]
    fn lists_read_as_a_sentence() {
        assert_eq!(one_of(&["a"]), "`a`");
        assert_eq!(one_of(&["a", "b", "c"]), "`a`, `b` or `c`");
    }

    #[test]
    fn identifiers_are_those_of_templates() {
        assert!(is_identifier("workflow_id"));
        assert!(!is_identifier("workflow-id"));
        assert!(!is_identifier("1st"));
        assert!(!is_identifier(""));
    }
}
