//! `runner check`: checks files without sending a request.

use std::path::PathBuf;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::cli::annotation;
use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure, object};
use crate::cli::mcp;
use crate::cli::setup;
use crate::cli::show_failure::render;
use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Severity};
use crate::core::name;
use crate::core::percent;
use crate::core::secret::is_secret_name;
use crate::core::text::printable_lines;
use crate::project::{Checked, Sent};

const EXAMPLES: &str = "\
Examples:
  runner check                        the project of the current folder
  runner check queries/failed.yaml    one file
  runner check --format github        annotations in a GitHub Actions log
  runner check --format sarif         for code scanning";

/// Options of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// Files or folders (default: the project of the current folder)
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: CheckFormat,

    /// Print errors only
    #[arg(short, long)]
    pub quiet: bool,
}

/// The format of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum CheckFormat {
    /// Human-readable text
    #[default]
    Text,
    /// One JSON document
    Json,
    /// Annotations for GitHub Actions
    Github,
    /// SARIF 2.1.0
    Sarif,
}

/// Runs the verb.
///
/// # Errors
///
/// If there is no project. Faults of files are its result, not its failure.
pub fn run(args: &CheckArgs, app: &Rc<App>) -> Result<Exit, Failure> {
    let mut faults: Vec<Diagnostic> = Vec::new();
    let mut counts = Counts::default();
    let mut sends: Vec<(String, Sent)> = Vec::new();
    let mut known_roots: Vec<PathBuf> = Vec::new();
    let starts = if args.paths.is_empty() {
        vec![PathBuf::new()]
    } else {
        args.paths.clone()
    };
    for start in &starts {
        let path = app.working_directory.join(start);
        let project = if start.as_os_str().is_empty() {
            setup::project_here(app)?
        } else {
            setup::project(&path, app)?
        };
        setup::note_built_in(&project, args.quiet, app);
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        // A folder inside the project narrows the check; without a path, the whole project is
        // checked.
        let below = if start.as_os_str().is_empty() || path == project.root() {
            Vec::new()
        } else {
            vec![path]
        };
        if below.is_empty() && known_roots.iter().any(|root| root == project.root()) {
            continue;
        }
        known_roots.push(project.root().to_path_buf());
        let checked = project.check(&below);
        counts.add(&checked);
        faults.extend(checked.faults.into_sorted());
        if below.is_empty() {
            faults.extend(mcp::notes_on_names(&project));
        }
        sends.extend(checked.sends);
    }
    if counts.is_zero() && faults.is_empty() {
        return Err(
            Failure::usage(Code::NoFiles, "no YAML files to check").help(
                "resources are in `resources/`, queries in `queries/`, with the extension \
                    `.yaml`",
            ),
        );
    }
    let failed = faults.iter().any(|fault| fault.severity == Severity::Error);
    match args.format {
        CheckFormat::Text => {
            text(&faults, &counts, args, app);
            if !args.quiet {
                for sent in &sends {
                    say_sent(sent, app);
                }
            }
        }
        CheckFormat::Json => {
            let document = json!({
                "resources": counts.resources,
                "queries": counts.queries,
                "test_files": counts.test_files,
                "cases": counts.cases,
                "faults": faults.iter().map(|fault| object(fault, None)).collect::<Vec<_>>(),
                "sends": sends.iter().map(sent_object).collect::<Vec<_>>(),
            });
            app.print_to_any(&printable_lines(&format!("{document:#}\n")))?;
        }
        CheckFormat::Github => {
            for fault in &faults {
                app.print_to_any(&printable_lines(&github(fault)))?;
            }
        }
        CheckFormat::Sarif => {
            app.print_to_any(&printable_lines(&format!("{:#}\n", sarif(&faults))))?;
        }
    }
    Ok(if failed { Exit::Usage } else { Exit::Done })
}

/// The numbers of checked files.
#[derive(Debug, Default)]
struct Counts {
    resources: usize,
    queries: usize,
    test_files: usize,
    cases: usize,
}

impl Counts {
    fn add(&mut self, checked: &Checked) {
        self.resources += checked.resources;
        self.queries += checked.queries;
        self.test_files += checked.test_files;
        self.cases += checked.cases;
    }

    fn is_zero(&self) -> bool {
        self.resources + self.queries + self.test_files == 0
    }

    /// Formats the numbers: `1 resource, 2 queries and 1 test file with 3 cases`.
    fn words(&self) -> String {
        let resources = counted(self.resources, "resource", "resources");
        let queries = counted(self.queries, "query", "queries");
        if self.test_files == 0 {
            return format!("{resources} and {queries}");
        }
        let files = counted(self.test_files, "test file", "test files");
        let cases = counted(self.cases, "case", "cases");
        format!("{resources}, {queries} and {files} with {cases}")
    }
}

fn text(faults: &[Diagnostic], counts: &Counts, args: &CheckArgs, app: &App) {
    let shown = |fault: &&Diagnostic| !args.quiet || fault.severity == Severity::Error;
    for fault in faults.iter().filter(shown) {
        app.say_styled(&render(fault, app));
        app.eprintln("");
    }
    let files = counts.words();
    let number = |severity| {
        let of_it = faults.iter().filter(|fault| fault.severity == severity);
        of_it.count()
    };
    let kinds = [
        (Severity::Error, "fault", "faults"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Note, "note", "notes"),
    ];
    let found: Vec<String> = kinds
        .into_iter()
        .filter(|(severity, ..)| *severity == Severity::Error || !args.quiet)
        .map(|(severity, one, many)| (number(severity), one, many))
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| counted(count, one, many))
        .collect();
    if !found.is_empty() {
        app.eprintln(&format!("{files}: {}", found.join(", ")));
        // A log is not the place to ask for more.
        if app.stderr.is_terminal {
            app.eprintln(&details(faults));
        }
    } else if !args.quiet {
        app.eprintln(&format!("{files}: no faults"));
    }
}

/// Says how to learn more about the codes.
fn details(faults: &[Diagnostic]) -> String {
    let code = faults.first().map(|fault| fault.code);
    match code.filter(|code| faults.iter().all(|fault| fault.code == *code)) {
        Some(code) => format!("for details: `runner explain {code}`"),
        None => "for details: `runner explain CODE`".to_owned(),
    }
}

/// Prints the secrets that a query sends besides its resource's credential, the main risk in
/// someone else's project.
fn say_sent((file, sent): &(String, Sent), app: &App) {
    let secrets: Vec<&String> = sent
        .beside_auth
        .iter()
        .filter(|name| is_secret_name(name))
        .collect();
    if !secrets.is_empty() {
        let names = name::one_of(&secrets).replace(" or ", " and ");
        app.eprintln(&format!("{file} sends {names} to {}", sent.host));
    }
}

fn sent_object((file, sent): &(String, Sent)) -> Value {
    json!({ "file": file, "host": sent.host, "variables": sent.variables })
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Formats an annotation of GitHub Actions, with the escapes of workflow commands.
fn github(fault: &Diagnostic) -> String {
    let mut message = fault.message.clone();
    for help in &fault.help {
        message.push('\n');
        message.push_str(help);
    }
    let title = fault.code.to_string();
    match fault.severity {
        Severity::Error => annotation::error(fault.place.as_ref(), &title, &message),
        Severity::Warning => annotation::warning(fault.place.as_ref(), &title, &message),
        Severity::Note => annotation::notice(fault.place.as_ref(), &title, &message),
    }
}

/// Formats a path as a relative URI.
fn uri(path: &str) -> String {
    let segments: Vec<String> = path.split('/').map(percent::encode).collect();
    segments.join("/")
}

fn sarif(faults: &[Diagnostic]) -> Value {
    let results: Vec<Value> = faults
        .iter()
        .map(|fault| {
            let mut text = fault.message.clone();
            for help in &fault.help {
                text.push_str("; ");
                text.push_str(help);
            }
            let locations: Vec<Value> = fault
                .place
                .iter()
                .map(|place| {
                    let start = place.file.line_column(place.span.start);
                    let end = place.file.line_column(place.span.end);
                    json!({"physicalLocation": {
                        "artifactLocation": {"uri": uri(place.file.name())},
                        "region": {
                            "startLine": start.line,
                            "startColumn": start.column,
                            "endLine": end.line,
                            "endColumn": end.column,
                        },
                    }})
                })
                .collect();
            json!({
                "ruleId": fault.code,
                "level": fault.severity.name(),
                "message": {"text": text},
                "locations": locations,
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "runner", "version": env!("CARGO_PKG_VERSION")}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

impl CheckArgs {
    /// Returns the format of errors.
    pub fn error_format(&self) -> ErrorFormat {
        match self.format {
            CheckFormat::Json => ErrorFormat::Json,
            _ => ErrorFormat::Text,
        }
    }
}
