//! Takes answers: over the network, or from an archive.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use jiff::Timestamp;

use crate::cli::execute::{self, Execution};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::in_memory::Collecting;
use crate::cli::options::RunOptions;
use crate::cli::record::Taking;
use crate::cli::test::case;
use crate::cli::{carry_out, connect};
use crate::core::code::Code;
use crate::core::json;
use crate::core::secret::Secret;
use crate::engine::{Exchange, ExecutionOptions, Recorder};
use crate::plan::Plan;
use crate::project::load;
use crate::recording::{Recorded, har};
use crate::sink::TemporaryFolder;

/// The maximum size of an archive, in bytes.
const LONGEST_ARCHIVE: u64 = 256 * 1024 * 1024;

/// A run over the network.
pub struct Taken {
    /// The exchanges.
    pub exchanges: Vec<Recorded>,
    /// The result in each form, with its file extension.
    pub outputs: Vec<(&'static str, Vec<u8>)>,
    /// The number of records, if it was a run.
    pub records: Option<usize>,
    /// The exit code.
    pub exit: Exit,
    /// The time at which an archive begins.
    pub started: Option<Timestamp>,
}

impl Taking<'_> {
    /// Runs the query.
    ///
    /// # Errors
    ///
    /// If it fails otherwise than by an answer of the API.
    pub fn take(&self, plan: &Rc<Plan>) -> Result<Taken, Stopped> {
        let options = RunOptions {
            yes: self.args.yes,
            connect: self.args.connect.clone(),
            messages: self.args.messages,
            ..RunOptions::default()
        };
        let plans = [Rc::clone(plan)];
        carry_out::admit(&plans, &options, self.app)?;
        let case = self.target.case();
        let show = case.map_or(&[][..], |case| &case.show);
        let (collecting, writers) = Collecting::new(plan, show, self.app)?;
        let folder = TemporaryFolder::default();
        let execution = ExecutionOptions {
            remembers: execute::remembers(&plans),
            downloads: case::downloads(plan, &folder)?,
            is_steady: true,
            given: case.map_or_else(BTreeMap::new, case::given),
            ..ExecutionOptions::default()
        };
        let recorder: OnceCell<Rc<Recorder>> = OnceCell::new();
        let keep = self.keep().and_then(|keep| usize::try_from(keep).ok());
        let around = |live: Rc<dyn Exchange>| {
            let around = recorder.get_or_init(|| Rc::new(Recorder::new(live, keep)));
            Rc::clone(around) as Rc<dyn Exchange>
        };
        let previous = case.and_then(|case| case.previous.clone());
        let run = Execution::new(&plans, &options, self.app).with_previous(previous);
        let result = connect::block_on_with(
            &options.connect,
            self.app,
            options.messages,
            Some(execution),
            &around,
            async |session| run.run(&session, vec![writers], &[None]).await,
        );
        let exit = match result {
            Ok(exit) => exit,
            Err(Stopped::Failed(failure)) if is_an_answer(failure.exit) => {
                failure.show(self.app, self.args.messages.error_format);
                failure.exit
            }
            Err(stopped) => return Err(stopped),
        };
        let (rows, outputs) = collecting.finish(exit);
        Ok(Taken {
            exchanges: recorder
                .get()
                .map_or_else(Vec::new, |recorder| recorder.take()),
            outputs,
            records: Some(rows.len()),
            exit,
            started: None,
        })
    }

    /// Takes the answers from an archive.
    ///
    /// # Errors
    ///
    /// If it is none, or has no answer for the query.
    pub fn import(&self, path: &Path, plan: &Plan) -> Result<Taken, Failure> {
        let shown = path.display();
        let wrong = |words: String| Failure::usage(Code::Har, format!("`{shown}`: {words}"));
        let full = self.app.working_directory.join(path);
        let bytes = load::bounded::regular(&full, LONGEST_ARCHIVE).map_err(wrong)?;
        let archive =
            json::parse(&bytes).map_err(|error| wrong(format!("it is not JSON: {error}")))?;
        for secret in har::credentials(&archive) {
            self.app.scrubber.add(&Secret::new(secret));
        }
        let parts = plan.with_fed_by().into_iter().filter_map(Plan::requests);
        let base_urls = parts.map(|part| (part.resource().name.clone(), part.base_url().clone()));
        let imported = har::from_har(&archive, &base_urls.collect::<Vec<_>>());
        let imported = imported.map_err(|words| wrong(words.join("; ")))?;
        if imported.exchanges.is_empty() {
            return Err(wrong(
                "it has no request of the query's resources".to_owned(),
            ));
        }
        Ok(Taken {
            exchanges: imported.exchanges,
            outputs: Vec::new(),
            records: None,
            exit: Exit::Done,
            started: imported.started,
        })
    }

    /// Replaces the addresses of the demo, which has other ports each time.
    pub fn replace_stand_ins(&self, taken: &mut Taken) {
        for (from, to) in self.world.stand_ins() {
            for recorded in &mut taken.exchanges {
                recorded.replace_text(&from, to);
            }
            for (_, bytes) in &mut taken.outputs {
                if let Ok(text) = std::str::from_utf8(bytes) {
                    *bytes = text.replace(&from, to).into_bytes();
                }
            }
        }
    }
}

/// Returns true for failures that are the answer of the API, which a case may expect.
fn is_an_answer(exit: Exit) -> bool {
    matches!(exit, Exit::Expectation | Exit::Refused | Exit::Partial)
}
