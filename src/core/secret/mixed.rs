//! Literal text beside templates: `Bearer abcdef {{ nope }}`.

use crate::core::secret::SHORTEST;

/// The beginning and end of templates, statements and comments.
const TEMPLATES: [(&str, &str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];

/// The minimum length of letters mixed with digits that are taken for a secret beside a template.
const SHORTEST_MIXED: usize = 12;

/// Returns true if a text contains a template, even one that is not closed.
pub fn holds_template(text: &str) -> bool {
    TEMPLATES.iter().any(|(open, _)| text.contains(open))
}

/// Returns the length of the template at the start of a text, even one that is not closed.
pub fn template_length(text: &str) -> Option<usize> {
    let (_, close) = TEMPLATES.iter().find(|(open, _)| text.starts_with(open))?;
    Some(text.find(close).map_or(text.len(), |at| at + close.len()))
}

/// Returns the words beside the templates of a secret value that may be secret themselves. Left out
/// are the scheme of a header field (`Bearer`), names (`signature=`) and the address of a URL.
pub fn words_beside_templates(value: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (number, text) in outside(value).into_iter().enumerate() {
        for (at, word) in text.split_inclusive(char::is_whitespace).enumerate() {
            let is_spaced = word.ends_with(char::is_whitespace);
            let is_letters = |c: char| c.is_alphabetic() || c == '-';
            let is_scheme = number + at == 0 && is_spaced && word.trim().chars().all(is_letters);
            if !is_scheme {
                found.extend(pieces(word));
            }
        }
    }
    for text in strings_inside(value) {
        found.extend(pieces(text).into_iter().filter(|piece| is_mixed(piece)));
    }
    found
}

/// Returns true if a value with a template also contains literal text that can hardly be anything
/// but a secret.
pub fn holds_literal_secret(value: &str) -> bool {
    words_beside_templates(value).into_iter().any(is_mixed)
}

/// Returns the parts of a word that may be secret.
fn pieces(word: &str) -> Vec<&str> {
    let path = word.split_once("://").map_or(word, |(_, rest)| {
        rest.split_once('/').map_or("", |(_, path)| path)
    });
    path.split_inclusive(['=', '&', ':', ';', ','])
        .filter(|piece| !piece.ends_with('='))
        .map(|piece| piece.trim_end_matches(['&', ':', ';', ',']).trim())
        .map(|piece| piece.trim_matches('/'))
        .filter(|piece| piece.chars().filter(|c| c.is_alphanumeric()).count() >= SHORTEST)
        .collect()
}

/// Returns true for a long run of letters and digits.
fn is_mixed(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| {
        run.len() >= SHORTEST_MIXED
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    })
}

/// Returns the texts outside of templates, empty ones too.
fn outside(value: &str) -> Vec<&str> {
    split(value).map(|(outside, _)| outside).collect()
}

/// Returns the quoted texts inside of templates.
fn strings_inside(value: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (_, template) in split(value) {
        for quote in ['"', '\''] {
            found.extend(template.split(quote).skip(1).step_by(2));
        }
    }
    found
}

/// Returns each text outside of templates with the template that follows it.
fn split(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let first = TEMPLATES
            .iter()
            .filter_map(|(open, close)| Some((text.find(open)?, *close)))
            .min_by_key(|(at, _)| *at);
        let Some((start, close)) = first else {
            rest = None;
            return Some((text, ""));
        };
        let inside = &text[start + 2..];
        let (template, after) = match inside.split_once(close) {
            Some((template, after)) => (template, Some(after)),
            None => (inside, None),
        };
        rest = after;
        Some((&text[..start], template))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_text_beside_a_template_may_be_secret() {
        for value in [
            "Bearer abcdef12345678 {{ nope }}",
            "abcdef12345678{{ nope }}",
            "{{ nope }}abcdef12345678",
            "abcdef12345678{{ nope",
            "{% if x %}abcdef12345678{% endif %}",
            "Basic {{ nope }}:abcdef12345678",
            "https://hooks.example.com/{{ nope }}/abcdef12345678",
            "key=abcdef12345678&v={{ nope }}",
            "{{ 'abcdef12345678' ~ nope }}",
        ] {
            assert_eq!(words_beside_templates(value), ["abcdef12345678"], "{value}");
            assert!(holds_literal_secret(value), "{value}");
        }
        assert_eq!(words_beside_templates("hunter2{{ nope }}"), ["hunter2"]);
        assert!(!holds_literal_secret("hunter2{{ nope }}"));
    }

    #[test]
    fn schemes_names_and_addresses_are_not_secret() {
        for value in [
            "Bearer {{ env.T }}",
            "GenieKey {{ env.T }}",
            "{{ env.U }}:{{ env.P }}",
            "token={{ env.T }}",
            "hmac-sha256={{ sign }}",
            "t={{ now() }},v1={{ sign }}",
            "https://hooks.example.com/{{ env.T }}",
            "{{ env.T | default('') }}",
            "{{ now() | date('%Y-%m-%dT%H:%M:%S') }}",
        ] {
            assert!(words_beside_templates(value).is_empty(), "{value}");
        }
    }
}
