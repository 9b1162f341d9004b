//! Explains faults of a path.
//!
//! [`accepted`] refuses paths that the parser accepts against the RFC, above all with spaces inside
//! names. [`habit`] recognizes syntax from jq, from older dialects and from other languages.

use jsonpath_rust::parser::{errors::JsonPathError, parse_json_path};

use super::compile::compile;
use super::fault::{Fault, shown};
use super::model::Path;
use super::tokens::{Kind, Tokens, is_blank};

/// 2^53 - 1, the largest integer of a path (RFC 9535, section 2.1).
const MAX_INTEGER: u64 = 9_007_199_254_740_991;
const TYPOGRAPHIC: [char; 4] = ['‘', '’', '“', '”'];
const CONTAINS: &str = "use `@.list[?@ == 'a']` for a list, or `search(@.name, 'a')` for a string";
const PATTERN: &str =
    "use `match(@.name, 'pattern')` for a whole string, or `search(…)` for a part of it";
const FUNCTIONS: [(&str, &str); 5] = [
    (
        "length",
        "`length(value)` takes one value, such as `length(@.name) > 3`",
    ),
    (
        "count",
        "`count(path)` takes one path, such as `count(@.jobs[*]) > 1`",
    ),
    (
        "value",
        "`value(path)` takes one path, such as `value(@..id) == 7`",
    ),
    (
        "match",
        "`match(value, pattern)` takes two, such as `match(@.branch, 'release/.*')`",
    ),
    (
        "search",
        "`search(value, pattern)` takes two, such as `search(@.branch, 'fix')`",
    ),
];

/// Checks a path for all faults, in order of precedence.
pub(super) fn check(source: &str) -> Result<(Path, usize), Fault> {
    let tokens = Tokens::of(source)?;
    beginning(&tokens)?;
    (0..tokens.all.len()).try_for_each(|at| accepted(&tokens, at))?;
    let query = parse_json_path(source).map_err(|error| {
        let mut all = 0..tokens.all.len();
        all.find_map(|at| habit(&tokens, at))
            .unwrap_or_else(|| refused(&tokens, &error))
    })?;
    compile(query, tokens.functions, source.len())
}

/// Checks for a leading `$` and surrounding spaces.
fn beginning(tokens: &Tokens) -> Result<(), Fault> {
    let (source, last) = (tokens.source, tokens.all.len().wrapping_sub(1));
    if source.is_empty() {
        return Err(Fault::new(0..0, "the path is empty").note("`$` is the whole document"));
    }
    if let Some(at) = [0, last]
        .into_iter()
        .find(|at| tokens.kind(*at) == Kind::Blank)
    {
        let message = "a path cannot start or end with a space";
        return Err(Fault::new(tokens.range(at), message).fix(tokens.range(at), ""));
    }
    let fault = Fault::new(
        tokens.range(0),
        "a path starts with `$`, the whole document",
    )
    .note("for example `$.items[*].id`");
    Err(match (tokens.text(0), tokens.text(1)) {
        ("$", _) => return Ok(()),
        ("{", "{") => Fault::new(0..source.len(), "expected a JSONPath, got a template"),
        ("@", _) | (".", "" | "[") => fault.fix(0..1, "$"),
        ("." | ".." | "[", _) => fault.fix(0..0, "$"),
        _ if tokens.kind(0) == Kind::Word => fault.fix(0..0, "$."),
        _ => fault,
    })
}

/// Refuses syntax that the parser accepts and the RFC does not.
fn accepted(tokens: &Tokens, at: usize) -> Result<(), Fault> {
    let (range, text) = (tokens.range(at), tokens.text(at));
    let (next, behind) = (tokens.kind(at + 1), tokens.behind(at));
    match tokens.kind(at) {
        Kind::Word => {
            if let Some((offset, blank)) =
                text.char_indices().find(|(_, next)| next.is_whitespace())
            {
                let start = range.start + offset;
                let range = start..start + blank.len_utf8();
                let message = format!("this is not a plain space, but U+{:04X}", u32::from(blank));
                return Err(Fault::new(range, message).note("put the name in quotes and brackets"));
            }
            if tokens.all[at].filter && !is_dots(tokens.text(tokens.before(at))) {
                verbal_operator(tokens, at)?;
            }
            if next != Kind::Blank || is_verbal(tokens, behind) {
                return Ok(());
            }
            let blank = tokens.range(at + 1);
            if tokens.text(behind) == "(" {
                let message = "no space is allowed between a function and its parenthesis";
                return Err(Fault::new(blank.clone(), message).fix(blank, ""));
            }
            if tokens.kind(behind) != Kind::Word {
                return Ok(());
            }
            if at > 0 && is_dots(tokens.text(at - 1)) {
                return Err(unfit(tokens, at));
            }
            let both = range.start..tokens.range(behind).end;
            let fault = Fault::new(both, "an operator or separator is missing here");
            Err(if tokens.all[at].filter {
                fault
            } else {
                fault.fix(blank, ", ")
            })
        }
        Kind::Mark if is_dots(text) && next == Kind::Blank => {
            let blank = tokens.range(at + 1);
            Err(Fault::new(blank.clone(), "no space is allowed after a dot").fix(blank, ""))
        }
        Kind::Mark if text == "-" && next == Kind::Blank && tokens.kind(behind) == Kind::Word => {
            Err(Fault::new(
                range,
                "a path has no arithmetic, and no space is allowed after a sign",
            ))
        }
        Kind::Mark | Kind::Text | Kind::Blank => Ok(()),
    }
}

fn is_dots(text: &str) -> bool {
    matches!(text, "." | "..")
}

fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

/// Creates the fault of a name that is not allowed after a dot (RFC 9535, section 2.5.1.1).
fn unfit(tokens: &Tokens, word: usize) -> Fault {
    let mut end = word;
    loop {
        end = match (
            tokens.kind(end + 1),
            tokens.text(end + 1),
            tokens.kind(end + 2),
        ) {
            (Kind::Blank, _, Kind::Word) if !is_verbal(tokens, end + 2) => end + 2,
            (_, "-" | "/" | ":" | "#" | "%" | "+" | ";" | "$" | "@", Kind::Word) => end + 2,
            (Kind::Word, ..) if ["$", "@"].contains(&tokens.text(end)) => end + 1,
            _ => break,
        };
    }
    let dots = tokens.range(word - 1);
    let range = dots.end..tokens.range(end).end;
    let name = &tokens.source[range.clone()];
    let bracket = if name.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("[{name}]")
    } else {
        format!("['{name}']")
    };
    let message = if name.contains(is_blank) {
        format!(
            "a name after a dot cannot contain a space, as in `{}`",
            shown(name)
        )
    } else {
        format!("`{}` is not allowed after a dot", shown(name))
    };
    let keep = if dots.len() > 1 { ".." } else { "" };
    Fault::new(range.clone(), message).fix(dots.start..range.end, format!("{keep}{bracket}"))
}

fn is_verbal(tokens: &Tokens, at: usize) -> bool {
    tokens.all.get(at).is_some_and(|token| token.filter) && verbal_operator(tokens, at).is_err()
}

/// Refuses `in`, `and` and the like in place of an operator.
fn verbal_operator(tokens: &Tokens, at: usize) -> Result<(), Fault> {
    let (range, word) = (tokens.range(at), tokens.text(at));
    let fault = Fault::new(range.clone(), format!("`{}` is not RFC 9535", shown(word)));
    Err(match &*word.to_ascii_lowercase() {
        "and" => fault.fix(range, "&&"),
        "or" => fault.fix(range, "||"),
        "not" => fault.fix(range.start..tokens.range(tokens.behind(at)).start, "!"),
        "in" if tokens.text(tokens.behind(at)) == "[" => {
            fault.note("use `@.x == 'a' || @.x == 'b'`")
        }
        "nin" => fault.note("use `@.x != 'a' && @.x != 'b'`"),
        "in" | "contains" | "anyof" | "subsetof" | "noneof" => fault.note(CONTAINS),
        "like" => fault.note(PATTERN),
        _ => return Ok(()),
    })
}

/// Recognizes the intention behind invalid syntax.
fn habit(tokens: &Tokens, at: usize) -> Option<Fault> {
    let (range, text, kind) = (tokens.range(at), tokens.text(at), tokens.kind(at));
    let previous = at
        .checked_sub(1)
        .map_or("", |previous| tokens.text(previous));
    let (next, filter) = (tokens.text(at + 1), tokens.all[at].filter);
    let to_next = range.start..tokens.range(at + 1).end;
    let foreign = Fault::new(range.clone(), format!("`{text}` is not RFC 9535"));
    Some(match (previous, text, next) {
        (_, "[", "]") => Fault::new(to_next.clone(), "`[]` selects nothing").fix(to_next, "[*]"),
        ("[", "(", _) => Fault::new(range, "JSONPath has no computed indexes")
            .note("use `[-1]` for the last item, or `[?…]` for a filter"),
        ("[", "@", _) => Fault::new(range.clone(), "`@` is only allowed in a filter, `[?…]`")
            .fix(range.start..range.start, "?"),
        (_, "." | "..", "") => Fault::new(range, format!("missing name after `{text}`")),
        (_, ".", "[") => {
            Fault::new(range.clone(), "no dot is allowed before a bracket").fix(range, "")
        }
        (_, "=" | "===", _) => foreign.fix(range, "=="),
        (_, "<>" | "!==", _) => foreign.fix(range, "!="),
        (_, "&", _) => foreign.fix(range, "&&"),
        (_, "|", _) if filter => foreign.fix(range, "||"),
        (_, "|", _) => Fault::new(range, "JSONPath has no pipes"),
        (_, "=~" | "~=", _) => foreign.note(PATTERN),
        (_, "^" | "~", _) => foreign.note("a path selects values, not their names or parents"),
        (_, "...", _) => foreign.fix(range, ".."),
        ("." | "..", "$" | "@", _) => unfit(tokens, at),
        ("." | "..", _, _) if kind == Kind::Text => {
            let (dots, keep) = (
                tokens.range(at - 1),
                if previous == ".." { ".." } else { "" },
            );
            Fault::new(
                range.clone(),
                "a quoted name must be in brackets, without a dot",
            )
            .fix(dots.start..range.end, format!("{keep}[{text}]"))
        }
        _ if kind == Kind::Word => return word(tokens, at, previous, next),
        _ => return None,
    })
}

fn word(tokens: &Tokens, at: usize, previous: &str, next: &str) -> Option<Fault> {
    let (range, word) = (tokens.range(at), tokens.text(at));
    let (name, filter) = (shown(word), tokens.all[at].filter);
    let quoted = format!("'{word}'");
    let number = previous == "." && at > 1 && is_number(tokens.text(at - 2));
    let lower = word.to_ascii_lowercase();
    Some(match previous {
        "." | ".." if next == "(" => {
            Fault::new(range, format!("`{name}()` is not allowed in a path"))
                .note("functions are only allowed in a filter, such as `[?length(@.name) > 3]`")
        }
        "." | ".."
            if !number && (is_number(word) || "-/:#%+;".contains(next) && !next.is_empty()) =>
        {
            unfit(tokens, at)
        }
        "." | ".." => return None,
        "$" | "@" => Fault::new(range.clone(), format!("missing dot before `{name}`"))
            .fix(range.start..range.start, "."),
        _ if is_number(word) => {
            let number: Option<u64> = word.parse().ok();
            let digits = word.bytes().all(|byte| byte.is_ascii_digit());
            if !digits || number.is_some_and(|number| number <= MAX_INTEGER) {
                return None;
            }
            Fault::new(
                range,
                format!("`{name}` is beyond 2^53-1, the largest integer of a path"),
            )
            .note("compare such numbers in a condition on the rows instead")
        }
        _ if next == "(" && function_usage(word).is_none() => {
            Fault::new(range, format!("no function `{name}`"))
                .note("the functions are `length`, `count`, `value`, `match` and `search`")
        }
        _ if next == "(" => return None,
        _ if !filter && ["]", ","].contains(&tokens.text(tokens.behind(at))) => Fault::new(
            range.clone(),
            format!("a name in brackets must be quoted, and `{name}` is not"),
        )
        .fix(range, quoted),
        _ if word.contains(TYPOGRAPHIC) => {
            Fault::new(range.clone(), "typographic quotes are not allowed")
                .fix(range, word.replace(TYPOGRAPHIC, "'"))
        }
        _ if !filter || ["true", "false", "null"].contains(&word) => return None,
        _ if ["none", "nil", "undefined"].contains(&&*lower) => {
            Fault::new(range.clone(), format!("`{name}` is written `null`")).fix(range, "null")
        }
        _ if ["true", "false", "null"].contains(&&*lower) => {
            Fault::new(range.clone(), format!("`{name}` must be lower case")).fix(range, lower)
        }
        _ => {
            let message = format!("`{name}` is neither a member (`@.…`) nor a string (`'…'`)");
            let is_right =
                ["==", "!=", "<", "<=", ">", ">="].contains(&tokens.text(tokens.before(at)));
            let fix = if is_right {
                quoted
            } else {
                format!("@.{word}")
            };
            Fault::new(range.clone(), message).fix(range, fix)
        }
    })
}

fn function_usage(name: &str) -> Option<&'static str> {
    FUNCTIONS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, usage)| *usage)
}

/// Rewords an error of the parser.
fn refused(tokens: &Tokens, error: &JsonPathError) -> Fault {
    let place = match error {
        // The type of the location is in a crate that we do not depend on, so its debug form is
        // used, `Pos(5)`; a test covers it.
        JsonPathError::PestError(error) => {
            let place = format!("{:?}", error.location);
            place
                .chars()
                .filter(char::is_ascii_digit)
                .collect::<String>()
                .parse()
                .unwrap_or(0)
        }
        error => return refused_without_place(tokens, error),
    };
    let count = tokens.all.len();
    let at = tokens
        .all
        .iter()
        .position(|token| token.range.end > place)
        .unwrap_or(count);
    let (range, text, before) = (
        tokens.range(at),
        tokens.text(at),
        tokens.text(tokens.before(at)),
    );
    let before_kind = tokens.kind(tokens.before(at));
    let function = tokens
        .functions
        .iter()
        .rev()
        .find(|function| function.contains(&place));
    if let Some(usage) = function.and_then(|function| function_usage(name_of(tokens, function))) {
        return Fault::new(range, format!("unexpected `{}`", shown(text))).note(usage);
    }
    match (before, text) {
        (_, "") => Fault::new(range, "the path is incomplete"),
        (_, "==" | "!=" | "<" | "<=" | ">" | ">=") => {
            let message =
                format!("`{text}` compares single values, and this path may match several");
            Fault::new(range, message).note(
                "use `@.list[?@ == 1]` to compare each of several values, or `!(@.a == 1)` \
                    for the opposite",
            )
        }
        ("?" | "(" | "!" | "&&" | "||", "]" | ")") => {
            Fault::new(range, format!("missing condition before `{text}`"))
        }
        (_, "]" | ")" | "&&" | "||") if matches!(before_kind, Kind::Text | Kind::Word) => {
            let message = format!("`{}` must be compared", shown(before));
            Fault::new(tokens.range(tokens.before(at)), message).note("for example `@.name == 'a'`")
        }
        _ if tokens.kind(at) == Kind::Text && text.contains('\\') => {
            Fault::new(range, "unknown escape in this string").note("write a backslash as `\\\\`")
        }
        _ => Fault::new(range, format!("unexpected `{}`", shown(text))),
    }
}

/// The other errors only tell the function.
fn refused_without_place(tokens: &Tokens, error: &JsonPathError) -> Fault {
    let text = error.to_string();
    let about = tokens.functions.iter().find_map(|function| {
        let name = name_of(tokens, function);
        let about = text.contains(&format!("`{name}`")) || text.contains(&format!(" {name}("));
        about.then(|| (function.clone(), function_usage(name)))
    });
    match about {
        Some((range, _)) if text.ends_with("not comparable") => Fault::new(
            range,
            "this is already true or false, and cannot be compared",
        ),
        Some((range, Some(usage))) => {
            Fault::new(range, "wrong kind of argument to this function").note(usage)
        }
        _ => Fault::new(0..tokens.source.len(), "not a JSONPath (RFC 9535)"),
    }
}

fn name_of<'s>(tokens: &Tokens<'s>, function: &std::ops::Range<usize>) -> &'s str {
    tokens.source[function.clone()]
        .split('(')
        .next()
        .unwrap_or_default()
}
