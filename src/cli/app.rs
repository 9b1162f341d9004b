//! Streams, environment and clock of the process.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::failure::{Failure, Stopped};
use crate::cli::shutdown::Shutdown;
use crate::core::code::Code;
use crate::core::secret::{Literals, Scrubber};
use crate::core::text::{printable, printable_lines};
use crate::format::Terminal;

/// The width in characters of tables in a pipe or file, unless `COLUMNS` is set: as wide as most
/// mail, chat and CI logs show a line.
const PAGE_WIDTH: usize = 100;

/// The outside state at program start.
pub struct App {
    /// The environment; names and values that are not Unicode are ignored.
    pub env: Arc<BTreeMap<String, String>>,
    /// The folder one stands in.
    pub working_directory: PathBuf,
    /// The start time of the run.
    pub now: Timestamp,
    /// Known secrets.
    pub scrubber: Scrubber,
    /// Literals on the command line that look like secrets: no failure repeats them.
    pub typed: Literals,
    /// Properties of standard output.
    pub stdout: Stream,
    /// Properties of standard error.
    pub stderr: Stream,
    /// True if prompts can be answered.
    pub can_ask: bool,
    /// Signals and the time limit.
    pub shutdown: Arc<Shutdown>,
    /// The number of progress lines on standard error, cleared before any other output.
    progress: Cell<usize>,
    /// True while a prompt is shown, which must not be moved.
    is_asking: Cell<bool>,
    /// The messages of a test case or of an assistant's call, which are not printed.
    messages: Option<RefCell<Vec<String>>>,
    /// True if the readers of messages have no command line: hints on its options are left out.
    pub has_no_command_line: bool,
}

/// Properties of an output stream.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// True if it is a terminal.
    pub is_terminal: bool,
    /// The width in columns.
    pub width: usize,
    /// True if colours are enabled.
    pub color: bool,
    /// True if lines can be erased.
    pub moves_cursor: bool,
}

impl Stream {
    /// A file.
    pub const FILE: Self = Self {
        is_terminal: false,
        width: PAGE_WIDTH,
        color: false,
        moves_cursor: false,
    };

    /// Returns the terminal for formats, if it is one.
    pub fn terminal(self) -> Option<Terminal> {
        self.is_terminal.then_some(Terminal {
            width: self.width,
            color: self.color,
        })
    }
}

impl App {
    /// Reads the outside state, once.
    pub fn new(shutdown: Arc<Shutdown>) -> Self {
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let stdout = io::stdout().is_terminal();
        let stderr = io::stderr().is_terminal();
        let width = width(&env);
        let stream = |is_terminal: bool| Stream {
            is_terminal,
            width,
            color: wants_color(&env, is_terminal),
            moves_cursor: is_terminal && env.get("TERM").is_some_and(|term| term != "dumb"),
        };
        Self {
            stdout: stream(stdout),
            stderr: stream(stderr),
            can_ask: stderr && io::stdin().is_terminal(),
            shutdown,
            working_directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            now: Timestamp::now(),
            scrubber: Scrubber::new(),
            typed: typed(),
            env: Arc::new(env),
            progress: Cell::new(0),
            is_asking: Cell::new(false),
            messages: None,
            has_no_command_line: false,
        }
    }

    /// Returns the same outside in another folder.
    #[must_use]
    pub fn in_folder(&self, working_directory: PathBuf) -> Self {
        Self {
            env: Arc::clone(&self.env),
            working_directory,
            now: self.now,
            scrubber: self.scrubber.clone(),
            typed: self.typed.clone(),
            stdout: self.stdout,
            stderr: self.stderr,
            can_ask: self.can_ask,
            shutdown: Arc::clone(&self.shutdown),
            progress: Cell::new(0),
            is_asking: Cell::new(false),
            messages: None,
            has_no_command_line: self.has_no_command_line,
        }
    }

    /// Returns the same outside for a call of an assistant at a time: messages are collected instead
    /// of printed.
    #[must_use]
    pub fn of_call(&self, now: Timestamp) -> Self {
        Self {
            now,
            stdout: Stream::FILE,
            stderr: Stream::FILE,
            can_ask: false,
            messages: Some(RefCell::default()),
            has_no_command_line: true,
            ..self.in_folder(self.working_directory.clone())
        }
    }

    /// Creates the outside of a test case: nothing of the machine but the working directory, and
    /// messages are collected instead of printed.
    pub fn of_case(
        env: Arc<BTreeMap<String, String>>,
        working_directory: PathBuf,
        now: Timestamp,
    ) -> Self {
        Self {
            stdout: Stream::FILE,
            stderr: Stream::FILE,
            can_ask: false,
            shutdown: Arc::default(),
            working_directory,
            now,
            scrubber: Scrubber::new(),
            typed: Literals::default(),
            env,
            progress: Cell::new(0),
            is_asking: Cell::new(false),
            messages: Some(RefCell::default()),
            has_no_command_line: false,
        }
    }

    /// Returns the collected messages, each of one or more lines.
    pub fn messages(&self) -> Vec<String> {
        let messages = self.messages.as_ref();
        messages.map_or_else(Vec::new, |messages| messages.borrow().clone())
    }

    /// Writes a line to standard error, or collects it.
    fn write_message(&self, line: &str) {
        match &self.messages {
            Some(messages) => messages.borrow_mut().push(line.to_owned()),
            None => {
                let _ = writeln!(io::stderr().lock(), "{line}");
            }
        }
    }

    /// Returns the width in characters of tables in a pipe or file.
    pub fn page_width(&self) -> usize {
        columns(&self.env).unwrap_or(PAGE_WIDTH)
    }

    /// Returns true if the environment names trusted certificates, as for OpenSSL and curl.
    pub fn names_certificates(&self) -> bool {
        ["SSL_CERT_FILE", "SSL_CERT_DIR"]
            .iter()
            .any(|name| self.env.get(*name).is_some_and(|value| !value.is_empty()))
    }

    /// Returns the password of databases, from the variable of PostgreSQL's own programs.
    pub fn database_password(&self) -> Option<String> {
        let password = self.env.get("PGPASSWORD").cloned();
        password.filter(|password| !password.is_empty())
    }

    /// Returns the non-empty variables that define proxies.
    pub fn proxies(&self) -> Vec<(String, String)> {
        [
            "HTTPS_PROXY",
            "https_proxy",
            "HTTP_PROXY",
            "http_proxy",
            "ALL_PROXY",
            "all_proxy",
        ]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), self.env.get(*name)?.trim().to_owned())))
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }

    /// Writes a message to standard error, scrubbed and escaped. Errors are ignored, since they
    /// could not be reported.
    pub fn eprintln(&self, text: &str) {
        self.clear_progress();
        let text = self.scrubber.text(text);
        self.write_message(&printable_lines(&text));
    }

    /// Shows progress lines, replacing the previous ones.
    pub fn show_progress(&self, lines: &[String]) {
        if self.is_asking.get() {
            return;
        }
        self.clear_progress();
        // A wrapped line could not be erased.
        let width = self.stderr.width.saturating_sub(1);
        let mut text = String::new();
        for line in lines {
            let line = self.scrubber.text(line);
            text.push_str(&fitting(&printable(&line), width));
            text.push('\n');
        }
        let _ = io::stderr().lock().write_all(text.as_bytes());
        self.progress.set(lines.len());
    }

    /// Erases the progress lines.
    pub fn clear_progress(&self) {
        let lines = self.progress.replace(0);
        if lines > 0 {
            let _ = write!(io::stderr().lock(), "\x1b[{lines}A\x1b[J");
        }
    }

    /// As [`App::eprintln`], for text with our own colours.
    pub fn say_styled(&self, text: &str) {
        self.clear_progress();
        let text = self.scrubber.text(text);
        self.write_message(&text);
    }

    /// Writes to standard output, for everything except the records of a run.
    ///
    /// # Errors
    ///
    /// If the reader closed it, or writing fails.
    pub fn print(&self, text: &str) -> Result<(), Stopped> {
        let text = self.scrubber.text(text);
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(|error| Stopped::from_output(&error))
    }

    /// As [`App::print`], but a closed reader is ignored, for verbs whose exit code matters more
    /// than the text.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn print_to_any(&self, text: &str) -> Result<(), Failure> {
        match self.print(text) {
            Ok(()) | Err(Stopped::Closed) => Ok(()),
            Err(Stopped::Failed(failure)) => Err(failure),
        }
    }

    /// Asks a yes/no question; the default is no.
    pub fn ask(&self, question: &str) -> bool {
        self.prompt(question);
        let mut answer = String::new();
        let _ = io::stdin().read_line(&mut answer);
        Self::is_yes(&answer)
    }

    /// As [`App::ask`], during a run: a signal or the time limit still ends it.
    pub async fn ask_meanwhile(&self, question: &str) -> bool {
        self.clear_progress();
        self.prompt(question);
        self.is_asking.set(true);
        let _guard = AskingGuard(&self.is_asking);
        let (sender, answered) = tokio::sync::oneshot::channel();
        // It keeps reading after the run was stopped, and ends with the process.
        std::thread::spawn(move || {
            let mut answer = String::new();
            let _ = io::stdin().read_line(&mut answer);
            let _ = sender.send(answer);
        });
        Self::is_yes(&answered.await.unwrap_or_default())
    }

    fn prompt(&self, question: &str) {
        let question = self.scrubber.text(question);
        discard_typed_input();
        // In one write, so that no response comes in between.
        let prompt = format!("{} [y/N] ", printable_lines(&question));
        let _ = io::stderr().lock().write_all(prompt.as_bytes());
    }

    fn is_yes(answer: &str) -> bool {
        if !answer.ends_with('\n') {
            // At the end of input, the cursor is still after the question.
            let _ = writeln!(io::stderr().lock());
        }
        matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
    }
}

/// Discards input typed before a prompt was shown, which cannot be an answer to it.
fn discard_typed_input() {
    #[cfg(unix)]
    {
        use rustix::termios::{QueueSelector, tcflush};
        // Fails for anything but a terminal, which has no such input.
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    }
}

/// Marks a prompt as shown until it is dropped.
struct AskingGuard<'a>(&'a Cell<bool>);

impl Drop for AskingGuard<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Installs a panic hook that only prints the place: a panic is a bug, and its message may contain
/// a secret.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let _ = writeln!(
            io::stderr().lock(),
            "error[{}]: internal error{place}; please report this line",
            Code::Internal
        );
    }));
}

fn typed() -> Literals {
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().replace('\n', " "))
        .collect();
    Literals::of(&words.join("\n"))
}

/// Returns the part of a line that fits.
fn fitting(line: &str, width: usize) -> String {
    use unicode_width::UnicodeWidthChar as _;
    let mut used = 0;
    line.chars()
        .take_while(|character| {
            used += character.width().unwrap_or(0);
            used <= width
        })
        .collect()
}

/// Returns the width in the variable `COLUMNS`, if it is set.
fn columns(env: &BTreeMap<String, String>) -> Option<usize> {
    let columns = env.get("COLUMNS")?.parse().ok();
    columns.filter(|columns| *columns > 0)
}

fn width(env: &BTreeMap<String, String>) -> usize {
    let measured =
        || terminal_size::terminal_size().map(|(terminal_size::Width(width), _)| width.into());
    // A terminal of unknown width reports 0.
    columns(env)
        .or_else(measured)
        .filter(|width| *width > 0)
        .unwrap_or(80)
}

/// A non-empty `NO_COLOR` takes precedence, then `CLICOLOR_FORCE`, then the terminal.
fn wants_color(env: &BTreeMap<String, String>, is_terminal: bool) -> bool {
    let is_set = |name: &str| env.get(name).is_some_and(|value| !value.is_empty());
    if is_set("NO_COLOR") {
        return false;
    }
    if env
        .get("CLICOLOR_FORCE")
        .is_some_and(|value| value != "0" && !value.is_empty())
    {
        return true;
    }
    is_terminal && env.get("TERM").is_none_or(|term| term != "dumb")
}
