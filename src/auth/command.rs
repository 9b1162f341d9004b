//! `command: [program, arg…]`: the token is the program's standard output.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use crate::auth::credential::identity_of;
use crate::auth::{
    Auth, Authenticate, Context, Credential, CredentialError, Form, Obtaining, TokenScheme,
    at_once, in_header, unusable,
};
use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry};
use crate::core::key::ValueForm;
use crate::core::secret::{Scrubber, Secret};
use crate::core::shell;
use crate::core::shutdown::Cleanup;
use crate::core::source::Place;
use crate::core::text::truncate_to_width;
use crate::core::time::format_duration;
use crate::template::{RenderError, Scope, Template};

pub const FORM: Form = Form {
    key: "command",
    takes: ValueForm::NonEmptyList(&ValueForm::Scalar),
    doc: "a program and its arguments, whose output is the token",
    grammar: None,
    check,
};

/// The timeout: a password manager may prompt its user.
const LONGEST: Duration = Duration::from_secs(60);

/// The maximum size of the output.
const MOST: u64 = 64 * 1024;

/// The maximum width of the program's error message, in terminal columns.
const WIDEST: usize = 300;

/// Returns true if the program can prompt its user. In a process group of its own it could not, and
/// signals from the terminal reach the whole group anyway.
fn has_terminal() -> bool {
    #[cfg(unix)]
    {
        use rustix::fs::{Mode, OFlags, open};
        let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
        open("/dev/tty", flags, Mode::empty()).is_ok()
    }
    #[cfg(not(unix))]
    true
}

/// The program and its children, killed when this is dropped.
struct Family {
    group: Option<u32>,
    _cleanup: Cleanup,
}

impl Family {
    fn of(child: &Child, has_own_group: bool) -> Self {
        let id = child.id();
        Self {
            group: id.filter(|_| has_own_group),
            _cleanup: Cleanup::new(move || kill(id, has_own_group)),
        }
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        kill(self.group, true);
    }
}

/// Kills a process, or its whole group.
fn kill(id: Option<u32>, is_group: bool) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process, kill_process_group};
        let id = id.and_then(|id| Pid::from_raw(id.cast_signed()));
        // It may have ended already, which is fine.
        let _ = id.map(|id| {
            if is_group {
                kill_process_group(id, Signal::KILL)
            } else {
                kill_process(id, Signal::KILL)
            }
        });
    }
    #[cfg(not(unix))]
    let _ = (id, is_group);
}

/// Reads a stream up to the maximum length of a token; a longer output breaks the program's pipe.
async fn read(stream: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> std::io::Result<()> {
    if let Some(stream) = stream {
        stream.take(MOST).read_to_end(into).await?;
    }
    Ok(())
}

fn check(entry: &Entry, scheme: Option<TokenScheme>, faults: &mut Diagnostics) -> Option<Auth> {
    let node = &entry.value;
    let Content::List(items) = &node.content else {
        let hint = "each argument is an item: `[op, read, \"op://ci/circleci/token\"]`";
        // A line such as `pass show x` may contain a secret, so it is not repeated.
        let words = format!(
            "`command` takes a list of a program and its arguments, got {}",
            node.kind()
        );
        faults.push(Diagnostic::at(&node.place, Code::WrongType, words).help(hint));
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
                Code::NoTemplateHere,
                "a command cannot have templates",
            ));
            return None;
        }
        command.push(word);
    }
    if command.first().is_none_or(String::is_empty) {
        faults.push(Diagnostic::at(
            &node.place,
            Code::MissingKey,
            "`command` needs a program",
        ));
        return None;
    }
    Some(Arc::new(Printed {
        command,
        scheme: scheme.unwrap_or(TokenScheme::Bearer),
        place: node.place.clone(),
    }))
}

/// Runs a program, without a shell, in the project's folder, and returns its output.
///
/// # Errors
///
/// A message, if it cannot be started, fails, takes too long, or prints nothing.
pub async fn run(command: &[String], folder: &Path, scrubber: &Scrubber) -> Result<Secret, String> {
    let program = &command[0];
    let mut starting = Command::new(program);
    starting
        .args(&command[1..])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let has_own_group = !has_terminal();
    #[cfg(unix)]
    if has_own_group {
        starting.process_group(0);
    }
    let mut child = starting
        .spawn()
        .map_err(|error| format!("cannot start `{program}`: {error}"))?;
    let _family = Family::of(&child, has_own_group);
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
            .map_err(|error| format!("cannot read from `{program}`: {error}"))?;
        child
            .wait()
            .await
            .map_err(|error| format!("cannot wait for `{program}`: {error}"))
    };
    let status = tokio::time::timeout(LONGEST, status).await.map_err(|_| {
        let limit = format_duration(LONGEST);
        format!("`{program}` did not print a token within {limit}")
    })??;
    if stdout.len() as u64 >= MOST {
        return Err(format!("the output of `{program}` is too long for a token"));
    }
    if !status.success() {
        // Only its last line: other output may contain secrets.
        let words = String::from_utf8_lossy(&stderr);
        let last = words.trim().lines().last().unwrap_or("no error message");
        // Part of a secret would not be recognized, so it is masked before the line is cut.
        let last = scrubber.text(last);
        let last = truncate_to_width(&last, WIDEST);
        return Err(format!("`{program}` failed ({status}): {last}"));
    }
    let text =
        String::from_utf8(stdout).map_err(|_| format!("the output of `{program}` is not text"))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(format!("`{program}` printed nothing"));
    }
    Ok(Secret::new(token))
}

/// A token printed by a program.
#[derive(Debug)]
struct Printed {
    command: Vec<String>,
    scheme: TokenScheme,
    place: Place,
}

impl Authenticate for Printed {
    fn templates(&self) -> Vec<&Template> {
        Vec::new()
    }

    /// The program runs when the first request is sent.
    fn ready(&self, _: &Scope) -> Result<(), CredentialError> {
        Ok(())
    }

    fn obtain<'a>(&'a self, context: Context<'a>) -> Obtaining<'a> {
        Box::pin(async move {
            let token = run(&self.command, context.folder, context.scrubber)
                .await
                .map_err(unusable)?;
            context.scrubber.add(&token);
            let (name, prefix) = self.scheme.header();
            at_once(in_header(name, prefix, token.expose(), &self.place)).await
        })
    }

    fn shown(&self, _: &Scope, mark: &dyn Fn(&str) -> String) -> Result<Credential, RenderError> {
        let words: Vec<String> = self
            .command
            .iter()
            .map(|word| shell::quoted(word))
            .collect();
        let call = mark(&format!("({})", words.join(" ")));
        let (name, prefix) = self.scheme.header();
        Ok(Credential::header(name, prefix, Secret::new(call)))
    }

    fn words(&self) -> String {
        format!("the output of `{}`", self.command[0])
    }

    /// A program may print another token in each process.
    fn lasting_identity(&self, _: &Scope) -> Option<Secret> {
        let words = self.command.iter().map(String::as_str);
        Some(identity_of([FORM.key].into_iter().chain(words)))
    }

    /// A program may print short-lived tokens.
    fn can_renew(&self) -> bool {
        true
    }

    fn runs_program(&self) -> bool {
        true
    }

    fn origin(&self) -> String {
        format!(
            "the token is from the command `{}`: check that it is still valid",
            self.command[0]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn output_of(line: &str) -> Result<Secret, String> {
        let command = ["sh", "-c", line].map(str::to_owned);
        let scrubber = Scrubber::default();
        scrubber.add(&Secret::new("open-sesame"));
        run(&command, Path::new("."), &scrubber).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_hangs_is_ended() {
        let failure = output_of("exec sleep 300").await.expect_err("it hangs");
        assert_eq!(failure, "`sh` did not print a token within 1m");
    }

    #[tokio::test]
    async fn a_shared_budget_knows_a_program_by_its_command_line() {
        let wallet = |line: &str| {
            let command = ["sh", "-c", line].map(str::to_owned).to_vec();
            let file = crate::core::source::SourceFile::new("x", "x", "");
            let span = crate::core::source::Span::default();
            crate::auth::testing::wallet(Printed {
                command,
                scheme: TokenScheme::Bearer,
                place: Place { file, span },
            })
        };
        let (one, same, other) = (wallet("echo $$"), wallet("echo $$"), wallet("echo 1"));
        let identity = one.lasting_identity().await.expect("an identity");
        assert_eq!(identity, same.lasting_identity().await.expect("the same"));
        assert_ne!(identity, other.lasting_identity().await.expect("another"));
        // The cache tells the tokens apart.
        let token = one.identity().await.expect("a token");
        assert_ne!(token, same.identity().await.expect("another token"));
    }

    #[tokio::test]
    async fn white_space_around_a_token_is_not_part_of_it() {
        for line in ["echo token", "printf token", "printf '\\n token \\r\\n'"] {
            let token = output_of(line).await.expect("a token");
            assert_eq!(token.expose(), "token", "{line}");
        }
    }

    #[tokio::test]
    async fn a_long_message_is_masked_before_it_is_cut() {
        let line = format!(
            "echo first >&2; echo {}open-sesame >&2; exit 4",
            "x".repeat(295)
        );
        let failure = output_of(&line).await.expect_err("it fails");
        let expected = format!("`sh` failed (exit status: 4): {}***", "x".repeat(295));
        assert_eq!(failure, expected);
        let line = format!("echo {} >&2; exit 4", "x".repeat(1_000));
        let failure = output_of(&line).await.expect_err("it fails");
        assert!(failure.ends_with("xx…"), "{failure}");
    }
}
