//! Sizes: `64MiB`, `10MB`, `1024`.

use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;

/// Reads a positive number of bytes, with an optional unit.
pub fn bytes(node: &Node, faults: &mut Diagnostics) -> Option<u64> {
    const UNITS: [(&str, u64); 6] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let read = |text: &str| {
        let text = text.trim();
        let (number, factor) = UNITS
            .iter()
            .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
            .unwrap_or((text, 1));
        number.trim().parse::<u64>().ok()?.checked_mul(factor)
    };
    let found = node
        .scalar()
        .as_deref()
        .and_then(read)
        .filter(|bytes| *bytes > 0);
    if found.is_none() {
        faults.push(node.mismatch("max_body", "a size such as `64MiB`, or a number of bytes"));
    }
    found
}
