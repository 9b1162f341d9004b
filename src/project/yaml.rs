//! Parses YAML text into a [`Node`].
//!
//! Types and values come from `serde_yaml`; places, duplicate keys and syntax errors with their line
//! come from the events of `saphyr-parser`. Both parse the file, and the two trees are walked side by
//! side. Limits on size, depth and aliases are checked first, so that a hostile file produces an
//! error instead of a hang.

mod value;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as Mark, StrInput};
use serde_yaml::Value;

use self::value::YamlValue;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Node};
use crate::core::json::number;
use crate::core::secret::is_secret_name;
use crate::core::source::{Place, SourceFile, Span};

/// The maximum nesting depth.
const DEEPEST: usize = 64;

/// The maximum number of keys in a mapping.
const MOST_ENTRIES: usize = 1_000;

/// The maximum number of nodes, with aliases expanded.
const MOST_NODES: usize = 100_000;

/// Parses a file. Returns `None` if it is unusable as a whole; the reasons are in `faults`.
pub fn parse(file: &Arc<SourceFile>, faults: &mut Diagnostics) -> Option<Node> {
    let places = Offsets::new(file);
    let mut builder = Builder::new(&places);
    let parsed = builder.read(&mut Parser::new_from_str(file.text()));
    if let Some(fault) = builder.fault {
        faults.push(fault);
        return None;
    }
    if let Err(error) = parsed {
        let offset = places.byte(error.marker().index());
        faults.push(if error.info().contains("recursion limit") {
            let span = Span::new(offset, offset);
            let file = Arc::clone(file);
            too_deep(&Place { file, span })
        } else {
            syntax_fault(file, offset, error.info())
        });
        return None;
    }
    if !builder.duplicates.is_empty() {
        // `serde_yaml` rejects such a file completely.
        for fault in builder.duplicates {
            faults.push(fault);
        }
        return None;
    }
    let Some(tree) = builder.root else {
        faults.push(Diagnostic::at(
            &places.whole(),
            Code::EmptyFile,
            "the file is empty",
        ));
        return None;
    };
    let value = match serde_yaml::from_str::<YamlValue>(file.text()) {
        Ok(YamlValue(mut value)) => match value.apply_merge() {
            Ok(()) => value,
            Err(error) => {
                faults.push(Diagnostic::at(
                    &tree.place,
                    Code::YamlMerge,
                    error.to_string(),
                ));
                return None;
            }
        },
        Err(error) => {
            let offset = error.location().map_or(0, |location| location.index());
            faults.push(syntax_fault(file, offset, &error.to_string()));
            return None;
        }
    };
    let mut zipper = Zipper {
        anchors: &builder.anchors,
        faults,
    };
    zipper.node(&value, &tree)
}

/// Returns the line in which a place begins.
fn line_of(place: &Place) -> &str {
    let text = place.file.text();
    let start = text[..place.span.start]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let end = text[place.span.start..]
        .find('\n')
        .map_or(text.len(), |at| place.span.start + at);
    &text[start..end]
}

fn too_many_nodes(place: &Place) -> Diagnostic {
    let words = format!("the file has more than {MOST_NODES} values (with aliases expanded)");
    Diagnostic::at(place, Code::TooManyNodes, words)
}

fn too_many_keys(place: &Place) -> Diagnostic {
    let words = format!("a mapping has more than {MOST_ENTRIES} keys");
    Diagnostic::at(place, Code::TooManyNodes, words)
}

fn too_deep(place: &Place) -> Diagnostic {
    let words = format!("the file is nested more than {DEEPEST} levels deep");
    Diagnostic::at(place, Code::TooDeep, words)
}

/// Creates a syntax fault, with a hint for the most common mistake.
fn syntax_fault(file: &Arc<SourceFile>, offset: usize, words: &str) -> Diagnostic {
    let text = file.text();
    let offset = crate::core::source::floor_boundary(text, offset);
    // An error at the end of the file is reported after the last word.
    let offset = if text[offset..].trim().is_empty() {
        let end = text.trim_end();
        end.char_indices().next_back().map_or(0, |(at, _)| at)
    } else {
        offset
    };
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[offset..]
        .find('\n')
        .map_or(text.len(), |at| offset + at);
    let span = if text[offset..end].trim().is_empty() {
        Span::new(start, end)
    } else {
        Span::new(
            offset,
            end.min(offset + text[offset..].chars().next().map_or(0, char::len_utf8)),
        )
    };
    let place = Place {
        file: Arc::clone(file),
        span,
    };
    // The parser fails after an unquoted template: on its line, or on the next one.
    if let Some(span) = unquoted_template(text, start, end) {
        let file = Arc::clone(file);
        let words = "the value begins with `{{`, which YAML reads as a mapping";
        return Diagnostic::at(&Place { file, span }, Code::YamlSyntax, words)
            .help("quote it: `\"{{ … }}\"`");
    }
    let line = &text[start..end];
    let words = match words {
        words if words.contains("more than one document") => {
            "the file contains more than one document"
        }
        words if words.contains("repetition limit") || words.contains("recursion limit") => {
            "its aliases expand to too many values"
        }
        words => words,
    };
    let hint = if text[..offset].ends_with('\t') || line.starts_with('\t') {
        Some("indent YAML with spaces, not tabs".to_owned())
    } else if words.contains("mapping values are not allowed") {
        Some("quote a string that contains `: `, and indent all keys of a mapping alike".to_owned())
    } else if words.contains("did not find expected ',' or '}'") {
        Some("quote a string that contains brackets, such as a JSONPath in `{ … }`".to_owned())
    } else {
        None
    };
    let diagnostic = Diagnostic::at(&place, Code::YamlSyntax, words.to_owned()).maybe_help(hint);
    if holds_secret(line) {
        diagnostic.concealed()
    } else {
        diagnostic
    }
}

/// Returns true if a line assigns something other than a template to a key that is usually secret.
fn holds_secret(line: &str) -> bool {
    const KEYS: [&str; 5] = ["basic", "bearer", "auth", "value", "default"];
    let mut keys = line.split(':').map(|part| {
        let word = part.trim_end_matches(['"', '\'', ' ']);
        let start = word
            .rfind(|c: char| !(c.is_alphanumeric() || "_-".contains(c)))
            .map_or(0, |at| at + 1);
        word.get(start..).unwrap_or(word)
    });
    keys.any(|key| KEYS.contains(&key) || is_secret_name(key)) && !line.contains("{{")
}

/// Returns the span of an unquoted `{{ … }}` value near a fault.
fn unquoted_template(text: &str, start: usize, end: usize) -> Option<Span> {
    let before = text[..start.saturating_sub(1)]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    for (line_start, line_end) in [(start, end), (before, start.saturating_sub(1).max(before))] {
        let line = &text[line_start..line_end];
        let value = line.find(": {{").map(|at| at + 2).or_else(|| {
            line.trim_start()
                .starts_with("- {{")
                .then(|| line.find("{{"))?
        });
        if let Some(at) = value {
            return Some(Span::new(
                line_start + at,
                line_start + line.trim_end().len(),
            ));
        }
    }
    None
}

/// Converts the parser's character positions to byte offsets.
struct Offsets<'f> {
    file: &'f Arc<SourceFile>,
    /// The byte offset of every character; empty if the text is ASCII.
    bytes: Vec<usize>,
}

impl<'f> Offsets<'f> {
    fn new(file: &'f Arc<SourceFile>) -> Self {
        let text = file.text();
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(byte, _)| byte).collect()
        };
        Self { file, bytes }
    }

    fn byte(&self, character: usize) -> usize {
        if self.bytes.is_empty() {
            character.min(self.file.text().len())
        } else {
            self.bytes
                .get(character)
                .copied()
                .unwrap_or(self.file.text().len())
        }
    }

    fn place(&self, mark: Mark) -> Place {
        let start = self.byte(mark.start.index());
        let end = self.byte(mark.end.index()).max(start);
        let text = &self.file.text()[start..end];
        Place {
            file: Arc::clone(self.file),
            span: Span::new(start, start + text.trim_end().len()),
        }
    }

    fn whole(&self) -> Place {
        Place {
            file: Arc::clone(self.file),
            span: Span::new(0, 0),
        }
    }
}

/// The place of a value, and those of its parts.
#[derive(Debug, Clone)]
struct Tree {
    place: Place,
    kind: TreeKind,
}

#[derive(Debug, Clone)]
enum TreeKind {
    Scalar {
        text: String,
        /// True for a scalar without quotes or tag.
        is_plain: bool,
    },
    List(Vec<Rc<Tree>>),
    Map(Vec<(Rc<Tree>, Rc<Tree>)>),
    Alias(usize),
}

/// Builds the tree of places from the parser's events.
struct Builder<'f> {
    places: &'f Offsets<'f>,
    stack: Vec<Open>,
    root: Option<Rc<Tree>>,
    anchors: HashMap<usize, Anchored>,
    duplicates: Vec<Diagnostic>,
    fault: Option<Diagnostic>,
    /// The number of nodes read so far, with aliases expanded.
    nodes: usize,
}

struct Open {
    start: Place,
    anchor: usize,
    is_map: bool,
    children: Vec<Rc<Tree>>,
    /// The number of nodes before this one.
    nodes_before: usize,
    /// The depth of the nodes below this one, with aliases expanded.
    height: usize,
}

/// An anchored node.
struct Anchored {
    tree: Rc<Tree>,
    /// The number of its nodes, with aliases expanded.
    nodes: usize,
    /// Its depth, with aliases expanded.
    height: usize,
}

impl<'f> Builder<'f> {
    fn new(places: &'f Offsets<'f>) -> Self {
        Self {
            places,
            stack: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            duplicates: Vec::new(),
            fault: None,
            nodes: 0,
        }
    }

    /// Reads the first document, up to the first limit it exceeds. Events are pulled one by one,
    /// since the parser's own loop recurses at every level.
    fn read(&mut self, parser: &mut Parser<'_, StrInput<'_>>) -> Result<(), ScanError> {
        while let Some(event) = parser.next_event() {
            let (event, mark) = event?;
            if event == Event::DocumentEnd {
                break;
            }
            self.event(event, mark);
            if self.fault.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Counts nodes, and the depth of the innermost open node.
    fn count(&mut self, nodes: usize, height: usize, place: &Place) {
        self.nodes = self.nodes.saturating_add(nodes);
        if let Some(open) = self.stack.last_mut() {
            open.height = open.height.max(height);
        }
        if self.fault.is_some() {
            return;
        }
        if self.nodes > MOST_NODES {
            self.fault = Some(too_many_nodes(place));
        } else if self.stack.len() + height > DEEPEST {
            self.fault = Some(too_deep(place));
        }
    }

    fn open(&mut self, mark: Mark, anchor: usize, is_map: bool) {
        let start = self.places.place(mark);
        let nodes_before = self.nodes;
        self.count(1, 1, &start);
        self.stack.push(Open {
            start,
            anchor,
            is_map,
            children: Vec::new(),
            nodes_before,
            height: 0,
        });
    }

    fn close(&mut self) {
        let Some(open) = self.stack.pop() else { return };
        let mut place = open.start;
        if let Some(last) = open.children.last() {
            place.span.end = place.span.end.max(last.place.span.end);
        }
        let kind = if open.is_map {
            let mut pairs: Vec<(Rc<Tree>, Rc<Tree>)> = Vec::with_capacity(open.children.len() / 2);
            let mut children = open.children.into_iter();
            while let (Some(key), Some(value)) = (children.next(), children.next()) {
                self.note_duplicate(&pairs, &key);
                pairs.push((key, value));
                if pairs.len() > MOST_ENTRIES {
                    self.fault = Some(too_many_keys(&place));
                    return;
                }
            }
            TreeKind::Map(pairs)
        } else {
            TreeKind::List(open.children)
        };
        let height = open.height + 1;
        if let Some(above) = self.stack.last_mut() {
            above.height = above.height.max(height);
        }
        let nodes = self.nodes - open.nodes_before;
        self.add(Tree { place, kind }, open.anchor, nodes, height);
    }

    fn note_duplicate(&mut self, pairs: &[(Rc<Tree>, Rc<Tree>)], key: &Tree) {
        let TreeKind::Scalar { text: name, .. } = &key.kind else {
            return;
        };
        let first = pairs.iter().find(
            |(other, _)| matches!(&other.kind, TreeKind::Scalar { text, .. } if text == name),
        );
        if let Some((first, _)) = first {
            let at = first.place.file.line_column(first.place.span.start);
            self.duplicates.push(
                Diagnostic::at(
                    &key.place,
                    Code::DuplicateKey,
                    format!("duplicate key `{name}`"),
                )
                .help(format!("it is already set in line {}", at.line))
                .concealed_if(holds_secret(line_of(&key.place))),
            );
        }
    }

    fn add(&mut self, tree: Tree, anchor: usize, nodes: usize, height: usize) {
        let tree = Rc::new(tree);
        if anchor > 0 {
            let tree = Rc::clone(&tree);
            let anchored = Anchored {
                tree,
                nodes,
                height,
            };
            self.anchors.insert(anchor, anchored);
        }
        match self.stack.last_mut() {
            Some(open) => open.children.push(tree),
            None => self.root = Some(tree),
        }
    }

    fn event(&mut self, event: Event<'_>, mark: Mark) {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let place = self.places.place(mark);
                self.count(1, 0, &place);
                let kind = TreeKind::Scalar {
                    text: text.into_owned(),
                    is_plain: style == ScalarStyle::Plain && tag.is_none(),
                };
                self.add(Tree { place, kind }, anchor, 1, 0);
            }
            Event::Alias(anchor) => {
                let place = self.places.place(mark);
                // An alias inside its own anchor; `serde_yaml` rejects it.
                let anchored = self.anchors.get(&anchor);
                let (nodes, height) = anchored.map_or((1, 0), |known| (known.nodes, known.height));
                self.count(nodes, height, &place);
                let kind = TreeKind::Alias(anchor);
                self.add(Tree { place, kind }, 0, nodes, height);
            }
            Event::SequenceStart(anchor, _) => self.open(mark, anchor, false),
            Event::MappingStart(anchor, _) => self.open(mark, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
    }
}

/// Walks values and places side by side.
struct Zipper<'z> {
    anchors: &'z HashMap<usize, Anchored>,
    faults: &'z mut Diagnostics,
}

impl Zipper<'_> {
    fn node(&mut self, value: &Value, tree: &Tree) -> Option<Node> {
        let target = target(self.anchors, tree);
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(value) => Content::Bool(*value),
            Value::Number(number) => match serde_json::to_value(number) {
                Ok(serde_json::Value::Number(number)) => {
                    let raw = match &target.kind {
                        TreeKind::Scalar { text, .. } => text.clone(),
                        _ => number.to_string(),
                    };
                    // In its original spelling, if that is valid JSON.
                    Content::Number(number::from_text(&raw).unwrap_or(number), raw)
                }
                // `.inf` and `.nan` are numbers in YAML but not in JSON.
                _ => Content::Text(number.to_string()),
            },
            Value::String(text) => match (&target.kind, number::from_text(text)) {
                // A number beyond 128 bits or the largest double.
                (TreeKind::Scalar { is_plain: true, .. }, Some(number)) => {
                    Content::Number(number, text.clone())
                }
                _ => Content::Text(text.clone()),
            },
            Value::Sequence(items) => {
                let places: &[Rc<Tree>] = match &target.kind {
                    TreeKind::List(places) => places,
                    _ => &[],
                };
                let mut nodes = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    nodes.push(self.node(item, places.get(index).map_or(tree, |place| &**place))?);
                }
                Content::List(nodes)
            }
            Value::Mapping(members) if members.len() > MOST_ENTRIES => {
                self.faults.push(too_many_keys(&tree.place));
                return None;
            }
            Value::Mapping(members) => {
                let mut entries = Vec::with_capacity(members.len());
                for (key, member) in members {
                    let key = self.key(key, tree)?;
                    let (key_place, value_tree) =
                        member_of(self.anchors, target, &key, 0).unwrap_or((&tree.place, tree));
                    let value = self.node(member, value_tree)?;
                    entries.push(Entry {
                        key,
                        key_place: key_place.clone(),
                        value,
                    });
                }
                Content::Map(entries)
            }
            Value::Tagged(tagged) => {
                self.faults.push(Diagnostic::at(
                    &tree.place,
                    Code::YamlTag,
                    format!("unknown tag `{}`", tagged.tag),
                ));
                return None;
            }
        };
        Some(Node {
            place: tree.place.clone(),
            content,
        })
    }

    fn key(&mut self, key: &Value, tree: &Tree) -> Option<String> {
        match key {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Null => Some("null".to_owned()),
            Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => {
                let diagnostic =
                    Diagnostic::at(&tree.place, Code::YamlKey, "a key must be a scalar");
                let source = &tree.place.file.text()[tree.place.span.start..];
                self.faults.push(if source.starts_with("{{") {
                    diagnostic.help("a value that begins with `{{` must be quoted: `\"{{ … }}\"`")
                } else {
                    diagnostic
                });
                None
            }
        }
    }
}

/// Returns the places of a key and its value: in the mapping itself, or in a merged one (`<<`).
fn member_of<'t>(
    anchors: &'t HashMap<usize, Anchored>,
    tree: &'t Tree,
    key: &str,
    depth: usize,
) -> Option<(&'t Place, &'t Tree)> {
    let TreeKind::Map(pairs) = &tree.kind else {
        return None;
    };
    let named = |wanted: &str| {
        pairs
            .iter()
            .find(|(name, _)| matches!(&name.kind, TreeKind::Scalar { text, .. } if text == wanted))
    };
    if let Some((name, value)) = named(key) {
        return Some((&name.place, value));
    }
    let (_, merged) = named("<<").filter(|_| depth < DEEPEST)?;
    let sources = match &merged.kind {
        TreeKind::List(items) => items.iter().map(|item| &**item).collect(),
        _ => vec![&**merged],
    };
    sources
        .into_iter()
        .find_map(|source| member_of(anchors, target(anchors, source), key, depth + 1))
}

/// Resolves an alias; returns any other node unchanged.
fn target<'t>(anchors: &'t HashMap<usize, Anchored>, tree: &'t Tree) -> &'t Tree {
    match &tree.kind {
        TreeKind::Alias(anchor) => anchors.get(anchor).map_or(tree, |known| &*known.tree),
        _ => tree,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, Vec<String>> {
        let file = SourceFile::new("q.yaml", "q.yaml", text);
        let mut faults = Diagnostics::new();
        match parse(&file, &mut faults) {
            Some(node) if faults.is_empty() => Ok(node),
            _ => Err(faults
                .into_sorted()
                .into_iter()
                .map(|fault| {
                    let at = fault.place.map_or_else(String::new, |place| place.short());
                    format!("{at} {}", fault.message)
                })
                .collect()),
        }
    }

    fn source(node: &Node) -> &str {
        let span = node.place.span;
        &node.place.file.text()[span.start..span.end]
    }

    #[test]
    fn values_have_types_and_places() {
        let node =
            read("a: é\nb: [1, 'x: y', {c: true}]\nd: |\n  one\n  two\ne: no\n").expect("ok");
        assert_eq!(
            node.to_json().to_string(),
            r#"{"a":"é","b":[1,"x: y",{"c":true}],"d":"one\ntwo\n","e":"no"}"#
        );
        let list = node.get("b").expect("b").items();
        assert_eq!(source(list[1]), "'x: y'");
        assert_eq!(source(list[2].get("c").expect("c")), "true");
        assert_eq!(source(node.get("d").expect("d")), "one\n  two");
    }

    #[test]
    fn aliases_and_merges_keep_their_places() {
        let node = read("a: &x {k: v}\nb: *x\nc: {<<: *x, m: 1}\n").expect("ok");
        assert_eq!(
            node.to_json().to_string(),
            r#"{"a":{"k":"v"},"b":{"k":"v"},"c":{"m":1,"k":"v"}}"#
        );
        let merged = node.get("c").and_then(|c| c.get("k")).expect("k");
        assert_eq!(source(merged), "v");
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        let node = read(
            "a: [1.10, 1e3, 0o17, 123456789012345678901, -170141183460469231731687303715884105729, 1e400, .5, 0x1f, 007]\nb: ['1.10', \"1e400\", !!str 123456789012345678901]\n",
        )
        .expect("ok");
        assert_eq!(
            node.to_json().to_string(),
            r#"{"a":[1.10,1e3,15,123456789012345678901,-170141183460469231731687303715884105729,1e400,0.5,31,"007"],"b":["1.10","1e400","123456789012345678901"]}"#
        );
        let written = node.get("a").expect("a").as_written();
        let texts: Vec<_> = written.items().into_iter().map(Node::scalar).collect();
        assert_eq!(
            texts[..3],
            ["1.10", "1e3", "0o17"].map(|text| Some(text.to_owned()))
        );
        assert_eq!(written.items()[2].kind(), "a string");
    }

    #[test]
    fn duplicate_keys_are_refused_with_their_line() {
        assert_eq!(
            read("a: 1\nvars:\n  x: 1\n  x: 2\n").expect_err("twice"),
            ["q.yaml:4:3 duplicate key `x`"]
        );
    }

    #[test]
    fn an_unquoted_template_is_reported_as_such() {
        for text in [
            "endpoint: {{ base }}/p\nmethod: GET\n",
            "a: 1\nb: {{ c }} d\n",
        ] {
            let faults = read(text).expect_err("unquoted");
            assert!(
                faults[0].ends_with("which YAML reads as a mapping"),
                "{faults:?}"
            );
        }
        let faults = read("b: {{ c }}\n").expect_err("unquoted");
        assert!(faults[0].ends_with("a key must be a scalar"), "{faults:?}");
    }

    #[test]
    fn hostile_files_are_messages() {
        let deep = "[".repeat(100_000);
        let faults = read(&deep).expect_err("deep");
        assert!(faults[0].contains("64 levels"), "{faults:?}");
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (next, last) in "bcdefghi".chars().zip("abcdefgh".chars()) {
            let list = vec![format!("*{last}"); 10].join(",");
            bomb.push_str(&format!("{next}: &{next} [{list}]\n"));
        }
        assert!(read(&bomb).expect_err("a bomb")[0].contains("100000 values"));
        for deep in [
            "- ".repeat(17_500),
            "? ".repeat(13_500),
            "{a: ".repeat(500),
            // Each is flat by itself, but not expanded.
            format!(
                "a: &a {0}x{1}\nb: &b {0}*a{1}\nc: {0}*b{1}\n",
                "[".repeat(30),
                "]".repeat(30)
            ),
        ] {
            let faults = read(&deep).expect_err("deep");
            assert!(faults[0].contains("64 levels"), "{faults:?}");
        }
        let keys: Vec<String> = (0..900).map(|key| format!("k{key}: 1")).collect();
        let aliases = vec!["*a"; 20_000].join(",");
        for many in [format!("b: [{aliases}]"), format!("b: {{<<: [{aliases}]}}")] {
            let faults =
                read(&format!("a: &a {{{}}}\n{many}\n", keys.join(","))).expect_err("many");
            assert!(faults[0].contains("100000 values"), "{faults:?}");
        }
        let merged: Vec<String> = (0..3)
            .map(|map| format!("{{{}}}", keys.join(",").replace('k', &format!("m{map}"))))
            .collect();
        let faults = read(&format!("a: {{<<: [{}]}}", merged.join(","))).expect_err("many");
        assert!(faults[0].contains("1000 keys"), "{faults:?}");
        assert!(read("").expect_err("empty")[0].contains("empty"));
        assert!(!read("a: !!binary x\nb: !foo 1").is_err_and(|faults| faults.is_empty()));
    }
}
