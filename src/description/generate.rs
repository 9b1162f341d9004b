//! Writes the compact text of a description: for the tests that generate the built-in ones.

use std::collections::BTreeMap;

use crate::description::compact::SIGNS;
use crate::description::operation::{BodyKind, Operation, ParameterPlace};
use crate::description::schema::{Others, Schema};
use crate::description::schema_text::{Abbreviations, write_schema, write_whole};

/// Writes a description. Shapes of objects that occur more than once get a name, and the meanings of
/// what is answered are left out.
pub fn write(head: &str, operations: &[Operation]) -> String {
    let mut operations = operations.to_vec();
    for operation in &mut operations {
        let answer = operation.answer.take();
        operation.answer = answer.map(|answer| answer.without_meanings());
    }
    let operations = &operations;
    let short = abbreviations(operations);
    let mut text = head.to_owned();
    let mut names: Vec<(&String, &String)> = short.iter().collect();
    // In the order in which they can be read: a shape is longer than its parts.
    names.sort_by_key(|(_, name)| name[1..].parse::<usize>().unwrap_or_default());
    let shapes = shapes_by_text(operations);
    for (whole, name) in names {
        text.push_str(&format!("@{name} "));
        let mut inner = short.clone();
        inner.remove(whole);
        write_whole(&shapes[whole].0, &inner, &mut text);
        text.push('\n');
    }
    for operation in operations {
        text.push('\n');
        write_operation(operation, &short, &mut text);
    }
    text
}

fn write_operation(operation: &Operation, short: &Abbreviations, text: &mut String) {
    text.push_str(&format!("{} {}", operation.route(), operation.id));
    if let Some(tag) = &operation.tag {
        text.push_str(&format!(" {tag}"));
    }
    text.push('\n');
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    if let Some(summary) = &operation.summary {
        line(format!("={summary}"));
    }
    if let Some(replacement) = &operation.deprecated {
        line(format!("~{replacement}"));
    }
    if operation.is_safe && !matches!(operation.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
        line("safe".to_owned());
    }
    if operation.has_loose_keys {
        line("loose".to_owned());
    }
    if let Some(paginate) = &operation.paginate {
        line(format!("paginate {paginate}"));
    }
    if let Some(decode) = &operation.decode {
        line(format!("decode {decode}"));
    }
    for name in &operation.secrets {
        line(format!("secret {name}"));
    }
    for parameter in &operation.parameters {
        let sign = SIGNS.iter().find(|(_, place)| *place == parameter.place);
        let sign = sign.map_or('?', |(sign, _)| *sign);
        let is_marked = parameter.is_required && parameter.place != ParameterPlace::Path;
        let mark = if is_marked { "!" } else { "" };
        let mut shape = String::new();
        write_schema(&parameter.schema, short, &mut shape);
        if let Some(description) = &parameter.description {
            shape.push_str(&format!("`{}`", description.replace('`', "'")));
        }
        for (word, value) in [("default", &parameter.default), ("eg", &parameter.example)] {
            if let Some(value) = value {
                shape.push_str(&format!(" {word} {value}"));
            }
        }
        line(format!("{sign}{}{mark} {shape}", parameter.name));
    }
    if let Some(body) = &operation.body {
        let mark = if body.is_required { "!" } else { "" };
        let kind = match body.kind {
            BodyKind::Json => String::new(),
            other => format!("{} ", other.name()),
        };
        let mut shape = String::new();
        write_schema(&body.schema, short, &mut shape);
        if let Some(example) = &body.example {
            shape.push_str(&format!(" eg {example}"));
        }
        line(format!(">{mark}{kind}{shape}"));
    }
    if let Some(answer) = &operation.answer {
        let mut shape = String::new();
        write_schema(answer, short, &mut shape);
        line(format!("<{shape}"));
    }
}

/// The shapes of objects by their whole text, with the number of times they occur.
fn shapes_by_text(operations: &[Operation]) -> BTreeMap<String, (Schema, usize)> {
    let mut found = BTreeMap::new();
    for operation in operations {
        let parameters = operation.parameters.iter();
        let schemas = parameters
            .map(|parameter| &parameter.schema)
            .chain(operation.body.iter().map(|body| &body.schema))
            .chain(&operation.answer);
        for schema in schemas {
            collect(schema, &mut found);
        }
    }
    found
}

fn collect(schema: &Schema, found: &mut BTreeMap<String, (Schema, usize)>) {
    match schema {
        Schema::List(element) => collect(element, found),
        Schema::Union(list) => list.iter().for_each(|one| collect(one, found)),
        Schema::Object(object) => {
            let text = schema.to_string();
            let entry = found.entry(text).or_insert_with(|| (schema.clone(), 0));
            entry.1 += 1;
            if entry.1 > 1 {
                // Its parts are counted once.
                return;
            }
            for member in &object.members {
                collect(&member.schema, found);
            }
            if let Others::Each(each) = &object.others {
                collect(each, found);
            }
        }
        _ => {}
    }
}

/// Names the shapes that occur more than once, parts before wholes.
fn abbreviations(operations: &[Operation]) -> Abbreviations {
    let shapes = shapes_by_text(operations);
    let mut repeated: Vec<String> = shapes
        .into_iter()
        .filter(|(text, (_, times))| *times > 1 && text.len() > 20)
        .map(|(text, _)| text)
        .collect();
    repeated.sort_by(|left, right| left.len().cmp(&right.len()).then(left.cmp(right)));
    let named = repeated.into_iter().enumerate();
    named
        .map(|(index, text)| (text, format!("s{}", index + 1)))
        .collect()
}
