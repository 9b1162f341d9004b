//! Templates of whole documents: reports.
//!
//! Unlike request templates, they may include files ([`Files`]), have fuel for many records, and print
//! null as nothing. Values printed into HTML are escaped.

use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, HtmlEscape, Output, State, Value};

use crate::core::file_ending;
use crate::core::source::{Place, SourceFile, Span, Text};
use crate::template::bounds::Rendering;
use crate::template::branches::{self, Branch, NOTE, TakenBranches};
use crate::template::environment::{self, Rules, to_text};
use crate::template::rewrite::Rewritten;
use crate::template::scope::DOCUMENT;
use crate::template::{Mention, Mentions, RenderError, Scope, SyntaxError, inspect};

/// Reads a file for a document, by its path from the project's folder. Returns its text, `None` if
/// it does not exist, or a message if it cannot be read.
pub type Files = Arc<dyn Fn(&str) -> Result<Option<String>, String> + Send + Sync>;

/// Enough for a million cells. Nothing else ends an endless template.
const FUEL: u64 = 50_000_000;

/// The kind of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// Plain text.
    Text,
    /// Markdown.
    Markdown,
    /// HTML, with escaped values.
    Html,
}

impl DocumentKind {
    /// All kinds with their file extensions.
    const ENDINGS: [(&'static [&'static str], Self); 3] = [
        (file_ending::HTML, Self::Html),
        (file_ending::MARKDOWN, Self::Markdown),
        (file_ending::TEXT, Self::Text),
    ];

    /// Returns the kind of a file by its name, ignoring `.jinja` or `.j2` at its end.
    pub fn of_file(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let plain = file_ending::TEMPLATE
            .iter()
            .find_map(|ending| name.strip_suffix(ending))
            .unwrap_or(&name);
        let (_, ending) = plain.rsplit_once('.')?;
        Self::ENDINGS
            .iter()
            .find(|(known, _)| known.contains(&ending))
            .map(|(_, kind)| *kind)
    }

    /// Returns the usual file extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Markdown => "md",
            Self::Html => "html",
        }
    }

    /// Returns the name of the format.
    pub fn format(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Html => "html",
        }
    }
}

/// A parsed document template.
#[derive(Clone)]
pub struct Document {
    text: Text,
    rewritten: Arc<Rewritten>,
    /// The path from the project's folder, or a placeholder.
    name: String,
    kind: DocumentKind,
    files: Files,
    mentions: Mentions,
    /// The included files.
    uses: Vec<String>,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Document")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Document {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// All its faults.
    pub fn parse(
        text: &Text,
        name: &str,
        kind: DocumentKind,
        files: Files,
    ) -> Result<Self, Vec<SyntaxError>> {
        let mut faults = Vec::new();
        let found = inspect::document(&text.value, &mut faults);
        let rewritten = Rewritten::template(&text.value);
        if faults.is_empty() && found.is_some() {
            faults.extend(rewritten.fault());
        }
        match found {
            Some((mentions, uses)) if faults.is_empty() => Ok(Self {
                text: text.clone(),
                rewritten: Arc::new(rewritten),
                name: name.to_owned(),
                kind,
                files,
                mentions,
                uses,
            }),
            _ => Err(faults),
        }
    }

    /// Returns the kind of the document.
    pub fn kind(&self) -> DocumentKind {
        self.kind
    }

    /// Changes the kind: an inline template has none of its own, but its output file does.
    #[must_use]
    pub fn written_as(mut self, kind: DocumentKind) -> Self {
        self.kind = kind;
        self
    }

    /// Returns the names it needs from its scope.
    pub fn mentions(&self) -> &Mentions {
        &self.mentions
    }

    /// Returns the place of one of these names.
    pub fn place_of(&self, mention: &Mention) -> Place {
        self.text.locate(mention.range.clone())
    }

    /// Returns the included files, as written.
    pub fn uses(&self) -> &[String] {
        &self.uses
    }

    /// Renders the document.
    ///
    /// # Errors
    ///
    /// If a name is undefined, values do not match operators and filters, a file is missing, or the
    /// template exceeds its limits.
    pub fn render(&self, scope: &Scope) -> Result<String, RenderError> {
        self.render_with(&self.environment(), &self.rewritten, scope)
    }

    /// As [`Document::render`], and takes note of the branches that are taken, also before an error.
    ///
    /// # Errors
    ///
    /// As [`Document::render`].
    pub fn render_noting(
        &self,
        scope: &Scope,
        taken: &Arc<TakenBranches>,
    ) -> Result<String, RenderError> {
        let mut environment = self.environment();
        // Notes take steps, too.
        environment.set_fuel(Some(2 * FUEL));
        let taken = Arc::clone(taken);
        environment.add_function(NOTE, move |file: &str, start: usize| taken.add(file, start));
        let files = Arc::clone(&self.files);
        environment.set_loader(move |name| {
            let text = read(&files, name)?;
            Ok(text.map(|text| Rewritten::noting_branches(&text, name).source))
        });
        let rewritten = Rewritten::noting_branches(&self.text.value, &self.name);
        self.render_with(&environment, &rewritten, scope)
    }

    /// Returns all branches, including those of included files.
    pub fn branches(&self) -> Vec<Branch> {
        let mut branches = Vec::new();
        for document in self.with_included() {
            let source = &document.text.value;
            branches.extend(branches::tags(source).into_iter().map(|tag| Branch {
                file: document.name.clone(),
                start: tag.range.start,
                words: tag.words(source),
                place: document.text.locate(tag.range),
            }));
        }
        branches
    }

    /// Returns this document and the files it includes, each once. Those that cannot be read are
    /// left out.
    pub fn with_included(&self) -> Vec<Self> {
        let mut documents = vec![self.clone()];
        let mut next = 0;
        while let Some(document) = documents.get(next).cloned() {
            next += 1;
            for used in &document.uses {
                let is_there = |path: &str| !matches!((self.files)(path), Ok(None));
                let path = join(used, &document.name, &is_there);
                let is_known = documents.iter().any(|known| known.name == path);
                documents.extend(self.included(&path).filter(|_| !is_known));
            }
        }
        documents
    }

    fn included(&self, path: &str) -> Option<Self> {
        let text = (self.files)(path).ok()??;
        let span = Span::new(0, text.len());
        let file = SourceFile::new(path, path, text.clone());
        let text = Text::new(text, &Place { file, span });
        Self::parse(&text, path, self.kind, Arc::clone(&self.files)).ok()
    }

    fn render_with(
        &self,
        environment: &Environment<'_>,
        rewritten: &Rewritten,
        scope: &Scope,
    ) -> Result<String, RenderError> {
        let _rendering = Rendering::of(&self.text, 0..0);
        let rendered = environment
            .render_named_str(&self.name, &rewritten.source, scope.to_value())
            .map_err(|error| self.fault(rewritten, &error));
        scope.settle_unreadable(&self.name, &self.mentions);
        let rendered = rendered?;
        // A file ends with a newline.
        Ok(if rendered.ends_with('\n') {
            rendered
        } else {
            rendered + "\n"
        })
    }

    fn environment(&self) -> Environment<'static> {
        let mut environment = environment::environment(Rules::Strict).clone();
        let escape = match self.kind {
            DocumentKind::Html => AutoEscape::Html,
            DocumentKind::Text | DocumentKind::Markdown => AutoEscape::None,
        };
        environment.set_auto_escape_callback(move |_| escape.clone());
        environment.set_fuel(Some(FUEL));
        environment.add_global(DOCUMENT, true);
        environment.set_formatter(print);
        if let Ok(syntax) = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
        {
            // A statement alone on its line leaves no empty line.
            environment.set_syntax(syntax);
        }
        let files = Arc::clone(&self.files);
        let known = Arc::clone(&self.files);
        environment.set_loader(move |name| {
            let text = read(&files, name)?;
            Ok(text.map(|text| Rewritten::template(&text).source))
        });
        environment.set_path_join_callback(move |name, parent| {
            // A file that must not be read counts as existing and is reported.
            join(name, parent, &|path| !matches!(known(path), Ok(None))).into()
        });
        environment
    }

    fn fault(&self, rewritten: &Rewritten, error: &Error) -> RenderError {
        // The innermost error is the cause; the outer ones only give its location.
        let mut inner = error;
        let is_in_own = |error: &Error| error.name().is_none_or(|name| name == self.name);
        let mut range = None;
        while let Some(source) =
            std::error::Error::source(inner).and_then(|source| source.downcast_ref::<Error>())
        {
            range = inner.range().filter(|_| is_in_own(inner)).or(range);
            inner = source;
        }
        let is_own = is_in_own(inner);
        // An error in another file is shown where this one includes it.
        let place = match inner.range().filter(|_| is_own).or(range) {
            Some(range) => self.text.locate(rewritten.original(range)),
            None => self.text.place.clone(),
        };
        let mut fault = crate::template::expression::fault(&place, inner);
        if !is_own && let Some(name) = inner.name() {
            let line = inner.line().unwrap_or(1);
            fault.message = format!("in `{name}`, line {line}: {}", fault.message);
        }
        fault
    }
}

/// Reads an included file.
fn read(files: &Files, name: &str) -> Result<Option<String>, Error> {
    files(name).map_err(|words| Error::new(minijinja::ErrorKind::InvalidOperation, words))
}

/// Returns the path of an included file: beside the including file, or else from the project's
/// folder.
pub fn join(name: &str, parent: &str, exists: &dyn Fn(&str) -> bool) -> String {
    match parent.rsplit_once('/') {
        Some((folder, _)) => {
            let beside = format!("{folder}/{name}");
            if exists(&beside) {
                beside
            } else {
                name.to_owned()
            }
        }
        None => name.to_owned(),
    }
}

/// Prints null as nothing, and escapes values for HTML unless marked safe.
fn print(output: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if value.kind() == ValueKind::None {
        return Ok(());
    }
    let text = to_text(value)?;
    if *state.auto_escape() == AutoEscape::Html && !value.is_safe() {
        write!(output, "{}", HtmlEscape(&text)).map_err(Error::from)
    } else {
        output.write_str(&text).map_err(Error::from)
    }
}
