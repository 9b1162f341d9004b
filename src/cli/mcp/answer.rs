//! Answers of tools: the same facts as text and as structured content, since clients show a model one
//! or the other, within a number of records and a size.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::cli::mcp::cell;
use crate::core::markdown::escape;
use crate::core::source::floor_boundary;
use crate::core::text::{counted, one_line, printable_lines};

/// The maximum length of a cell, in characters, and what it is reduced to where a record does not
/// fit.
const CELLS: [usize; 3] = [2_000, 300, 60];

/// The maximum number and length of notes.
const MOST_NOTES: usize = 12;
const LONGEST_NOTE: usize = 1_500;

/// The maximum length of the name of a column, and number of columns that a note names.
const LONGEST_NAME: usize = 100;
const MOST_NAMED: usize = 5;

/// The maximum number of records and bytes of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The maximum number of records.
    pub records: usize,
    /// The maximum size of the text, and of the structured content, in bytes.
    pub bytes: usize,
}

/// The records of an answer before they are cut to its limits.
#[derive(Debug, Default)]
pub struct Findings {
    /// The columns, if they are known without the records.
    pub columns: Option<Vec<String>>,
    /// The records to show, at most as many as an answer may have.
    pub records: Vec<Value>,
    /// The number of all records, unless the run was stopped before it was known.
    pub total: Option<u64>,
    /// The number of records that were found.
    pub found: u64,
    /// True if records are missing that there should be.
    pub is_partial: bool,
    /// Notes for the reader.
    pub notes: Vec<String>,
    /// The way to fewer records, as a sentence's end, for a note if not all are shown.
    pub narrowing: String,
    /// True if no server was asked.
    pub is_local: bool,
}

/// An answer with records, cut to its limits.
#[derive(Debug, PartialEq)]
pub struct Answer {
    columns: Vec<String>,
    records: Vec<Vec<Value>>,
    total: Option<u64>,
    found: u64,
    is_partial: bool,
    is_local: bool,
    notes: Vec<String>,
}

impl Answer {
    /// Cuts records to the limits of an answer.
    pub fn new(findings: &Findings, limits: Limits) -> Self {
        let mut names = match &findings.columns {
            Some(columns) => columns.clone(),
            None => columns_of(&findings.records),
        };
        // Names of columns may fill an answer too.
        let mut room = limits.bytes / 4;
        let known = names.len();
        let fits = names.iter().take_while(|name| {
            let size = name.len().min(LONGEST_NAME) + 8;
            let has_room = size <= room;
            room = room.saturating_sub(size);
            has_room
        });
        let fitting_names = fits.count().max(1);
        names.truncate(fitting_names);
        let mut notes: Vec<String> = findings.notes.iter().map(|note| clean_note(note)).collect();
        if notes.len() > MOST_NOTES {
            let more = notes.len() - MOST_NOTES;
            notes.truncate(MOST_NOTES);
            notes.push(format!("and {}", counted(more as u64, "further note")));
        }
        let mut answer = Self {
            records: Vec::new(),
            columns: names.iter().map(|name| column_name(name)).collect(),
            total: findings.total,
            found: findings.total.unwrap_or(findings.found),
            is_partial: findings.is_partial,
            is_local: findings.is_local,
            notes,
        };
        // Room for the note about the cut.
        let size = answer.size() + 400 + findings.narrowing.len();
        let room = limits.bytes.saturating_sub(size);
        let mut cut_columns = BTreeSet::new();
        for longest in CELLS {
            cut_columns.clear();
            answer.records = fitting(findings, &names, longest, room, &mut cut_columns);
            if !answer.records.is_empty() || findings.records.is_empty() {
                break;
            }
        }
        answer.add_notes_of_cuts(&findings.records, &names, &cut_columns, &findings.narrowing);
        if known > names.len() {
            let left = counted((known - names.len()) as u64, "further column");
            let verb = if known - names.len() == 1 {
                "is"
            } else {
                "are"
            };
            answer.notes.insert(0, format!("{left} {verb} left out"));
        }
        answer
    }

    fn add_notes_of_cuts(
        &mut self,
        records: &[Value],
        names: &[String],
        cut_columns: &BTreeSet<usize>,
        narrowing: &str,
    ) {
        let shown = self.records.len();
        let total = self.found.max(records.len() as u64);
        let mut notes = Vec::new();
        if (shown as u64) < total {
            let room = if shown < records.len() {
                ", as many as fit"
            } else {
                ""
            };
            notes.push(format!(
                "{shown} of {total} records shown{room}; {narrowing}"
            ));
        }
        if !cut_columns.is_empty() {
            let cut = cut_columns.iter().filter_map(|index| names.get(*index));
            let cut = cut.take(MOST_NAMED);
            let cut: Vec<String> = cut.map(|name| format!("`{}`", column_name(name))).collect();
            notes.push(format!(
                "long values are cut, in {} and perhaps others",
                cut.join(", ")
            ));
        }
        notes.append(&mut self.notes);
        self.notes = notes;
    }

    /// Returns the size without records, as text or as JSON, whichever is larger.
    fn size(&self) -> usize {
        let structured = self.structured().to_string().len();
        structured.max(self.text().len())
    }

    /// Returns the structured content.
    fn structured(&self) -> Value {
        let mut content = Map::new();
        content.insert("columns".to_owned(), json!(self.columns));
        content.insert("records".to_owned(), json!(self.records));
        content.insert("shown".to_owned(), json!(self.records.len()));
        if let Some(total) = self.total {
            content.insert("total".to_owned(), json!(total));
        }
        content.insert("partial".to_owned(), json!(self.is_partial));
        content.insert("notes".to_owned(), json!(self.notes));
        Value::Object(content)
    }

    /// Returns the text: the number of records and the notes, then a table.
    pub fn text(&self) -> String {
        let shown = self.records.len() as u64;
        let mut text = match self.total {
            Some(0) if !self.is_partial && self.is_local => "0 records".to_owned(),
            Some(0) if !self.is_partial => "0 records: the request succeeded".to_owned(),
            Some(total) if self.is_partial && total == shown => counted(total, "record"),
            Some(total) => format!("{shown} of {}", counted(total, "record")),
            None => format!("{shown} of at least {}", counted(self.found, "record")),
        };
        text.push_str(if self.is_partial {
            "; partial: records are missing.\n"
        } else {
            ".\n"
        });
        for note in &self.notes {
            text.push_str(&format!("Note: {note}\n"));
        }
        if !self.records.is_empty() {
            let header: Vec<String> = self.columns.iter().map(|name| escape(name)).collect();
            text.push_str(&format!("\n{}", line(&header)));
            text.push_str(&line(&vec!["---".to_owned(); header.len()]));
            for record in &self.records {
                text.push_str(&markdown_line(record));
            }
        }
        text
    }

    /// Returns the result of the call.
    pub fn result(&self) -> Value {
        json!({
            "content": [{ "type": "text", "text": self.text() }],
            "structuredContent": self.structured(),
            "isError": false,
        })
    }
}

/// Returns the result of a call with text only, cut to the limits.
pub fn text_result(text: &str, limits: Limits, narrowing: Option<&str>) -> Value {
    json!({
        "content": [{ "type": "text", "text": cut_text(text, limits.bytes, narrowing) }],
        "isError": false,
    })
}

/// Returns the result of a call that failed.
pub fn error_result(text: &str, limits: Limits) -> Value {
    json!({
        "content": [{ "type": "text", "text": cut_text(text, limits.bytes, None) }],
        "isError": true,
    })
}

/// Cuts a text at the end of a line, with the notice first.
fn cut_text(text: &str, longest: usize, narrowing: Option<&str>) -> String {
    let text = printable_lines(text);
    if text.len() <= longest {
        return text.into_owned();
    }
    let narrowing = narrowing.map_or_else(String::new, |words| format!("; {words}"));
    let notice = format!(
        "Note: only the first of {} bytes are shown{narrowing}\n\n",
        text.len()
    );
    let room = floor_boundary(&text, longest.saturating_sub(notice.len()));
    let end = text[..room].rfind('\n').filter(|end| *end > room / 2);
    format!("{notice}{}", &text[..end.unwrap_or(room)])
}

/// Returns the schema of the structured content of a tool with these columns: each with its type, if
/// it is known.
pub fn schema(columns: &[String]) -> Value {
    let mut of_columns = json!({ "type": "array", "items": { "type": "string" } });
    if !columns.is_empty() {
        of_columns["description"] = json!(columns.join(", "));
    }
    json!({
        "type": "object",
        "properties": {
            "columns": of_columns,
            "records": { "type": "array", "items": { "type": "array", "items": {} } },
            "shown": { "type": "integer" },
            "total": { "type": "integer" },
            "partial": { "type": "boolean" },
            "notes": { "type": "array", "items": { "type": "string" } },
        },
        "required": ["columns", "records", "shown", "partial", "notes"],
    })
}

/// The column of records that are no objects.
const VALUE: &str = "value";

/// Returns the names of the members of records, in the order in which they appear.
fn columns_of(records: &[Value]) -> Vec<String> {
    let mut known = BTreeSet::new();
    let mut columns: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        if known.insert(name.to_owned()) {
            columns.push(name.to_owned());
        }
    };
    for record in records {
        match record {
            Value::Object(members) => members.keys().for_each(|name| add(name)),
            _ => add(VALUE),
        }
    }
    columns
}

/// Returns as many records as fit, as rows of cells.
fn fitting(
    findings: &Findings,
    names: &[String],
    longest: usize,
    room: usize,
    cut_columns: &mut BTreeSet<usize>,
) -> Vec<Vec<Value>> {
    let (mut of_json, mut of_text) = (0, 0);
    let mut rows = Vec::new();
    for record in &findings.records {
        let mut row = Vec::with_capacity(names.len());
        let mut cut_here = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let value = match record {
                Value::Object(members) => members.get(name).unwrap_or(&Value::Null),
                other if name == VALUE => other,
                _ => &Value::Null,
            };
            let (value, is_cut) = cell::of_value(value, longest);
            if is_cut {
                cut_here.push(index);
            }
            row.push(value);
        }
        of_json += json!(row).to_string().len() + 1;
        of_text += markdown_line(&row).len();
        if of_json.max(of_text) > room {
            break;
        }
        cut_columns.extend(cut_here);
        rows.push(row);
    }
    rows
}

fn markdown_line(record: &[Value]) -> String {
    let cells: Vec<String> = record.iter().map(cell::markdown).collect();
    line(&cells)
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// Makes a note fit: without control characters, and not too long.
fn clean_note(note: &str) -> String {
    let note = note.strip_prefix("note: ").unwrap_or(note);
    cell::cut(note.trim(), LONGEST_NOTE).0
}

/// Makes the name of a column fit: on one line, and not too long.
fn column_name(name: &str) -> String {
    let name: String = name.chars().take(LONGEST_NAME).collect();
    one_line(&name).into_owned()
}

#[cfg(test)]
#[path = "answer/tests.rs"]
mod tests;
