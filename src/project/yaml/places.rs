//! The place of every value in a YAML file, from the events of `saphyr-parser`.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as Mark, StrInput};

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::source::{Place, SourceFile, Span};
use crate::project::yaml::fault::{holds_secret, line_of, syntax_fault};

/// The maximum nesting depth.
const DEEPEST: usize = 64;

/// The maximum number of keys in a mapping.
pub const MOST_ENTRIES: usize = 1_000;

/// The maximum number of nodes, with aliases expanded.
const MOST_NODES: usize = 100_000;

/// The places of the values of a document.
pub struct Places {
    /// The whole document.
    pub root: Rc<Tree>,
    anchors: HashMap<usize, Anchored>,
}

impl Places {
    /// Reads the first document of a file. Returns `None` if the file is not valid YAML or exceeds
    /// a limit; the reasons are in `faults`.
    pub fn read(file: &Arc<SourceFile>, faults: &mut Diagnostics) -> Option<Self> {
        let offsets = Offsets::new(file);
        let mut builder = Builder::new(&offsets);
        let parsed = builder.read(&mut Parser::new_from_str(file.text()));
        if let Some(fault) = builder.fault {
            faults.push(fault);
            return None;
        }
        if let Err(error) = parsed {
            let offset = offsets.byte(error.marker().index());
            faults.push(if error.info().contains("recursion limit") {
                too_deep(&offsets.at(offset))
            } else {
                syntax_fault(file, offset, error.info())
            });
            return None;
        }
        if !builder.duplicates.is_empty() {
            // `serde_yaml` rejects such a file completely.
            faults.extend(builder.duplicates);
            return None;
        }
        let Some(root) = builder.root else {
            let words = "the file is empty";
            faults.push(Diagnostic::at(&offsets.at(0), Code::EmptyFile, words));
            return None;
        };
        Some(Self {
            root,
            anchors: builder.anchors,
        })
    }

    /// Resolves an alias; returns any other node unchanged.
    pub fn target<'t>(&'t self, tree: &'t Tree) -> &'t Tree {
        match &tree.kind {
            TreeKind::Alias(anchor) => self.anchors.get(anchor).map_or(tree, |known| &*known.tree),
            _ => tree,
        }
    }

    /// Returns the places of a key and its value: in the mapping itself, or in a merged one (`<<`).
    pub fn member_of<'t>(
        &'t self,
        tree: &'t Tree,
        key: &str,
        depth: usize,
    ) -> Option<(&'t Place, &'t Tree)> {
        let TreeKind::Map(pairs) = &tree.kind else {
            return None;
        };
        let named = |wanted: &str| {
            pairs.iter().find(
                |(name, _)| matches!(&name.kind, TreeKind::Scalar { text, .. } if text == wanted),
            )
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
            .find_map(|source| self.member_of(self.target(source), key, depth + 1))
    }
}

/// The place of a value, and those of its parts.
pub struct Tree {
    pub place: Place,
    pub kind: TreeKind,
}

/// The kinds of values.
pub enum TreeKind {
    Scalar {
        text: String,
        /// True for a scalar without quotes or tag.
        is_plain: bool,
    },
    List(Vec<Rc<Tree>>),
    Map(Vec<(Rc<Tree>, Rc<Tree>)>),
    Alias(usize),
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

    /// Returns the place without extent at a byte.
    fn at(&self, offset: usize) -> Place {
        Place {
            file: Arc::clone(self.file),
            span: Span::new(offset, offset),
        }
    }
}

/// Builds the tree of places from the parser's events.
struct Builder<'f> {
    offsets: &'f Offsets<'f>,
    stack: Vec<Open>,
    root: Option<Rc<Tree>>,
    anchors: HashMap<usize, Anchored>,
    duplicates: Diagnostics,
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
    fn new(offsets: &'f Offsets<'f>) -> Self {
        Self {
            offsets,
            stack: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            duplicates: Diagnostics::new(),
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
        let start = self.offsets.place(mark);
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
                let place = self.offsets.place(mark);
                self.count(1, 0, &place);
                let kind = TreeKind::Scalar {
                    text: text.into_owned(),
                    is_plain: style == ScalarStyle::Plain && tag.is_none(),
                };
                self.add(Tree { place, kind }, anchor, 1, 0);
            }
            Event::Alias(anchor) => {
                let place = self.offsets.place(mark);
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

fn too_many_nodes(place: &Place) -> Diagnostic {
    let words = format!("the file has more than {MOST_NODES} values (with aliases expanded)");
    Diagnostic::at(place, Code::TooManyNodes, words)
}

/// Creates the fault of a mapping that is too long.
pub fn too_many_keys(place: &Place) -> Diagnostic {
    let words = format!("a mapping has more than {MOST_ENTRIES} keys");
    Diagnostic::at(place, Code::TooManyNodes, words)
}

fn too_deep(place: &Place) -> Diagnostic {
    let words = format!("the file is nested more than {DEEPEST} levels deep");
    Diagnostic::at(place, Code::TooDeep, words)
}
