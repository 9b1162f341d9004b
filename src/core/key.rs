//! The keys of mappings in files, and the forms of their values, as data.
//!
//! Readers refuse keys that are not in a table, and the JSON Schemas for editors are made from the
//! tables. Readers check more than a form can say, such as names and templates.

/// A key of a mapping. The texts are Markdown, as the file reference has them.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// The form of its value.
    pub form: ValueForm,
    /// The type of its value, for people.
    pub takes: &'static str,
    /// The default value; empty if there is none.
    pub default: &'static str,
    /// The meaning.
    pub doc: &'static str,
}

impl Key {
    /// Returns true if the mapping needs the key.
    pub fn is_required(&self) -> bool {
        self.default == "required"
    }
}

/// Declares tables of keys: per key its name, the form of its value, the same in words, its default
/// and its meaning.
macro_rules! keys {
    ($($(#[$meta:meta])* $visibility:vis const $table:ident {
        $($name:ident: $form:expr, $takes:literal, $default:literal, $doc:literal;)+
    })+) => {
        $($(#[$meta])* $visibility const $table: &[$crate::core::key::Key] = &[
            $($crate::core::key::Key {
                name: stringify!($name),
                form: $form,
                takes: $takes,
                default: $default,
                doc: $doc,
            }),+
        ];)+
    };
}
pub(crate) use keys;

/// The form of a value. Null is not part of any form: a key with null counts as absent.
#[derive(Debug, Clone, Copy)]
pub enum ValueForm {
    /// Any value, even null.
    Any,
    /// A string.
    Text,
    /// A string that is a template.
    Template,
    /// A string, number or boolean, used as text.
    Scalar,
    /// An expression: a string, or a number or boolean.
    Expression,
    /// A JSONPath.
    Path,
    /// A string that matches a regular expression, with its description.
    Pattern(&'static TextPattern),
    /// `true` or `false`.
    Bool,
    /// An integer from a minimum to a maximum.
    Integer(u64, u64),
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of the words of a list of the program.
    WordsOf(fn() -> Vec<&'static str>),
    /// A name that the project, or its program, knows.
    Name(NameKind),
    /// This value only.
    Constant(bool),
    /// Null, where it has a meaning.
    Null,
    /// A list.
    List(&'static ValueForm),
    /// A list with at least one item.
    NonEmptyList(&'static ValueForm),
    /// A list, or a single item.
    OneOrMore(&'static ValueForm),
    /// A mapping of any names.
    Map(&'static ValueForm),
    /// A mapping of any names, with at least one entry.
    NonEmptyMap(&'static ValueForm),
    /// A mapping of names that match a regular expression.
    MapOf(&'static str, &'static ValueForm),
    /// A mapping with the keys of a table, and rules on them.
    Keys(&'static [Key], &'static [Rule]),
    /// A mapping with exactly one of some keys.
    OneKey(fn() -> Vec<Key>),
    /// A mapping with the keys of several tables, and rules on them.
    AllKeys(fn() -> Vec<Key>, &'static [Rule]),
    /// One of several forms.
    Either(&'static [ValueForm]),
}

/// The form of a string.
#[derive(Debug)]
pub struct TextPattern {
    /// The regular expression, in the common subset of ECMA 262 and the `regex` crate.
    pub regex: &'static str,
    /// The matching texts in words, for messages of editors.
    pub expected: &'static str,
    /// Examples.
    pub examples: &'static [&'static str],
}

/// The kinds of names that a project defines. A schema suggests them, and accepts others: a schema
/// is older than the newest file, and a query can also be a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// A resource.
    Resource,
    /// A query.
    Query,
    /// An environment of the resources.
    Environment,
    /// An output format. These are all known, and others are refused.
    Format,
    /// A format of a snapshot: every format but `raw`.
    SnapshotFormat,
}

/// A condition on the keys of a mapping. A key with null counts as absent.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// At least one of these keys is needed.
    AnyOf(&'static [&'static str]),
    /// At most one of these keys can be given.
    AtMostOne(&'static [&'static str]),
    /// At most one of the keys of a list of the program can be given.
    AtMostOneOf(fn() -> Vec<&'static str>),
    /// With the first key, one of the others is needed.
    NeedsAny(&'static str, &'static [&'static str]),
    /// With the first key, all of the others are needed.
    Needs(&'static str, &'static [&'static str]),
    /// With the first key, none of the others can be given.
    Excludes(&'static str, &'static [&'static str]),
    /// Without all of the first keys, none of the others can be given.
    OnlyWith(&'static [&'static str], &'static [&'static str]),
    /// If the first key has this value, none of the others can be given.
    ExcludesFor(&'static str, &'static str, &'static [&'static str]),
    /// If the first key has this value, one of the others is needed.
    NeedsAnyFor(&'static str, &'static str, &'static [&'static str]),
    /// At least one entry.
    NotEmpty,
}

/// The most of an integer that has no maximum of its own.
pub const UNBOUNDED: u64 = u64::MAX;

/// A duration.
pub const DURATION: ValueForm = ValueForm::Pattern(&TextPattern {
    regex: r"^\s*((\d+\.?\d*|\.\d+)\s*(ms|s|m|h|d|w)\s*)+$",
    expected: "a duration such as `30s`, `5m`, `1h30m` or `7d`",
    examples: &["30s", "5m", "1h30m", "7d"],
});

/// A duration longer than 0.
pub const POSITIVE_DURATION: ValueForm = ValueForm::Pattern(&TextPattern {
    regex: r"^\s*((\d+\.?\d*|\.\d+)\s*(ms|s|m|h|d|w)\s*)*(\d*[1-9]\d*\.?\d*|\d*\.\d*[1-9]\d*)\s*(ms|s|m|h|d|w)\s*((\d+\.?\d*|\.\d+)\s*(ms|s|m|h|d|w)\s*)*$",
    expected: "a duration longer than 0, such as `30s`, `5m`, `1h30m` or `7d`",
    examples: &["30s", "5m", "1h30m", "7d"],
});

/// A non-empty string.
pub const WORD: ValueForm = ValueForm::Pattern(&TextPattern {
    regex: "^[^\\n]",
    expected: "a name",
    examples: &[],
});

/// The name of a header field (RFC 9110, section 5.1).
pub const FIELD_NAME: ValueForm = ValueForm::Pattern(&TextPattern {
    regex: r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
    expected: "the name of a header field",
    examples: &["X-Api-Key"],
});

/// Templates by name; null removes an inherited one.
pub const TEMPLATES: ValueForm =
    ValueForm::Map(&ValueForm::Either(&[ValueForm::Scalar, ValueForm::Null]));
