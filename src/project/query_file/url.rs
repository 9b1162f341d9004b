//! The `url` part of a query file: a complete address, usually from a response.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Entry, Node};
use crate::core::secret::is_secret_param;
use crate::core::source::Text;
use crate::http::{Method, is_safe_method};
use crate::project::literal;
use crate::project::template::{Names, template};
use crate::template::{Piece, Template};

/// Reads the address.
pub fn read(node: &Node, names: &Names, faults: &mut Diagnostics) -> Option<Template> {
    let text = node.text("url", faults)?;
    let text = Text::new(text.value.trim(), &text.place);
    let template = template(&text, names, faults)?;
    let Some(pieces) = template.pieces() else {
        let words = "a `url` cannot have statements, only `{{ … }}`";
        faults.push(Diagnostic::at(&node.place, Code::Url, words));
        return None;
    };
    // A value at the start may be the whole address.
    let is_complete = match pieces.first() {
        Some(Piece::Raw(raw)) => raw.starts_with("http://") || raw.starts_with("https://"),
        Some(Piece::Hole(_)) => true,
        None => false,
    };
    if !is_complete {
        let words = "a `url` is a complete address, such as `\"{{ artifact.url }}\"`";
        faults.push(
            Diagnostic::at(&node.place, Code::Url, words)
                .help("write `endpoint` for a path below the resource's `base_url`"),
        );
        return None;
    }
    if holds_secret(pieces) {
        faults.push(literal::literal(node));
        return None;
    }
    Some(template)
}

/// Returns true if the file itself contains the value of a secret parameter.
fn holds_secret(pieces: &[Piece]) -> bool {
    let text = pieces.iter().map(|piece| match piece {
        Piece::Raw(raw) => raw.as_str(),
        Piece::Hole(_) => "",
    });
    let text: String = text.collect();
    let query = text.split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(|pair| {
        let pair = pair.split_once('=');
        pair.is_some_and(|(name, value)| is_secret_param(name) && !value.is_empty())
    })
}

/// Refuses what would change the address, and methods that write.
pub fn refuse_beside(
    params: Option<&Entry>,
    method: Option<&Method>,
    method_entry: Option<&Entry>,
    faults: &mut Diagnostics,
) {
    if let Some(entry) = params {
        let words = "`params` would change the address, which is sent exactly as it is";
        faults.push(Diagnostic::at(&entry.key_place, Code::Url, words));
    }
    let writes = method.filter(|method| !is_safe_method(method));
    if let (Some(method), Some(entry)) = (writes, method_entry) {
        let words = format!("a `url` is only read, with GET or HEAD, not {method}");
        faults.push(Diagnostic::at(&entry.value.place, Code::Url, words));
    }
}
