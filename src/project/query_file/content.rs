//! The `decode` and `download` parts of a query file.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};
use crate::decode::BodyKind;
use crate::project::grammar;
use crate::project::query::Decode;
use crate::project::template::{Names, template};
use crate::sink::check_name;
use crate::template::{Piece, Template};

/// The maximum of `last`.
const MOST_LINES: u64 = 1_000_000;

/// Reads `decode`: a word, or a mapping. JSON is the usual content and gives `None`.
pub fn decode(node: &Node, faults: &mut Diagnostics) -> Option<Decode> {
    let is_word = !matches!(node.content, Content::Map(_));
    let (kind, last) = if is_word {
        (kind(node, "decode", faults)?, None)
    } else {
        let mut fields = node.fields_of("decode", grammar::DECODE, faults);
        let kind_node = fields.get("as");
        let last_node = fields.get("last");
        fields.finish(faults);
        let Some(kind_node) = kind_node else {
            let words = "`decode` needs `as`, the kind of content";
            faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
            return None;
        };
        let kind = kind(kind_node, "as", faults)?;
        let last = last_node.and_then(|node| node.integer("last", 1..=MOST_LINES, faults));
        if let Some(node) = last_node.filter(|_| !kind.takes_last()) {
            let words = format!(
                "`last` is for `lines` and `text`, not for `{}`",
                kind.name()
            );
            faults.push(Diagnostic::at(&node.place, Code::Decode, words));
        }
        (kind, last.and_then(|last| usize::try_from(last).ok()))
    };
    (kind != BodyKind::Json).then_some(Decode { kind, last })
}

fn kind(node: &Node, key: &str, faults: &mut Diagnostics) -> Option<BodyKind> {
    let names = BodyKind::ALL.map(BodyKind::name);
    node.one_of(key, &names, faults).and_then(BodyKind::named)
}

/// Reads `download`: the path of a file.
pub fn download(node: &Node, names: &Names, faults: &mut Diagnostics) -> Option<Template> {
    let text = node.text("download", faults)?;
    let template = template(&text, names, faults)?;
    let encodes = |piece: &Piece| match piece {
        Piece::Hole(hole) => hole
            .source()
            .split('|')
            .skip(1)
            .any(|filter| filter.trim() == "path"),
        Piece::Raw(_) => false,
    };
    if template.pieces().unwrap_or_default().iter().any(encodes) {
        let words = "`path` is for an endpoint: the path of a file is not encoded";
        faults.push(Diagnostic::at(&node.place, Code::Decode, words).help("remove the filter"));
        return None;
    }
    if template.is_constant()
        && let Err(words) = check_name(template.source())
    {
        let words = format!("`download` cannot be written: {words}");
        faults.push(Diagnostic::at(&node.place, Code::Decode, words));
        return None;
    }
    Some(template)
}

/// Refuses keys that have no meaning for content other than JSON.
pub fn refuse_beside(node: &Node, is_download: bool, is_decoded: bool, faults: &mut Diagnostics) {
    /// Keys that read JSON or repeat a request.
    const OF_JSON: [&str; 4] = ["rows", "paginate", "poll", "cache"];
    let reason = if is_download {
        "a downloaded response is one file, and is not read"
    } else if is_decoded {
        "each record of the content is a row"
    } else {
        return;
    };
    let also: &[&str] = if is_download { &["decode"] } else { &[] };
    for key in OF_JSON.iter().chain(also) {
        let off = |value: &Node| matches!(value.content, Content::Null | Content::Bool(false));
        if let Some(value) = node.get(key).filter(|value| !off(value)) {
            let words = format!("`{key}` has no effect: {reason}");
            faults.push(Diagnostic::at(&value.place, Code::Decode, words));
        }
    }
    let method = node.get("method").filter(|_| is_download);
    if let Some(method) = method.filter(|method| method.scalar().is_none_or(|word| word != "GET")) {
        let words = "only the response to a GET can be downloaded";
        faults.push(Diagnostic::at(&method.place, Code::Decode, words));
    }
}
