//! The address of a database in a file, which must not hold a password.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::core::secret::holds_literal_secret;
use crate::project::literal;
use crate::project::template::{Names, template};
use crate::template::{Piece, Template};

/// Reads `budget` of a resource.
pub fn budget(node: &Node, names: &Names, faults: &mut Diagnostics) -> Option<Template> {
    let text = node.text("budget", faults)?;
    let url = template(&text, names, faults)?;
    if holds_password(&url) {
        let help = "write `budget: \"postgres://user:{{ env.BUDGET_PASSWORD }}@host/database\"`, or \
            set `PGPASSWORD`";
        faults.push(password_in_file(&url, help));
    } else if url.is_constant()
        && !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.value.starts_with(scheme))
    {
        let words = "`budget` takes `postgres://user@host/database`";
        faults.push(Diagnostic::at(&node.place, Code::Settings, words));
    }
    Some(url)
}

/// Returns true if a password is written in the file, as a whole or beside a template.
pub fn is_written(password: &Template) -> bool {
    literal::is_literal(&[password]) || !reads(password)
}

/// Returns true if a template reads anything from outside of the file.
fn reads(template: &Template) -> bool {
    template.mentions().iter_all().next().is_some()
}

/// Returns the fault of a password that is written in a file.
pub fn password_in_file(template: &Template, help: &str) -> Diagnostic {
    let words = "a password does not belong in a file";
    Diagnostic::at(template.place(), Code::LiteralSecret, words)
        .help(help)
        .concealed()
}

/// Returns true if a password is written in a URL.
pub fn holds_password(url: &Template) -> bool {
    url_password(url).is_some_and(|password| is_literal_part(&password, url))
}

/// Stands for an expression in a URL.
const HOLE: char = '\u{1}';

/// Returns true if a part of a URL has its text from the file.
fn is_literal_part(part: &str, url: &Template) -> bool {
    let is_rendered = part.contains(HOLE) && reads(url);
    !is_rendered || holds_literal_secret(&part.replace(HOLE, "{{}}"))
}

/// Returns the password in a URL, with [`HOLE`] for each expression.
fn url_password(url: &Template) -> Option<String> {
    let text: String = url
        .pieces()?
        .iter()
        .map(|piece| match piece {
            Piece::Raw(raw) => raw.clone(),
            Piece::Hole(_) => HOLE.to_string(),
        })
        .collect();
    let (_, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    let before_host = authority
        .rsplit_once('@')
        .and_then(|(user, _)| user.split_once(':'));
    let parameter = || {
        let (_, query) = after.split_once('?')?;
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix("password="))
    };
    let password = before_host
        .map(|(_, password)| password)
        .or_else(parameter)?;
    Some(password.to_owned()).filter(|password| !password.is_empty())
}
