//! Writes a recording: the test file, the answers and the snapshots, all of them or none.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::failure::{Failure, Stopped};
use crate::cli::record::case_text::Settings;
use crate::cli::record::target::Target;
use crate::cli::record::{Taking, test};
use crate::cli::test::case::Played;
use crate::core::code::Code;
use crate::core::text::counted;
use crate::format::FORMATS;
use crate::project::load;
use crate::project::testing::{ANSWERS, slug};
use crate::recording::{Recording, write};
use crate::sink::{self, FolderLock, NotWritten};

/// The maximum size of a test file; longer ones are not read.
const LONGEST: u64 = 16 * 1024 * 1024;

/// A recording that has been replayed.
pub struct Done {
    /// The text of the test file.
    pub text: String,
    /// The answers.
    pub recording: Recording,
    /// The replay.
    pub played: Played,
    /// True if its result is that of the run.
    pub is_same: bool,
}

impl Taking<'_> {
    /// Refuses a case whose test file cannot be written, before anything is sent.
    ///
    /// # Errors
    ///
    /// The reason.
    pub(super) fn refuse_unwritable(&self) -> Result<(), Failure> {
        let path = &self.target.path;
        test::refuse_links(self.project.root(), path)?;
        sink::try_to_write(path).map_err(|error| self.not_written(path, &error))
    }

    fn not_written(&self, path: &Path, error: &io::Error) -> Failure {
        let shown = load::shown(path, self.project.root());
        let words = format!("cannot write `{shown}`: {}", load::plain(error));
        Failure::usage(Code::Out, words).help("nothing was written")
    }

    /// Writes all files. Other runs may record cases of the same test file, so it is read again
    /// while nobody else writes.
    ///
    /// # Errors
    ///
    /// If a file cannot be written, or another run has recorded a different case with this name.
    pub(super) fn write(&self, mut done: Done, settings: &Settings) -> Result<(), Stopped> {
        let _lock = FolderLock::wait(self.project.root());
        if self.has_changed() {
            let target = Target::find(self.word(), self.project, self.app)?;
            let again = Taking {
                target: &target,
                ..*self
            };
            again.inputs()?;
            done.text = again.case_file(settings)?;
            done.played = again.replay(&done.text, &done.recording)?;
            return again.write_all(&done);
        }
        self.write_all(&done)
    }

    /// Returns true if the test file is not the one that was read.
    fn has_changed(&self) -> bool {
        let known = self.target.file.as_ref().map(|file| file.source.text());
        match load::bounded::regular(&self.target.path, LONGEST) {
            Ok(text) => known.map(str::as_bytes) != Some(text.as_slice()),
            Err(_) => known.is_some(),
        }
    }

    /// Returns the recordings and snapshots beside the new ones that no case has any more.
    fn orphans(&self, text: &str) -> Vec<PathBuf> {
        let tests = self.project.tests_from(&self.target.path, text);
        let extensions = FORMATS.iter().flat_map(|format| format.extensions);
        let extensions: Vec<&str> = extensions.copied().collect();
        let file = tests.files.first();
        file.map_or_else(Vec::new, |file| {
            file.orphans(self.project.root(), &extensions)
        })
    }

    fn write_all(&self, done: &Done) -> Result<(), Stopped> {
        let root = self.project.root();
        let folder = self.target.path.with_extension("");
        let slug = slug(&self.target.name);
        let mut files = vec![
            (self.target.path.clone(), done.text.as_bytes().to_vec()),
            (
                folder.join(format!("{slug}{ANSWERS}")),
                write::text(&done.recording).into_bytes(),
            ),
        ];
        for (extension, bytes) in &done.played.outputs {
            files.push((folder.join(format!("{slug}.{extension}")), bytes.clone()));
        }
        for (path, _) in &files {
            test::refuse_links(root, path)?;
        }
        sink::write_files(&files)
            .map_err(|NotWritten { path, error }| self.not_written(&path, &error))?;
        let mut lines = String::new();
        for (path, _) in &files {
            lines.push_str(&format!("wrote {}\n", load::shown(path, root)));
        }
        for path in self.orphans(&done.text) {
            sink::remove_file(&path).map_err(|error| {
                let why = load::plain(&error);
                let words = format!("cannot remove `{}`: {why}", path.display());
                Failure::usage(Code::Out, words)
            })?;
            lines.push_str(&format!("removed {}\n", load::shown(&path, root)));
        }
        self.report(done, &lines)
    }

    fn report(&self, done: &Done, lines: &str) -> Result<(), Stopped> {
        if self.args.messages.quiet {
            return Ok(());
        }
        self.app.print(lines)?;
        let requests = counted(done.recording.exchanges.len() as u64, "request");
        let records = counted(done.played.rows.len() as u64, "record");
        let replayed = if done.is_same {
            "replayed with the same result"
        } else {
            "replayed; the result depends on redacted values and was not compared"
        };
        self.app
            .eprintln(&format!("{requests}, {records}; {replayed}"));
        let case = self.target.case();
        if let Some(case) = case.filter(|case| case.exit != done.played.exit) {
            let (got, expected) = (done.played.exit, case.exit);
            self.app.eprintln(&format!(
                "note: the exit code is {got}, and the case expects {expected}"
            ));
        }
        Ok(())
    }
}
