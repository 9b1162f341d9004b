//! `command: [program, arg…]`: its standard output is the token.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::auth::{Auth, Form, TokenScheme};
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};
use crate::core::secret::Secret;
use crate::core::time::format_duration;

pub const FORM: Form = Form {
    key: "command",
    check,
};

/// A password manager may ask its user something.
const LONGEST: Duration = Duration::from_secs(60);

fn check(node: &Node, scheme: TokenScheme, faults: &mut Diagnostics) -> Option<Auth> {
    let Content::List(items) = &node.content else {
        let hint = "each argument is an item: `[op, read, \"op://ci/circleci/token\"]`";
        faults.push(
            node.mismatch(FORM.key, "a list of a program and its arguments")
                .help(hint),
        );
        return None;
    };
    let mut command = Vec::with_capacity(items.len());
    for item in items {
        let Some(word) = item.scalar() else {
            faults.push(item.mismatch(FORM.key, "texts"));
            return None;
        };
        if word.contains("{{") {
            faults.push(Diagnostic::at(
                &item.place,
                "no-template-here",
                "a command is run as it is written, without templates",
            ));
            return None;
        }
        command.push(word);
    }
    if command.first().is_none_or(String::is_empty) {
        faults.push(Diagnostic::at(
            &node.place,
            "missing-key",
            "`command` needs a program",
        ));
        return None;
    }
    Some(Auth::Command {
        command,
        scheme,
        place: node.place.clone(),
    })
}

/// Runs the program, without a shell, in the project's folder, and gives what it printed.
///
/// # Errors
///
/// In words: it could not be started, failed, took too long, or printed nothing.
pub async fn run(command: &[String], folder: &Path) -> Result<Secret, String> {
    let program = &command[0];
    let child = Command::new(program)
        .args(&command[1..])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("`{program}` could not be started: {error}"))?;
    let output = tokio::time::timeout(LONGEST, child.wait_with_output())
        .await
        .map_err(|_| {
            let limit = format_duration(LONGEST);
            format!("`{program}` did not print a token within {limit}")
        })?
        .map_err(|error| format!("`{program}` could not be read: {error}"))?;
    if !output.status.success() {
        // Only its last words: whatever else it printed may hold what it must not.
        let words = String::from_utf8_lossy(&output.stderr);
        let last = words.trim().lines().last().unwrap_or("it said nothing");
        return Err(format!("`{program}` failed ({}): {last}", output.status));
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| format!("what `{program}` printed is not text"))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(format!("`{program}` printed nothing"));
    }
    Ok(Secret::new(token))
}
