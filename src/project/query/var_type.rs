//! The types of vars.

/// The type of a var.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VarType {
    /// Text.
    String,
    /// A whole number of 64 bits.
    Int,
    /// Any number.
    Number,
    /// `true` or `false`.
    Bool,
    /// A list.
    List,
    /// A moment; RFC 3339 text in templates.
    Time,
    /// A duration; seconds in templates.
    Duration,
    /// Any JSON value.
    Json,
}

impl VarType {
    /// All types by name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("string", Self::String),
        ("int", Self::Int),
        ("number", Self::Number),
        ("bool", Self::Bool),
        ("list", Self::List),
        ("time", Self::Time),
        ("duration", Self::Duration),
        ("json", Self::Json),
    ];

    /// The name in files.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("string", |(name, _)| name)
    }
}
