//! Shows failures on standard error: for people, and as JSON for programs.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::cli::app::{App, Stream};
use crate::cli::failure::{ErrorFormat, Failure};
use crate::core::diagnostic::{Diagnostic, Severity};
use crate::core::source::{Place, floor_boundary};
use crate::core::text::{one_line, printable_lines};

impl Failure {
    /// Shows the failure on standard error.
    pub fn show(&self, app: &App, format: ErrorFormat) {
        match format {
            ErrorFormat::Json => {
                for object in self.objects() {
                    let mut object = object;
                    app.scrubber.json(&mut object);
                    app.typed.values().json(&mut object);
                    if let Some(place) = &self.place {
                        place.file.literals().values().json(&mut object);
                    }
                    app.eprintln(&object.to_string());
                }
            }
            ErrorFormat::Text => {
                let texts: Vec<String> = self
                    .as_diagnostics()
                    .iter()
                    .map(|diagnostic| render(diagnostic, app))
                    .collect();
                let text = texts.join("\n\n");
                app.say_styled(&app.typed.values().text(&text));
            }
        }
    }
}

/// The source line shown with a fault, escaped for a terminal.
struct Excerpt {
    /// The number, from 1.
    number: usize,
    line: String,
    /// The bytes to underline.
    marked: Range<usize>,
}

/// Extracts the source line. Control characters are escaped and the underlined range is shifted
/// accordingly. For a value of several lines, the first one is shown.
fn excerpt(place: &Place) -> Excerpt {
    let text = place.file.text();
    let start = floor_boundary(text, place.span.start);
    let end = floor_boundary(text, place.span.end).max(start);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..]
        .find('\n')
        .map_or(text.len(), |newline| start + newline);
    let line = text[line_start..line_end].trim_end_matches('\r');
    let start = (start - line_start).min(line.len());
    let end = (end - line_start).clamp(start, line.len());
    let before = printable_lines(&line[..start]);
    let marked = printable_lines(&line[start..end]);
    let after = printable_lines(&line[end..]);
    Excerpt {
        number: place.file.line_column(line_start).line,
        marked: before.len()..before.len() + marked.len(),
        line: format!("{before}{marked}{after}"),
    }
}

/// Returns true if a hint is for people: it names a command or an option, or what lifts a lock or hides
/// a failure.
fn is_for_people(help: &str) -> bool {
    const WORDS: [&str; 9] = [
        "`runner ",
        "`-",
        " --",
        "`export ",
        "=VALUE`",
        "RUNNER_VAR_",
        "safe: true",
        "links:",
        "on_status:",
    ];
    WORDS.iter().any(|word| help.contains(word))
}

/// Formats a diagnostic for people.
pub fn render(diagnostic: &Diagnostic, app: &App) -> String {
    render_on(diagnostic, app, app.stderr)
}

/// Formats a diagnostic for people on a stream.
pub fn render_on(diagnostic: &Diagnostic, app: &App, stream: Stream) -> String {
    let renderer = if stream.color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let width = if stream.is_terminal {
        stream.width.max(40)
    } else {
        // A log has no width: lines are not wrapped.
        1_000
    };
    let renderer = renderer.term_width(width);
    let message = app.scrubber.text(&diagnostic.message);
    let message = printable_lines(&message).into_owned();
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(message).id(diagnostic.code.to_string());
    let source: Excerpt;
    let mut text = String::new();
    match &diagnostic.place {
        Some(place) if !diagnostic.is_concealed && !place.file.text().is_empty() => {
            source = excerpt(place);
            let annotation = AnnotationKind::Primary.span(source.marked.clone());
            let snippet = Snippet::source(&source.line)
                .line_start(source.number)
                .path(place.file.name())
                .annotation(annotation);
            let group: Group<'_> = title.element(snippet);
            text.push_str(&renderer.render(&[group]));
        }
        place => {
            text.push_str(&renderer.render(&[Group::with_title(title)]));
            if let Some(place) = place {
                text.push_str(&format!("\n --> {}", place.short()));
            }
        }
    }
    for fact in &diagnostic.facts {
        let fact = app.scrubber.text(fact);
        text.push_str(&format!("\n  {}", one_line(&fact)));
    }
    let is_of_use = |help: &&String| !app.has_no_command_line || !is_for_people(help);
    for help in diagnostic.help.iter().filter(is_of_use) {
        let help = app.scrubber.text(help).into_owned();
        let help = printable_lines(&help).into_owned();
        let group = Group::with_title(Level::HELP.secondary_title(help));
        text.push('\n');
        text.push_str(&renderer.render(&[group]));
    }
    text
}
