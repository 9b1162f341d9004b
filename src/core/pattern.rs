//! Patterns of names.

/// Returns true if a name matches a pattern, in which `*` stands for any characters and `?` for one.
///
/// Each `*` takes as little as it can, and more if the rest does not match.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut from) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while from < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at + 1, from));
                at += 1;
            }
            // One character may be several bytes.
            Some(b'?') if !is_continuation(name[from]) => {
                at += 1;
                from += 1;
                while from < name.len() && is_continuation(name[from]) {
                    from += 1;
                }
            }
            Some(byte) if *byte == name[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((after, taken)) = retry else {
                    return false;
                };
                retry = Some((after, taken + 1));
                at = after;
                from = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name) in [
            ("*.csv", "a.csv"),
            ("*.csv.gz", "a.csv.csv.gz"),
            ("a*b*c", "axxbxbyc"),
            ("20??-*", "2026-01"),
            ("?", "é"),
            ("*", ""),
            ("a", "a"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.csv", "a.csv.gz"), ("?", ""), ("?", "ab"), ("a*b", "ac")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        let many = format!("{}b", "a*".repeat(50));
        assert!(!matches(&many, &"a".repeat(2_000)));
    }
}
