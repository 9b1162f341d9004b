//! `command: [program, arg…]`: its standard output is the token.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
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

/// More than any token is long.
const MOST: u64 = 64 * 1024;

/// Reads a stream as far as a token can reach; what comes behind that ends the program's writing.
async fn read(stream: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> std::io::Result<()> {
    if let Some(stream) = stream {
        stream.take(MOST).read_to_end(into).await?;
    }
    Ok(())
}

fn check(node: &Node, scheme: TokenScheme, faults: &mut Diagnostics) -> Option<Auth> {
    let Content::List(items) = &node.content else {
        let hint = "each argument is an item: `[op, read, \"op://ci/circleci/token\"]`";
        // A line such as `pass show x` may hold a secret: it is not repeated.
        let words = format!(
            "`command` takes a list of a program and its arguments, got {}",
            node.kind()
        );
        faults.push(Diagnostic::at(&node.place, "wrong-type", words).help(hint));
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
    let mut child = Command::new(program)
        .args(&command[1..])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("`{program}` could not be started: {error}"))?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let reading = async {
        let reads = (read(out, &mut stdout), read(err, &mut stderr));
        let (out, err) = tokio::join!(reads.0, reads.1);
        out.and(err)
    };
    let status = async {
        reading
            .await
            .map_err(|error| format!("`{program}` could not be read: {error}"))?;
        child
            .wait()
            .await
            .map_err(|error| format!("`{program}` could not be waited for: {error}"))
    };
    let status = tokio::time::timeout(LONGEST, status).await.map_err(|_| {
        let limit = format_duration(LONGEST);
        format!("`{program}` did not print a token within {limit}")
    })??;
    if stdout.len() as u64 >= MOST {
        return Err(format!("`{program}` printed more than any token is long"));
    }
    if !status.success() {
        // Only its last words: whatever else it printed may hold what it must not.
        let words = String::from_utf8_lossy(&stderr);
        let last = words.trim().lines().last().unwrap_or("it said nothing");
        return Err(format!("`{program}` failed ({status}): {last}"));
    }
    let text =
        String::from_utf8(stdout).map_err(|_| format!("what `{program}` printed is not text"))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(format!("`{program}` printed nothing"));
    }
    Ok(Secret::new(token))
}
