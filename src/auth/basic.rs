//! `basic: { username, password }`: `Authorization: Basic` (RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::auth::{Auth, Form, TokenScheme, secret_template};
use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};
use crate::template::Template;

pub const FORM: Form = Form {
    key: "basic",
    check,
};

/// The form in which `user:password` is sent (RFC 7617, section 2).
pub fn encode(pair: &str) -> String {
    STANDARD.encode(pair)
}

fn check(node: &Node, _: TokenScheme, faults: &mut Diagnostics) -> Option<Auth> {
    let mut fields = node.fields(FORM.key, faults);
    let username = fields.get("username");
    let password = fields.entry("password");
    fields.finish(faults);
    let Some(username) = username else {
        faults.push(Diagnostic::at(
            &node.place,
            Code::MissingKey,
            "`basic` needs a `username`",
        ));
        return None;
    };
    // The user's name is no secret: it may stand in the file. An empty password is usual where a
    // token is the user's name.
    let user = username.text("username", faults)?;
    let username = match Template::parse(&user) {
        Ok(template) => template,
        Err(_) => secret_template(username, "username", faults)?,
    };
    let password = match password.map(|entry| &entry.value) {
        None => Template::parse(&crate::core::source::Text::new("", &node.place)).ok()?,
        Some(empty) if matches!(&empty.content, Content::Text(text) if text.is_empty()) => {
            Template::parse(&crate::core::source::Text::new("", &node.place)).ok()?
        }
        Some(node) => secret_template(node, "password", faults)?,
    };
    Some(Auth::Basic { username, password })
}
