//! Streams, environment and clock: what the program has of the outside.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::ending::Ending;
use crate::cli::failure::{Failure, Stopped};
use crate::core::code::Code;
use crate::core::secret::{Literals, Scrubber};
use crate::core::text::{printable, printable_lines};
use crate::format::Terminal;

/// The outside, as it was when the program started.
pub struct App {
    /// The environment; names and values that are not Unicode are left out.
    pub env: Arc<BTreeMap<String, String>>,
    /// The folder one stands in.
    pub working_directory: PathBuf,
    /// The moment of the run.
    pub now: Timestamp,
    /// Known secrets.
    pub scrubber: Scrubber,
    /// What looks like a secret on the command line: no failure repeats it.
    pub typed: Literals,
    /// Facts of standard output.
    pub stdout: Stream,
    /// Facts of standard error.
    pub stderr: Stream,
    /// Whether a person can be asked.
    pub can_ask: bool,
    /// Signals, and the end of the time.
    pub ending: Arc<Ending>,
    /// How many lines of progress stand on standard error, to be taken away before anything else.
    progress: Cell<usize>,
    /// True if a question stands there, which nothing may move.
    is_asking: Cell<bool>,
}

/// Facts of an output stream.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// Whether a person reads it.
    pub is_terminal: bool,
    /// Its width in columns.
    pub width: usize,
    /// Whether colours are wanted.
    pub color: bool,
    /// Whether lines can be taken back.
    pub moves_cursor: bool,
}

impl Stream {
    /// For formats: the terminal, if it is one.
    pub fn terminal(self) -> Option<Terminal> {
        self.is_terminal.then_some(Terminal {
            width: self.width,
            color: self.color,
        })
    }
}

impl App {
    /// Looks at the outside, once.
    pub fn new(ending: Arc<Ending>) -> Self {
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
            ending,
            working_directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            now: Timestamp::now(),
            scrubber: Scrubber::new(),
            typed: typed(),
            env: Arc::new(env),
            progress: Cell::new(0),
            is_asking: Cell::new(false),
        }
    }

    /// Whether the environment names certificates to trust, as OpenSSL and curl read it.
    pub fn names_certificates(&self) -> bool {
        ["SSL_CERT_FILE", "SSL_CERT_DIR"]
            .iter()
            .any(|name| self.env.get(*name).is_some_and(|value| !value.is_empty()))
    }

    /// The variables that name proxies and are not empty.
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

    /// Writes a line of talk to standard error: scrubbed, and safe for a terminal. Nobody is left
    /// to tell if that fails.
    pub fn say(&self, text: &str) {
        self.clear_progress();
        let text = self.scrubber.text(text);
        let _ = writeln!(io::stderr().lock(), "{}", printable_lines(&text));
    }

    /// Shows lines in place of those that were shown before.
    pub fn show_progress(&self, lines: &[String]) {
        if self.is_asking.get() {
            return;
        }
        self.clear_progress();
        // A line that wraps could not be taken away again.
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

    /// Takes the lines of progress away.
    pub fn clear_progress(&self) {
        let lines = self.progress.replace(0);
        if lines > 0 {
            let _ = write!(io::stderr().lock(), "\x1b[{lines}A\x1b[J");
        }
    }

    /// As [`App::say`], for text that holds our own colours.
    pub fn say_styled(&self, text: &str) {
        self.clear_progress();
        let text = self.scrubber.text(text);
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Writes to standard output, for all that is not the records of a run.
    ///
    /// # Errors
    ///
    /// If the reader closed it, or it cannot be written.
    pub fn print(&self, text: &str) -> Result<(), Stopped> {
        let text = self.scrubber.text(text);
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(|error| Stopped::from_output(&error))
    }

    /// As [`App::print`], where the exit code says more than the text: a closed reader stops
    /// nothing.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn print_to_any(&self, text: &str) -> Result<(), Failure> {
        match self.print(text) {
            Ok(()) | Err(Stopped::Closed) => Ok(()),
            Err(Stopped::Failed(failure)) => Err(failure),
        }
    }

    /// Asks a question that is answered with yes or no; no answer is no.
    pub fn ask(&self, question: &str) -> bool {
        self.prompt(question);
        let mut answer = String::new();
        let _ = io::stdin().read_line(&mut answer);
        Self::is_yes(&answer)
    }

    /// As [`App::ask`], while a run is under way: a signal or its time limit still ends it.
    pub async fn ask_meanwhile(&self, question: &str) -> bool {
        self.clear_progress();
        self.prompt(question);
        self.is_asking.set(true);
        let _asked = Asked(&self.is_asking);
        let (sender, answered) = tokio::sync::oneshot::channel();
        // It reads on after the run was ended, and ends with the process.
        std::thread::spawn(move || {
            let mut answer = String::new();
            let _ = io::stdin().read_line(&mut answer);
            let _ = sender.send(answer);
        });
        Self::is_yes(&answered.await.unwrap_or_default())
    }

    fn prompt(&self, question: &str) {
        let question = self.scrubber.text(question);
        // In one piece, so that no answer comes between.
        let prompt = format!("{} [y/N] ", printable_lines(&question));
        let _ = io::stderr().lock().write_all(prompt.as_bytes());
    }

    fn is_yes(answer: &str) -> bool {
        if !answer.ends_with('\n') {
            // The end of input leaves the cursor behind the question.
            let _ = writeln!(io::stderr().lock());
        }
        matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
    }
}

/// Ends a question, answered or not.
struct Asked<'a>(&'a Cell<bool>);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// A panic is a mistake of this program. What it says may hold anything, a secret too: only its
/// place is told.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let _ = writeln!(
            io::stderr().lock(),
            "error[{}]: runner has made a mistake{place}; please report this line",
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

/// As much of a line as fits.
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

fn width(env: &BTreeMap<String, String>) -> usize {
    let asked = env
        .get("COLUMNS")
        .and_then(|columns| columns.parse::<usize>().ok())
        .filter(|columns| *columns > 0);
    let measured =
        || terminal_size::terminal_size().map(|(terminal_size::Width(width), _)| width.into());
    // A terminal that does not know its width says 0.
    asked
        .or_else(measured)
        .filter(|width| *width > 0)
        .unwrap_or(80)
}

/// `NO_COLOR` (any value but an empty one) wins, then `CLICOLOR_FORCE`, then the terminal.
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
