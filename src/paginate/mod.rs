//! Pagination: one file per style.
//!
//! A style decides, from the page it is given ([`Page`]), how to change the request for the next one
//! ([`Next`]). It has no run state: the engine sends, counts and stops.
//!
//! A style is a file with a `FORM` and a line in `kinds!`. Everything that others ask about it is a
//! method of [`Paginate`].

mod change;
mod condition;
mod counter;
mod place;
mod size;

use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Node};
use crate::core::key::{FIELD_NAME, Key, Rule, UNBOUNDED, ValueForm, WORD, keys};
use crate::core::name;
use crate::http::{HeaderMap, Request};
use crate::template::selector::Selector;

pub use change::Change;
pub use condition::{Condition, says_more};
pub use cursor::Cursor;
pub use link::Link;
pub use offset::Offset;
pub use place::RequestPlace;

/// The `paginate` of a query or a resource.
#[derive(Debug, Clone, Default)]
pub struct Pagination {
    /// The choice of a style.
    pub choice: Choice,
    /// The condition under which the listing continues; without one, the style decides.
    pub condition: Option<Condition>,
    /// The maximum number of pages.
    pub max_pages: Option<u64>,
    /// The maximum number of rows.
    pub max_rows: Option<u64>,
}

/// The choice of a style.
#[derive(Debug, Clone, Default)]
pub enum Choice {
    /// The default of the kind of API.
    #[default]
    Auto,
    /// No pagination: the first response is complete.
    Off,
    /// A style chosen in the file.
    Style(Style),
}

/// A checked pagination style.
pub type Style = Arc<dyn Paginate>;

/// A page, as given to a style.
#[derive(Debug)]
pub struct Page<'p> {
    /// The request that was sent.
    pub request: &'p Request,
    /// The header fields of the response.
    pub headers: &'p HeaderMap,
    /// The body of the response.
    pub body: &'p Value,
    /// The number of rows in the list, before any filter in `rows`.
    pub rows: u64,
    /// The largest number of rows on any page so far, including this one.
    pub most_rows: u64,
    /// The number of pages so far, including this one.
    pub pages: u64,
    /// The number of rows so far, including this page's.
    pub total_rows: u64,
    /// The value of `while`, if there is one.
    pub goes_on: Option<bool>,
}

impl Page<'_> {
    /// Ends a listing whose page lacks `what`, or reports an error if `while` holds.
    fn end_without(&self, what: &str) -> Next {
        if self.goes_on == Some(true) {
            return Next::Broken(format!("`while` is true, but the response has no {what}"));
        }
        Next::End
    }
}

/// A style's decision after a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// This was the last page.
    End,
    /// There is a next page; the changed request asks for it.
    More(Change),
    /// The page was shorter than requested, which may also be a limit of the server: the changed
    /// request finds the next page or none.
    Perhaps(Change),
    /// There is a next page that cannot be requested, with the reason.
    Broken(String),
}

/// A style of pagination.
pub trait Paginate: Debug + Send + Sync {
    /// Returns the values to set in the first request.
    fn first(&self) -> Vec<(RequestPlace, Value)> {
        Vec::new()
    }

    /// Returns the places that it sets in requests.
    fn places(&self) -> Vec<RequestPlace> {
        self.first().into_iter().map(|(place, _)| place).collect()
    }

    /// Decides how to continue after a page, unless `while` has ended the listing.
    fn decide(&self, page: &Page<'_>) -> Next;

    /// Decides how to continue after a page. The same for all styles.
    fn next(&self, page: &Page<'_>) -> Next {
        if page.goes_on == Some(false) {
            return Next::End;
        }
        self.decide(page)
    }

    /// Returns the list that is paged, if the file names it.
    fn list(&self) -> Option<&Selector> {
        None
    }

    /// Returns the path that it reads in a page to find the next one, if it reads one.
    fn reads(&self) -> Option<&Selector> {
        None
    }

    /// Returns a hint for a page that starts with the last row of the previous one.
    fn overlap_advice(&self) -> Option<&'static str> {
        None
    }

    /// Returns true if `More` means that there is a next page; otherwise it must be requested to
    /// find out.
    fn knows_of_more(&self) -> bool {
        true
    }
}

/// The syntax of a style.
struct Form {
    key: &'static str,
    check: fn(&Node, &mut Diagnostics) -> Option<Style>,
    /// Creates the style if its key is the whole of `paginate`; `None` if it needs settings.
    alone: Option<fn() -> Style>,
    /// The form of its value.
    takes: ValueForm,
    /// The meaning, for people.
    doc: &'static str,
}

/// The form of the key `paginate`.
pub const VALUE: ValueForm = ValueForm::Either(&[
    ValueForm::Words(&["auto"]),
    ValueForm::Constant(false),
    ValueForm::WordsOf(styles_alone),
    ValueForm::AllKeys(settings, &[Rule::AtMostOneOf(styles), Rule::NotEmpty]),
]);

fn styles() -> Vec<&'static str> {
    FORMS.iter().map(|form| form.key).collect()
}

fn styles_alone() -> Vec<&'static str> {
    let alone = FORMS.iter().filter(|form| form.alone.is_some());
    alone.map(|form| form.key).collect()
}

fn settings() -> Vec<Key> {
    let style = |form: &Form| Key {
        name: form.key,
        form: form.takes,
        takes: "",
        default: "",
        doc: form.doc,
    };
    FORMS.iter().map(style).chain(BESIDE.to_vec()).collect()
}

keys! {
    /// The keys beside a style.
    const BESIDE {
        max_pages: ValueForm::Integer(1, UNBOUNDED), "1 or more", "", "the maximum number of pages; a longer listing is incomplete";
        max_rows: ValueForm::Integer(1, UNBOUNDED), "1 or more", "", "the maximum number of records; a longer listing is incomplete";
        while: ValueForm::Text, "JSONPath, or expression over `response`", "", "there are more pages while it is true";
    }

    /// The keys of `cursor`.
    const CURSOR {
        path: ValueForm::Path, "JSONPath", "required", "the token of the next page in the response";
        param: WORD, "name", "", "the URL parameter that sends the token";
        header: FIELD_NAME, "name", "", "the header field that sends the token";
        body: WORD, "path", "", "the member of the JSON body that sends the token: `page.cursor`";
    }

    /// The keys of `page` and `offset`.
    const COUNTER {
        param: WORD, "name", "the style's name", "the URL parameter of the number";
        body: WORD, "path", "", "the member of the JSON body for the number, instead of `param`";
        start: ValueForm::Integer(0, UNBOUNDED), "0 or more", "1 for `page`, 0 for `offset`", "the number of the first page or row";
        list: ValueForm::Path, "JSONPath", "that of `rows`", "the list whose elements are counted";
        size_param: WORD, "name", "", "the URL parameter of the page size";
        size_body: WORD, "path", "", "the member of the JSON body for the page size, instead of `size_param`";
        size: ValueForm::Integer(1, 1_000_000), "1 to 1,000,000", "", "the page size that is requested";
    }

    /// The keys of `next`.
    const NEXT {
        path: ValueForm::Path, "JSONPath", "required", "the URL of the next page in the response";
    }
}

const CURSOR_RULES: &[Rule] = &[
    Rule::AnyOf(&["param", "header", "body"]),
    Rule::AtMostOne(&["param", "header", "body"]),
];

const COUNTER_RULES: &[Rule] = &[
    Rule::AtMostOne(&["param", "body"]),
    Rule::AtMostOne(&["size_param", "size_body"]),
    Rule::NeedsAny("size", &["size_param", "size_body"]),
    Rule::Needs("size_param", &["size"]),
    Rule::Needs("size_body", &["size"]),
];

impl Form {
    /// Returns the style if its key is the whole of `paginate`.
    fn alone(content: &Content) -> Option<Style> {
        let Content::Text(word) = content else {
            return None;
        };
        let form = FORMS.iter().find(|form| form.key == word)?;
        form.alone.map(|style| style())
    }
}

/// Declares the styles: a module each, and the list for grammar and messages.
macro_rules! kinds {
    ($($kind:ident),+ $(,)?) => {
        $(mod $kind;)+

        const FORMS: &[Form] = &[$($kind::FORM),+];
    };
}

kinds![cursor, number, offset, link, next];

const MAX_PAGES: &str = "max_pages";
const CAPS: [&str; 2] = [MAX_PAGES, "max_rows"];

/// The key of the condition under which a listing continues.
const WHILE: &str = "while";

impl Pagination {
    /// Reads `paginate` of a query or a resource.
    pub fn check(node: &Node, faults: &mut Diagnostics) -> Option<Self> {
        match &node.content {
            Content::Text(word) if word == "auto" => Some(Self::default()),
            Content::Bool(false) => Some(Self {
                choice: Choice::Off,
                ..Self::default()
            }),
            Content::Map(entries) => Self::mapping(node, entries, faults),
            content => {
                let alone = Form::alone(content);
                if alone.is_none() {
                    faults.push(node.mismatch("paginate", &Self::expected()));
                }
                alone.map(|style| Self {
                    choice: Choice::Style(style),
                    ..Self::default()
                })
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
                if key == MAX_PAGES {
                    pagination.max_pages = Some(number);
                } else {
                    pagination.max_rows = Some(number);
                }
            } else if key == WHILE {
                pagination.condition = Some(Condition::check(&entry.value, faults)?);
            } else if let Some(form) = FORMS.iter().find(|form| form.key == key) {
                styles.push((entry, (form.check)(&entry.value, faults)));
            } else {
                let known = FORMS.iter().map(|form| form.key).chain(CAPS).chain([WHILE]);
                let words = format!("unknown key `{key}`");
                faults.push(
                    Diagnostic::at(&entry.key_place, Code::UnknownKey, words)
                        .maybe_help(name::hint(key, known)),
                );
                return None;
            }
        }
        if let [_, (second, _), ..] = styles.as_slice() {
            let words = "a listing has only one style of pagination, and this is the second";
            faults.push(Diagnostic::at(&second.key_place, Code::Paginate, words));
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

/// Follows a URL from a response, relative to the request and on the same origin only.
fn follow(page: &Page<'_>, target: &str) -> Next {
    let url = &page.request.url;
    match url.join(target) {
        Err(_) => Next::Broken(format!(
            "the link to the next page, `{target}`, is not a URL"
        )),
        Ok(next) if !next.origin().is_tuple() => Next::Broken(format!(
            "the link to the next page begins with `{}:`, and was not followed",
            next.scheme()
        )),
        Ok(next) if next.origin() != url.origin() => Next::Broken(format!(
            "the link to the next page leads to another origin, `{}`, and was not followed",
            next.origin().ascii_serialization()
        )),
        Ok(next) => Next::More(Change::Url(next)),
    }
}

/// Reads a non-empty text.
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
            faults
                .push(Diagnostic::at(&place, Code::Jsonpath, error.message).maybe_help(error.help));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::source::{SourceFile, Span};

    /// Creates a node as the YAML reader would, all at one place.
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

    pub fn request(url: &str) -> Request {
        Request {
            method: crate::http::Method::GET,
            url: url.parse().expect("a URL"),
            headers: HeaderMap::new(),
            body: crate::http::Body::Empty,
            is_safe: true,
            accepted: Vec::new(),
            retry: None,
            shown_url: None,
            about: None,
            is_next_page: false,
            delivery: crate::http::Delivery::default(),
            receiver: None,
        }
    }

    /// The first page, with one row.
    pub fn first_page<'p>(
        request: &'p Request,
        body: &'p Value,
        headers: &'p HeaderMap,
    ) -> Page<'p> {
        Page {
            request,
            headers,
            body,
            rows: 1,
            most_rows: 1,
            pages: 1,
            total_rows: 1,
            goes_on: None,
        }
    }

    /// Returns the decision after a page of `rows` rows, when all earlier pages had as many as the
    /// first.
    fn next(style: &Style, body: &Value, rows: u64, pages: u64) -> Next {
        style.next(&Page {
            rows,
            most_rows: rows,
            pages,
            total_rows: rows * pages,
            ..first_page(&request("https://api.test/x"), body, &HeaderMap::new())
        })
    }

    fn at(name: &str, value: u64) -> (RequestPlace, Value) {
        (RequestPlace::Param(name.to_owned()), json!(value))
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
        assert_eq!(page.first(), [at("page", 1)]);
        assert_eq!(next(&page, &json!([]), 3, 1), param("page", "2"));
        assert_eq!(next(&page, &json!([]), 0, 2), Next::End);
        let sized = json!({"page": {"param": "p", "start": 0, "size_param": "n", "size": 50}});
        let sized = style(&sized);
        assert_eq!(sized.first(), [at("p", 0), at("n", 50)]);
        assert_eq!(next(&sized, &json!([]), 50, 1), param("p", "1"));
        // A server that never returned that many rows may have a limit of its own.
        let change = Change::Param("p".to_owned(), "2".to_owned());
        assert_eq!(next(&sized, &json!([]), 49, 2), Next::Perhaps(change));
        let request = request("https://api.test/x?p=1&n=50");
        let (body, headers) = (json!([]), HeaderMap::new());
        let short = Page {
            rows: 49,
            most_rows: 50,
            ..first_page(&request, &body, &headers)
        };
        assert_eq!(sized.next(&short), Next::End);
    }

    #[test]
    fn a_number_of_the_query_is_the_first_page() {
        let number = style(&json!({"page": {}}));
        let offset = style(&json!({"offset": {}}));
        let request = request("https://api.test/x?page=3&offset=40");
        let (body, headers) = (json!([]), HeaderMap::new());
        let page = Page {
            rows: 20,
            ..first_page(&request, &body, &headers)
        };
        assert_eq!(number.next(&page), param("page", "4"));
        assert_eq!(offset.next(&page), param("offset", "60"));
    }

    #[test]
    fn an_address_in_the_content_is_followed_on_its_origin() {
        let address = style(&json!({"next": "$.next"}));
        let to = |next: Value| {
            let body = json!({ "next": next });
            let request = request("https://api.test/v1/x?p=1");
            address.next(&first_page(&request, &body, &HeaderMap::new()))
        };
        let url = |url: &str| Next::More(Change::Url(url.parse().expect("a URL")));
        assert_eq!(
            to(json!("https://api.test/y?p=2")),
            url("https://api.test/y?p=2")
        );
        assert_eq!(to(json!("?p=2")), url("https://api.test/v1/x?p=2"));
        assert_eq!(to(json!("/z")), url("https://api.test/z"));
        for last in [json!(null), json!(""), json!(false)] {
            assert_eq!(to(last.clone()), Next::End, "{last}");
        }
        for wrong in [
            json!("https://evil.test/x"),
            json!("http://api.test/x"),
            json!({"href": "/x"}),
        ] {
            assert!(matches!(to(wrong.clone()), Next::Broken(_)), "{wrong}");
        }
    }

    #[test]
    fn a_condition_that_does_not_hold_ends_every_style() {
        let cursor = style(&json!({"cursor": {"path": "$.next", "param": "after"}}));
        let request = request("https://api.test/x");
        let (body, headers) = (json!({"next": "x"}), HeaderMap::new());
        let page = Page {
            goes_on: Some(false),
            ..first_page(&request, &body, &headers)
        };
        assert_eq!(cursor.next(&page), Next::End);
        let lost = json!({});
        let page = Page {
            body: &lost,
            goes_on: Some(true),
            ..first_page(&request, &body, &headers)
        };
        for style in [cursor, style(&json!({"next": "$.next"})), Link::preset()] {
            let broken = style.next(&page);
            assert!(matches!(broken, Next::Broken(_)), "{broken:?}");
        }
    }

    #[test]
    fn a_listing_counts_on_from_whole_numbers_only() {
        let (body, headers) = (json!([]), HeaderMap::new());
        for name in ["page", "offset"] {
            let request = request(&format!("https://api.test/x?{name}=first"));
            let broken = style(&json!({ name: {} })).next(&first_page(&request, &body, &headers));
            assert!(matches!(broken, Next::Broken(_)), "{broken:?}");
        }
    }

    #[test]
    fn a_first_page_that_is_short_may_be_the_last() {
        let request = request("https://api.test/x?page=1&n=20");
        let (body, headers) = (json!([]), HeaderMap::new());
        let page = first_page(&request, &body, &headers);
        let sized = style(&json!({"page": {"size_param": "n", "size": 50}}));
        let change = Change::Param("page".to_owned(), "2".to_owned());
        assert_eq!(sized.next(&page), Next::Perhaps(change.clone()));
        let goes_on = Page {
            goes_on: Some(true),
            ..page
        };
        assert_eq!(sized.next(&goes_on), Next::More(change));
    }

    #[test]
    fn an_offset_is_the_number_of_rows_so_far() {
        let offset = style(&json!({"offset": {"size_param": "limit", "size": 20}}));
        assert_eq!(next(&offset, &json!([]), 20, 3), param("offset", "60"));
        assert_eq!(next(&offset, &json!([]), 0, 3), Next::End);
        let scim = style(&json!({"offset": {"param": "startIndex", "start": 1}}));
        assert_eq!(scim.first(), [at("startIndex", 1)]);
        assert_eq!(next(&scim, &json!([]), 2, 2), param("startIndex", "5"));
        let body = style(
            &json!({"offset": {"body": "page.offset", "size_body": "page.limit", "size": 2}}),
        );
        let keys = |name: &str| vec!["page".to_owned(), name.to_owned()];
        assert_eq!(
            body.first(),
            [
                (RequestPlace::Body(keys("offset")), json!(0)),
                (RequestPlace::Body(keys("limit")), json!(2))
            ]
        );
        assert_eq!(
            next(&body, &json!([]), 2, 1),
            Next::More(Change::Body(keys("offset"), json!(2)))
        );
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
            json!({"page": {"param": "p", "body": "p"}}),
            json!({"page": {"size": 5, "size_param": "a", "size_body": "b"}}),
            json!({"next": "next"}),
            json!({"next": {}}),
            json!({"while": "has_more", "page": {}}),
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
