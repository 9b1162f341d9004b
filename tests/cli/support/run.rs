//! The built binary, run in a project with a clean environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::outcome::Outcome;
use super::project::Project;
use super::redact;
use super::secrets::{CANARY, Secret};

const RUNNER: &str = env!("CARGO_BIN_EXE_runner");

/// One run to be made. The environment holds `PATH`, a `HOME` of its own, `TZ=UTC` and
/// `CIRCLE_TOKEN` with the [`CANARY`], and nothing else; standard input is empty.
#[must_use = "nothing runs until `outcome` or `start`"]
pub struct Run<'p> {
    project: &'p Project,
    folder: PathBuf,
    program: OsString,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    stdin: Input,
    stdout_limit: u64,
    timeout: Duration,
    terminal: Option<u16>,
    answers: Vec<(String, String)>,
    secrets: Vec<String>,
}

/// The content of standard input.
enum Input {
    Empty,
    Bytes(Vec<u8>),
    LeftOpen,
}

impl<'p> Run<'p> {
    /// A run of `runner` in the project's folder.
    pub fn in_(project: &'p Project) -> Self {
        Self::program(project, RUNNER)
    }

    /// A run of another program.
    pub fn program(project: &'p Project, program: &str) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let env = [
            ("PATH", path),
            ("HOME", project.home().into()),
            ("TZ", "UTC".into()),
            ("CIRCLE_TOKEN", CANARY.into()),
        ];
        Self {
            project,
            folder: project.path().to_owned(),
            program: program.into(),
            args: Vec::new(),
            env: env.map(|(name, value)| (name.into(), value)).into(),
            stdin: Input::Empty,
            stdout_limit: u64::MAX,
            timeout: Duration::from_secs(30),
            terminal: None,
            answers: Vec::new(),
            secrets: Vec::new(),
        }
    }

    /// More arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Starts in a folder of the project.
    pub fn folder(mut self, path: &str) -> Self {
        self.folder = self.project.path().join(path);
        self
    }

    /// Sets a variable. Another `CIRCLE_TOKEN` is a secret like the canary.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let value = value.as_ref();
        if name == "CIRCLE_TOKEN" && value.len() >= 8 {
            self.secrets.push(value.to_string_lossy().into_owned());
        }
        self.env.insert(name.into(), value.to_owned());
        self
    }

    /// Takes a variable away, such as `CIRCLE_TOKEN`.
    pub fn without_env(mut self, name: &str) -> Self {
        self.env.remove(OsStr::new(name));
        self
    }

    /// One more value that must not come out.
    pub fn secret(mut self, value: &str) -> Self {
        self.secrets.push(value.to_owned());
        self
    }

    /// Standard input from these bytes.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Input::Bytes(bytes.into());
        self
    }

    /// Standard input that never says anything and never ends, as under some CI systems.
    pub fn stdin_left_open(mut self) -> Self {
        self.stdin = Input::LeftOpen;
        self
    }

    /// Reads so many bytes of standard output and closes it, as `| head` does.
    pub fn stdout_closed_after(mut self, bytes: u64) -> Self {
        self.stdout_limit = bytes;
        self
    }

    /// Kills the program and fails the test after this time; 30 s unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs on a terminal of so many columns: stdout and stderr come together, as a person sees
    /// them. Needs `script` of util-linux.
    pub fn terminal(mut self, columns: u16) -> Self {
        self.terminal = Some(columns);
        self.env.insert("TERM".into(), "xterm-256color".into());
        self
    }

    /// On a terminal: types `text` (`"y\n"`; `"\x03"` is Ctrl-C) once `prompt` is to be read. In
    /// the order given; a prompt that never comes fails the test.
    pub fn answer(mut self, prompt: &str, text: &str) -> Self {
        self.answers.push((prompt.to_owned(), text.to_owned()));
        self
    }

    /// Runs it to its end.
    pub fn outcome(self) -> Outcome {
        self.start().finish()
    }

    /// Starts it, for a test that does something meanwhile.
    pub fn start(self) -> Running<'p> {
        heed_interrupts();
        let started = Instant::now();
        let day = SystemTime::now();
        let mut command = self.command();
        command
            .stdin(match (&self.stdin, self.terminal) {
                (Input::Empty, None) => Stdio::null(),
                _ => Stdio::piped(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!(
                "{} does not start: {error}",
                command.get_program().display()
            )
        });
        let (sender, pieces) = mpsc::channel();
        let stdout = child.stdout.take().expect("piped").take(self.stdout_limit);
        let stderr = child.stderr.take().expect("piped");
        forward(stdout, sender.clone(), Piece::Stdout);
        forward(stderr, sender, Piece::Stderr);
        let stdin = child.stdin.take();
        let stdin = if let Input::Bytes(bytes) = &self.stdin {
            assert!(self.terminal.is_none(), "on a terminal, use `answer`");
            feed(stdin.expect("piped"), bytes.clone());
            None
        } else {
            stdin
        };
        Running {
            deadline: started + self.timeout,
            run: self,
            day,
            child,
            stdin,
            pieces,
            stdout: Vec::new(),
            stderr: Vec::new(),
            answered: 0,
            read_up_to: 0,
        }
    }

    /// Returns the command, for a test that speaks with the program itself.
    pub fn command(&self) -> Command {
        let mut command = self.program_or_script();
        command
            .current_dir(&self.folder)
            .env_clear()
            .envs(&self.env);
        command
    }

    fn program_or_script(&self) -> Command {
        let Some(columns) = self.terminal else {
            let mut command = Command::new(&self.program);
            command.args(&self.args);
            return command;
        };
        require_script();
        let words: Vec<String> = std::iter::once(&self.program)
            .chain(&self.args)
            .map(|word| quoted(&word.to_string_lossy()))
            .collect();
        let line = format!("stty cols {columns} rows 50 && exec {}", words.join(" "));
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--flush", "--command", &line]);
        command.arg("/dev/null");
        command
    }
}

/// Lets programs start with the default action of SIGINT: an ignored signal stays ignored in every
/// program that is started, a caught one does not. A shell starts its background jobs with SIGINT
/// ignored, and so the tests.
fn heed_interrupts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The handler does what happens without one.
        let always = Arc::new(AtomicBool::new(true));
        signal_hook::flag::register_conditional_default(signal_hook::consts::SIGINT, always)
            .expect("SIGINT can be caught");
    });
}

/// A terminal is what a test asks for; without one it must not pass.
fn require_script() {
    let version = Command::new("script").arg("--version").output();
    let version = version.map_or_else(|_| Vec::new(), |output| output.stdout);
    assert!(
        String::from_utf8_lossy(&version).contains("util-linux"),
        "this test needs a terminal, made by `script` of util-linux, which is not there: install \
         `bsdutils` (Debian, Ubuntu), `util-linux-script` (Fedora) or `util-linux` (others)"
    );
}

/// Bytes of one of the two streams.
enum Piece {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
}

fn forward(
    mut source: impl Read + Send + 'static,
    sender: Sender<Piece>,
    piece: fn(Vec<u8>) -> Piece,
) {
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match source.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return,
                Ok(count) => {
                    let _ = sender.send(piece(buffer[..count].to_vec()));
                }
            }
        }
    });
}

fn feed(mut stdin: ChildStdin, bytes: Vec<u8>) {
    // A program that does not read its input is no fault.
    thread::spawn(move || stdin.write_all(&bytes));
}

/// A program under way; killed if the test ends before it.
#[must_use = "the program is killed when this is dropped"]
pub struct Running<'p> {
    run: Run<'p>,
    deadline: Instant,
    day: SystemTime,
    child: Child,
    stdin: Option<ChildStdin>,
    pieces: Receiver<Piece>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    answered: usize,
    read_up_to: usize,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running<'_> {
    /// Sends SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        assert!(self.run.terminal.is_none(), "on a terminal, type \"\\x03\"");
        let line = format!("kill -INT {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &line]).status();
        assert!(sent.is_ok_and(|status| status.success()), "`{line}` failed");
    }

    /// Returns true if the program has ended; it still has to be finished.
    pub fn has_ended(&mut self) -> bool {
        let status = self.child.try_wait();
        status.expect("a child of this process").is_some()
    }

    /// Ends it at once with SIGKILL, as the machine may.
    pub fn kill(mut self) {
        self.child.kill().expect("a child of this process");
        self.child.wait().expect("a child of this process");
    }

    /// Waits for the end and makes sure that no secret came out.
    pub fn finish(mut self) -> Outcome {
        self.collect();
        let status = self.wait();
        let unanswered = self.run.answers.get(self.answered);
        let outcome = Outcome {
            title: self.title(),
            stdout: std::mem::take(&mut self.stdout),
            stderr: std::mem::take(&mut self.stderr),
            exit: status
                .code()
                .or_else(|| status.signal().map(|signal| 128 + signal))
                .expect("a program that ended has a code or a signal"),
            columns: self.run.terminal,
            places: self.places(),
            days: [self.day, SystemTime::now()].map(redact::day_of),
        };
        if let Some((prompt, _)) = unanswered {
            panic!("the prompt `{prompt}` never came:\n{}", outcome.snapshot());
        }
        self.assert_no_secret(&outcome);
        outcome
    }

    fn collect(&mut self) {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(Piece::Stdout(bytes)) => self.stdout.extend(bytes),
                Ok(Piece::Stderr(bytes)) => self.stderr.extend(bytes),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => self.give_up(),
            }
            self.type_answers();
        }
    }

    fn type_answers(&mut self) {
        while let Some((prompt, text)) = self.run.answers.get(self.answered) {
            let unread = &self.stdout[self.read_up_to..];
            let found = unread
                .windows(prompt.len().max(1))
                .position(|bytes| bytes == prompt.as_bytes());
            let (Some(at), Some(stdin)) = (found, &mut self.stdin) else {
                return;
            };
            // A terminal that has gone says so by its exit code.
            let _ = stdin
                .write_all(text.as_bytes())
                .and_then(|()| stdin.flush());
            self.read_up_to += at + prompt.len();
            self.answered += 1;
        }
    }

    /// The streams are closed, so the end is near: std has no wait with a bound, hence the steps.
    fn wait(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of this process") {
                return status;
            }
            if Instant::now() >= self.deadline {
                self.give_up();
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn give_up(&self) -> ! {
        panic!(
            "{} did not end in {:?}\n--- stdout so far\n{}\n--- stderr so far\n{}",
            self.title(),
            self.run.timeout,
            String::from_utf8_lossy(&self.stdout),
            String::from_utf8_lossy(&self.stderr),
        );
    }

    fn title(&self) -> String {
        let mut title = "$ runner".to_owned();
        for arg in &self.run.args {
            title.push(' ');
            title.push_str(&quoted(&arg.to_string_lossy()));
        }
        title
    }

    fn places(&self) -> Vec<(String, &'static str)> {
        let place = |path: &OsStr| path.to_string_lossy().into_owned();
        vec![
            (place(self.run.project.path().as_os_str()), "[PROJECT]"),
            (place(self.run.project.home().as_os_str()), "[HOME]"),
            (place(&self.run.program), "runner"),
        ]
    }

    fn assert_no_secret(&self, outcome: &Outcome) {
        let canary = Secret::new(CANARY);
        let others = self.run.secrets.iter().map(|value| Secret::new(value));
        for secret in others.chain([Secret::new(CANARY)]) {
            for (name, bytes) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
                if let Some(piece) = secret.leak_in(&String::from_utf8_lossy(bytes)) {
                    panic!("a secret is on {name} (`{piece}`):\n{}", outcome.snapshot());
                }
            }
        }
        // A test may put a secret of its own into a file, but nobody puts the canary into one.
        for folder in [self.run.project.path(), self.run.project.home()] {
            if let Some(leak) = canary.leak_below(folder) {
                panic!("the canary is in a file: {leak}");
            }
        }
    }
}

/// A word as one types it into a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
