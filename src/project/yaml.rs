//! Parses YAML text into a [`Node`].
//!
//! Types and values come from `serde_yaml`; places, duplicate keys and syntax errors with their line
//! come from the events of `saphyr-parser`. Both parse the file, and the two trees are walked side by
//! side. Limits on size, depth and aliases are checked first, so that a hostile file produces an
//! error instead of a hang.

mod fault;
mod large;
mod places;
mod value;

use std::rc::Rc;
use std::sync::Arc;

use serde_yaml::Value;

use self::fault::syntax_fault;
use self::places::{MOST_ENTRIES, Places, Tree, TreeKind, too_many_keys};
use self::value::YamlValue;
use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Node, quoting_hint};
use crate::core::json::number;
use crate::core::source::SourceFile;

pub use self::large::large_value;

/// Parses a file. Returns `None` if it is unusable as a whole; the reasons are in `faults`.
pub fn parse(file: &Arc<SourceFile>, faults: &mut Diagnostics) -> Option<Node> {
    let places = Places::read(file, faults)?;
    let tree = &places.root;
    let value = match serde_yaml::from_str::<YamlValue>(file.text()) {
        Ok(YamlValue(mut value)) => match value.apply_merge() {
            Ok(()) => value,
            Err(error) => {
                let words = error.to_string();
                faults.push(Diagnostic::at(&tree.place, Code::YamlMerge, words));
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
        places: &places,
        faults,
    };
    zipper.node(&value, tree)
}

/// Walks values and places side by side.
struct Zipper<'z> {
    places: &'z Places,
    faults: &'z mut Diagnostics,
}

impl Zipper<'_> {
    fn node(&mut self, value: &Value, tree: &Tree) -> Option<Node> {
        let target = self.places.target(tree);
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
                    let (key_place, value_tree) = self
                        .places
                        .member_of(target, &key, 0)
                        .unwrap_or((&tree.place, tree));
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
                self.faults
                    .push(diagnostic.maybe_help(quoting_hint(&tree.place)));
                None
            }
        }
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
