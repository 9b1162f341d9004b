//! How a listing goes on: one file a style.
//!
//! A style answers from the page it is shown ([`Page`]) what to change in the request for the next
//! one ([`Next`]). It has no state of a run: who sends, counts and stops is the engine.

mod change;
mod cursor;
mod link;
mod number;
mod offset;
mod size;

use serde_json::Value;
use url::Url;

use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Node};
use crate::core::name;
use crate::http::HeaderMap;
use crate::template::selector::Selector;

pub use change::Change;
pub use cursor::{Cursor, Place as CursorPlace};
pub use link::Link;
pub use number::Number;
pub use offset::Offset;

/// What a query or resource asks for.
#[derive(Debug, Clone, Default)]
pub struct Pagination {
    /// How the listing goes on.
    pub choice: Choice,
    /// No more pages than this are read.
    pub max_pages: Option<u64>,
    /// No more rows than this are read.
    pub max_rows: Option<u64>,
}

/// How a listing goes on.
#[derive(Debug, Clone, Default)]
pub enum Choice {
    /// As the kind of API does it.
    #[default]
    Auto,
    /// The first answer is the whole answer.
    Off,
    /// As the file says.
    Style(Style),
}

/// The styles.
#[derive(Debug, Clone)]
pub enum Style {
    /// A token of the answer is sent with the next request.
    Cursor(Cursor),
    /// Pages are numbered.
    Number(Number),
    /// Rows are counted.
    Offset(Offset),
    /// The answer links to the next page.
    Link(Link),
}

/// What a style is shown.
#[derive(Debug)]
pub struct Page<'p> {
    /// The URL that was asked.
    pub url: &'p Url,
    /// The header fields of the answer.
    pub headers: &'p HeaderMap,
    /// Its content.
    pub body: &'p Value,
    /// How many rows it has.
    pub rows: u64,
    /// Pages seen so far, this one included.
    pub pages: u64,
    /// Rows seen so far, those of this one included.
    pub total_rows: u64,
}

/// How it goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// This was the last page.
    End,
    /// The same request with a change asks for the next page.
    More(Change),
    /// There is a next page that cannot be asked for; the words say why.
    Broken(String),
}

/// A style of pagination.
pub trait Paginate {
    /// URL parameters that the first request has already.
    fn first(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// What comes after a page.
    fn next(&self, page: &Page<'_>) -> Next;
}

impl Style {
    fn kind(&self) -> &dyn Paginate {
        match self {
            Self::Cursor(style) => style,
            Self::Number(style) => style,
            Self::Offset(style) => style,
            Self::Link(style) => style,
        }
    }
}

impl Paginate for Style {
    fn first(&self) -> Vec<(String, String)> {
        self.kind().first()
    }

    fn next(&self, page: &Page<'_>) -> Next {
        self.kind().next(page)
    }
}

/// How a style is read from a file.
struct Form {
    key: &'static str,
    check: fn(&Node, &mut Diagnostics) -> Option<Style>,
}

/// All styles. Grammar and messages come from this list.
const FORMS: [Form; 4] = [cursor::FORM, number::FORM, offset::FORM, link::FORM];

const CAPS: [&str; 2] = ["max_pages", "max_rows"];

impl Pagination {
    /// Reads `paginate` of either file.
    pub fn check(node: &Node, faults: &mut Diagnostics) -> Option<Self> {
        match &node.content {
            Content::Text(word) if word == "auto" => Some(Self::default()),
            Content::Text(word) if word == "link" => Some(Self {
                choice: Choice::Style(Style::Link(Link)),
                ..Self::default()
            }),
            Content::Bool(false) => Some(Self {
                choice: Choice::Off,
                ..Self::default()
            }),
            Content::Map(entries) => Self::mapping(node, entries, faults),
            _ => {
                faults.push(node.mismatch("paginate", &Self::expected()));
                None
            }
        }
    }

    fn expected() -> String {
        let keys: Vec<&str> = FORMS.iter().map(|form| form.key).collect();
        format!(
            "`auto`, `false`, or a mapping with one of {}",
            name::one_of(&keys)
        )
    }

    fn mapping(node: &Node, entries: &[Entry], faults: &mut Diagnostics) -> Option<Self> {
        let mut pagination = Self::default();
        let mut styles = Vec::new();
        for entry in entries {
            let key = entry.key.as_str();
            if CAPS.contains(&key) {
                let number = entry.value.integer(key, 1..=u64::MAX, faults)?;
                match key {
                    "max_pages" => pagination.max_pages = Some(number),
                    _ => pagination.max_rows = Some(number),
                }
            } else if let Some(form) = FORMS.iter().find(|form| form.key == key) {
                styles.push((entry, (form.check)(&entry.value, faults)));
            } else {
                let known = FORMS.iter().map(|form| form.key).chain(CAPS);
                let words = format!("there is no key `{key}` here");
                faults.push(
                    Diagnostic::at(&entry.key_place, "unknown-key", words)
                        .maybe_help(name::hint(key, known)),
                );
                return None;
            }
        }
        if let [_, (second, _), ..] = styles.as_slice() {
            let words = "a listing goes on in one way, and this is the second one";
            faults.push(Diagnostic::at(&second.key_place, "paginate", words));
            return None;
        }
        if let Some((_, style)) = styles.pop() {
            pagination.choice = Choice::Style(style?);
        }
        if entries.is_empty() {
            faults.push(node.mismatch("paginate", &Self::expected()));
            return None;
        }
        Some(pagination)
    }
}

/// Reads a text that must not be empty.
fn word(node: &Node, key: &str, faults: &mut Diagnostics) -> Option<String> {
    let text = node.text(key, faults)?;
    if text.value.is_empty() {
        faults.push(node.mismatch(key, "a name"));
        return None;
    }
    Some(text.value.to_string())
}

/// Reads a JSONPath.
fn path(node: &Node, key: &str, faults: &mut Diagnostics) -> Option<Selector> {
    let text = node.text(key, faults)?;
    match Selector::parse(&text.value) {
        Ok(selector) => Some(selector),
        Err(error) => {
            let place = text.locate(error.range);
            faults.push(Diagnostic::at(&place, "jsonpath", error.message).maybe_help(error.help));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::source::{SourceFile, Span};

    /// A node as the YAML reader would make it, all at one place.
    fn node(value: &Value) -> Node {
        let place = crate::core::source::Place {
            file: SourceFile::new("q.yaml", "q.yaml", value.to_string()),
            span: Span::new(0, 1),
        };
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(value) => Content::Bool(*value),
            Value::Number(value) => Content::Number(value.clone(), value.to_string()),
            Value::String(value) => Content::Text(value.clone()),
            Value::Array(items) => Content::List(items.iter().map(node).collect()),
            Value::Object(members) => Content::Map(
                members
                    .iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        key_place: place.clone(),
                        value: node(value),
                    })
                    .collect(),
            ),
        };
        Node { place, content }
    }

    fn read(value: &Value) -> Result<Pagination, Vec<String>> {
        let mut faults = Diagnostics::new();
        match Pagination::check(&node(value), &mut faults) {
            Some(pagination) if faults.is_empty() => Ok(pagination),
            _ => Err(faults
                .into_sorted()
                .into_iter()
                .map(|fault| fault.message)
                .collect()),
        }
    }

    fn style(value: &Value) -> Style {
        match read(value).expect("it is right").choice {
            Choice::Style(style) => style,
            other => panic!("{other:?}"),
        }
    }

    fn next(style: &Style, body: &Value, rows: u64, pages: u64) -> Next {
        style.next(&Page {
            url: &"https://api.test/x".parse().expect("a URL"),
            headers: &HeaderMap::new(),
            body,
            rows,
            pages,
            total_rows: rows * pages,
        })
    }

    fn param(name: &str, value: &str) -> Next {
        Next::More(Change::Param(name.to_owned(), value.to_owned()))
    }

    #[test]
    fn a_cursor_ends_on_null_empty_and_absent() {
        let cursor = style(&json!({"cursor": {"path": "$.next", "param": "after"}}));
        assert_eq!(
            next(&cursor, &json!({"next": "x/+="}), 1, 1),
            param("after", "x/+=")
        );
        assert_eq!(
            next(&cursor, &json!({"next": 7}), 1, 1),
            param("after", "7")
        );
        for last in [
            json!({"next": null}),
            json!({"next": ""}),
            json!({}),
            json!([1]),
        ] {
            assert_eq!(next(&cursor, &last, 1, 1), Next::End, "{last}");
        }
        let broken = next(&cursor, &json!({"next": {"a": 1}}), 1, 1);
        assert!(matches!(broken, Next::Broken(_)), "{broken:?}");
        let body = style(&json!({"cursor": {"path": "$.next", "body": "page.cursor"}}));
        let keys = vec!["page".to_owned(), "cursor".to_owned()];
        assert_eq!(
            next(&body, &json!({"next": "x"}), 1, 1),
            Next::More(Change::Body(keys, json!("x")))
        );
    }

    #[test]
    fn numbered_pages_end_on_a_short_or_empty_one() {
        let page = style(&json!({"page": {}}));
        assert_eq!(page.first(), [("page".to_owned(), "1".to_owned())]);
        assert_eq!(next(&page, &json!([]), 3, 1), param("page", "2"));
        assert_eq!(next(&page, &json!([]), 0, 2), Next::End);
        let sized = json!({"page": {"param": "p", "start": 0, "size_param": "n", "size": 50}});
        let sized = style(&sized);
        let first = [("p", "0"), ("n", "50")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(sized.first(), first);
        assert_eq!(next(&sized, &json!([]), 50, 1), param("p", "1"));
        assert_eq!(next(&sized, &json!([]), 49, 2), Next::End);
    }

    #[test]
    fn an_offset_is_the_number_of_rows_so_far() {
        let offset = style(&json!({"offset": {"size_param": "limit", "size": 20}}));
        assert_eq!(next(&offset, &json!([]), 20, 3), param("offset", "60"));
        assert_eq!(next(&offset, &json!([]), 3, 3), Next::End);
    }

    #[test]
    fn a_listing_goes_on_in_one_way() {
        let caps = read(&json!({"max_pages": 3, "max_rows": 100})).expect("caps alone");
        assert_eq!((caps.max_pages, caps.max_rows), (Some(3), Some(100)));
        assert!(matches!(caps.choice, Choice::Auto));
        assert!(matches!(
            read(&json!("link")).expect("link").choice,
            Choice::Style(_)
        ));
        assert!(matches!(
            read(&json!(false)).expect("off").choice,
            Choice::Off
        ));
        for wrong in [
            json!({"page": {}, "offset": {}}),
            json!({"cursor": {"path": "$.next"}}),
            json!({"cursor": {"path": "$.next", "param": "a", "header": "b"}}),
            json!({"cursor": {"path": "next", "param": "a"}}),
            json!({"page": {"size": 5}}),
            json!({"max_pages": 0}),
            json!({"curser": {}}),
            json!({}),
            json!(true),
            json!("cursor"),
        ] {
            assert!(!read(&wrong).expect_err("wrong").is_empty(), "{wrong}");
        }
    }
}
