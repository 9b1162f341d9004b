//! Compares the shapes of recorded and live documents, and finds the places that read a change.

use std::collections::BTreeSet;

use crate::cli::drift::shape::{Shape, Type};
use crate::core::source::Place;
use crate::project::readings::Reading;
use crate::template::selector::{PathStep, shown_steps};

/// A difference between the recorded and the live documents.
#[derive(Debug, Clone)]
pub struct Finding {
    /// True if a query reads what changed, so that its result may be wrong.
    pub is_failure: bool,
    /// The message.
    pub message: String,
    /// The place that reads it, if there is one.
    pub place: Option<Place>,
}

/// The recorded documents.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Those of the requests that were sent again.
    pub asked: Shape,
    /// All of them: what was seen once is no news.
    pub all: Shape,
}

/// Compares documents. Each change is found once for every place that reads it.
pub fn compare(recorded: &Recorded, live: &Shape, readings: &[Reading]) -> Vec<Finding> {
    let mut comparison = Comparison {
        readings,
        findings: Vec::new(),
    };
    comparison.node(&mut Vec::new(), &recorded.asked, &recorded.all, live);
    comparison.findings
}

struct Comparison<'r> {
    readings: &'r [Reading],
    findings: Vec<Finding>,
}

/// The kind of places that a change can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaks {
    /// All that read it.
    Any,
    /// All that read it by its name, except what finds pages, unless the last page had it, too.
    Named {
        /// True if it was null before, as on a last page.
        was_null: bool,
    },
    /// Required columns. For others, it is a note.
    Required,
    /// None: it is a note.
    Nothing,
}

impl Comparison<'_> {
    fn node(&mut self, path: &mut Vec<PathStep>, asked: &Shape, all: &Shape, live: &Shape) {
        if asked.redacted > 0 || live.redacted > 0 || live.values == 0 {
            return;
        }
        if self.has_other_type(path, all, live) {
            return;
        }
        if asked.values > 0 && all.nulls == 0 && live.nulls > 0 {
            let how = if live.nulls == live.values {
                "now null"
            } else {
                "now sometimes null"
            };
            let words = format!("`{}` is {how}", shown_steps(path));
            self.found(path, &words, Breaks::Required, false);
        }
        self.words(path, asked, all, live);
        self.members(path, asked, all, live);
        match (&asked.element, &live.element) {
            (Some(asked), Some(live)) => {
                path.push(PathStep::Each);
                let all = all.element.as_deref().unwrap_or(asked);
                self.node(path, asked, all, live);
                path.pop();
            }
            (Some(_), None) if live.types.contains(&Type::List) => {
                let words = format!(
                    "`{}` is empty now: nothing in it was compared",
                    shown_steps(path)
                );
                path.push(PathStep::Each);
                self.found(path, &words, Breaks::Nothing, false);
                path.pop();
            }
            _ => {}
        }
    }

    /// Finds a change of the type. Returns true if nothing below can be compared.
    fn has_other_type(&mut self, path: &[PathStep], all: &Shape, live: &Shape) -> bool {
        if all.types.is_empty() {
            return live.types.is_empty();
        }
        let mut fresh: Vec<Type> = live.types.difference(&all.types).copied().collect();
        if all.types.contains(&Type::Number) {
            fresh.retain(|kind| *kind != Type::Integer);
        }
        if fresh.is_empty() {
            return false;
        }
        let is_wider = fresh == [Type::Number] && all.types.contains(&Type::Integer);
        let breaks = if is_wider {
            Breaks::Nothing
        } else {
            Breaks::Any
        };
        let is_only = fresh.len() == live.types.len();
        let sometimes = if is_only { "" } else { "sometimes " };
        let words = format!(
            "`{}` is now {sometimes}{}, was {}",
            shown_steps(path),
            types(fresh),
            types(all.types.iter().copied())
        );
        self.found(path, &words, breaks, true);
        !is_wider
    }

    /// Finds new words of an enumeration, and compared words that no longer occur.
    fn words(&mut self, path: &[PathStep], asked: &Shape, all: &Shape, live: &Shape) {
        if let (Some(known), Some(now)) = (all.words(), live.all_words()) {
            let fresh: Vec<&str> = now.difference(known).map(String::as_str).collect();
            // Texts of which most are new are no enumeration.
            if !fresh.is_empty() && fresh.len() <= known.len() {
                let words = format!(
                    "`{}` has the new {} `{}`",
                    shown_steps(path),
                    if fresh.len() == 1 { "word" } else { "words" },
                    fresh.join("`, `")
                );
                self.found(path, &words, Breaks::Nothing, false);
            }
        }
        if live.texts() == 0 {
            return;
        }
        let mut seen = BTreeSet::new();
        let readings = self.readings;
        for reading in readings.iter().filter(|reading| reading.path == path) {
            for word in reading.words.iter().map(|compared| &compared.word) {
                if asked.has_word(word) && !live.has_word(word) && seen.insert(word.clone()) {
                    self.findings.push(Finding {
                        is_failure: false,
                        message: format!(
                            "`{}` was `{word}` in the recording, and is in none of the live answers",
                            shown_steps(path)
                        ),
                        place: Some(reading.place.clone()),
                    });
                }
            }
        }
    }

    fn members(&mut self, path: &mut Vec<PathStep>, asked: &Shape, all: &Shape, live: &Shape) {
        if live.objects == 0 || all.objects == 0 {
            return;
        }
        for (name, before) in &asked.members {
            path.push(PathStep::Name(name.clone()));
            let seen = all.members.get(name).unwrap_or(before);
            let was_always = seen.count() == all.objects;
            match live.members.get(name) {
                Some(now) => {
                    if was_always && now.count() < live.objects {
                        let words = format!("`{}` is now sometimes missing", shown_steps(path));
                        self.found(path, &words, Breaks::Required, false);
                    }
                    self.node(path, before, seen, now);
                }
                None if was_always => {
                    let words = format!("`{}` is gone", shown_steps(path));
                    let was_null = seen.nulls > 0;
                    self.found(path, &words, Breaks::Named { was_null }, true);
                }
                // A member that some objects never had.
                None => {}
            }
            path.pop();
        }
        for name in live
            .members
            .keys()
            .filter(|name| !all.members.contains_key(*name))
        {
            path.push(PathStep::Name(name.clone()));
            let words = format!("`{}` is new", shown_steps(path));
            self.findings.push(Finding {
                is_failure: false,
                message: words,
                place: None,
            });
            path.pop();
        }
    }

    /// Adds a change for each place that reads it. With `is_always_told`, it is a note if there is
    /// none.
    fn found(&mut self, path: &[PathStep], words: &str, breaks: Breaks, is_always_told: bool) {
        let mut places = BTreeSet::new();
        let readings = self.readings;
        for reading in readings.iter().filter(|reading| reading.is_of(path)) {
            let is_any = reading.path.get(path.len().wrapping_sub(1)) == Some(&PathStep::Each);
            if matches!(breaks, Breaks::Named { .. }) && is_any {
                continue;
            }
            let place = &reading.place;
            if !places.insert((place.file.name().to_owned(), place.span.start)) {
                continue;
            }
            let is_failure = match breaks {
                Breaks::Any => true,
                Breaks::Named { was_null } => was_null || !reading.is_of_pages,
                Breaks::Required => reading.is_required,
                Breaks::Nothing => false,
            };
            let why = if reading.is_of_pages {
                "; it finds the next page"
            } else {
                ""
            };
            self.findings.push(Finding {
                is_failure,
                message: format!("{words}{why}"),
                place: Some(place.clone()),
            });
        }
        if places.is_empty() && is_always_told {
            self.findings.push(Finding {
                is_failure: false,
                message: format!("{words}; no query reads it"),
                place: None,
            });
        }
    }
}

impl Reading {
    /// Returns true if it reads the value at a path, or something below, by steps of its own.
    fn is_of(&self, path: &[PathStep]) -> bool {
        (path.len() > self.base || self.base == 0) && leads_to(path, &self.path)
    }
}

/// Returns true if a reading passes by a path, or ends there.
fn leads_to(path: &[PathStep], reading: &[PathStep]) -> bool {
    match (path, reading) {
        ([], []) => true,
        // At any depth is not at this place.
        ([], rest) => !rest.contains(&PathStep::Deep),
        (_, []) => false,
        ([_, inner @ ..], [PathStep::Deep, rest @ ..]) => {
            leads_to(path, rest) || leads_to(inner, reading)
        }
        ([step, path @ ..], [read, reading @ ..]) => {
            let is_same = step == read || *step == PathStep::Each || *read == PathStep::Each;
            is_same && leads_to(path, reading)
        }
    }
}

/// Formats types: `a string or an integer`.
fn types(types: impl IntoIterator<Item = Type>) -> String {
    let names: Vec<&str> = types.into_iter().map(Type::with_article).collect();
    names.join(" or ")
}
