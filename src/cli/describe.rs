//! Describes the parts of a query in words: vars, loops, bodies, rules.

use serde_json::{Map, Value, json};

use crate::core::json::plain;
use crate::core::name;
use crate::core::time::format_duration;
use crate::http::retry::RetryChange;
use crate::plan::Plan;
use crate::project::query::{Body, CacheRule, Items, Keeping, Limit, Loop, Var, VarType};
use crate::project::template::ValueTemplate;

/// Describes a var: type, required, default, choices, example.
pub fn var_words(var: &Var) -> String {
    let mut words = vec![var.kind.name().to_owned()];
    if var.required {
        words.push("required".to_owned());
    }
    if let Some(default) = &var.default {
        let source = value_source(default);
        words.push(if source == "null" {
            "optional".to_owned()
        } else {
            format!("default {source}")
        });
    }
    let each = if var.kind == VarType::List {
        "each "
    } else {
        ""
    };
    if let Some(choices) = &var.choices {
        let plain: Vec<String> = choices.iter().map(plain).collect();
        words.push(format!("{each}one of {}", name::one_of(&plain)));
    }
    if let Some(pattern) = &var.pattern {
        let verb = if each.is_empty() {
            "matches"
        } else {
            "each matching"
        };
        words.push(format!("{verb} `{}`", pattern.source));
    }
    words.extend(var.bounds.words());
    if var.secret {
        words.push("secret".to_owned());
    }
    if let Some(example) = &var.example {
        words.push(format!("for example {}", plain(example)));
    }
    words.join(", ")
}

/// Describes how `runner sync` keeps the records of a query.
pub fn keeping_words(keeping: &Keeping) -> String {
    let key: Vec<&str> = keeping.key.iter().map(|name| &*name.value).collect();
    let mut words = vec![format!("key {}", key.join(", "))];
    words.extend(keeping.at.as_ref().map(|at| format!("at {}", at.value)));
    words.extend(
        keeping
            .done
            .as_ref()
            .map(|done| format!("done when {}", done.source())),
    );
    let revisit = keeping.revisit.map(format_duration);
    words.extend(revisit.map(|age| format!("revisits items up to {age}")));
    words.extend(keeping.history.then(|| "with history".to_owned()));
    words.extend(keeping.marks_gone.then(|| "marks what is gone".to_owned()));
    words.join("; ")
}

/// Returns the rule by which `runner sync` keeps the records of a query.
pub fn keeping_json(keeping: &Keeping) -> Value {
    let key: Vec<&str> = keeping.key.iter().map(|name| &*name.value).collect();
    json!({
        "key": key,
        "at": keeping.at.as_ref().map(|at| &*at.value),
        "done": keeping.done.as_ref().map(crate::template::Expression::source),
        "revisit_seconds": keeping.revisit.map(|age| age.as_secs()),
        "history": keeping.history,
        "gone": if keeping.marks_gone { "mark" } else { "keep" },
    })
}

/// Returns a value as text, as written in the file.
pub fn value_source(value: &ValueTemplate) -> String {
    match value {
        ValueTemplate::Template(template) => template.source().to_owned(),
        other => plain(&source_json(other)),
    }
}

/// Returns a value as written in the file.
pub fn source_json(value: &ValueTemplate) -> Value {
    match value {
        ValueTemplate::Constant(value) => value.clone(),
        ValueTemplate::Template(template) => Value::from(template.source()),
        ValueTemplate::List(items) => items.iter().map(source_json).collect(),
        ValueTemplate::Map(members) => Value::Object(
            members
                .iter()
                .map(|(key, value)| (key.clone(), source_json(value)))
                .collect::<Map<_, _>>(),
        ),
    }
}

/// Describes a body.
pub fn body_source(body: &Body) -> String {
    fn names<T>(fields: &[(String, T)]) -> String {
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }
    match body {
        Body::Json(value) => format!("json {}", value_source(value)),
        Body::Form(fields) => format!("form {}", names(fields)),
        Body::Multipart(fields) => format!("multipart {}", names(fields)),
        Body::Text(template) => format!("text {}", template.source()),
        Body::File(template) => format!("file {}", template.source()),
        Body::Graphql(body) => format!("graphql {}", body.document.value.trim()),
    }
}

/// Describes the source of a loop's items.
pub fn feed_words(feed: &Loop) -> String {
    let source = match &feed.items {
        Items::List(list) => format!("{} in {}", feed.name, value_source(list)),
        Items::Query { query, vars } if vars.is_empty() => {
            format!("{} of {}", feed.name, query.name)
        }
        Items::Query { query, vars } => {
            let given: Vec<String> = vars
                .iter()
                .map(|(name, value)| format!("{name} = {}", value_source(value)))
                .collect();
            format!("{} of {}, {}", feed.name, query.name, given.join(", "))
        }
    };
    let limit = feed.limit.as_ref().map(limit_source);
    format!("{source}{}", choice_words(feed, limit))
}

/// Describes the source of a loop's items and their selection, with the limit's value if it does
/// not depend on an item.
pub fn items_of(plan: &Plan, feed: &Loop) -> String {
    let source = match &feed.items {
        Items::Query { query, .. } => format!("{} of {}", feed.name, query.name),
        Items::List(_) => format!("{} of a list", feed.name),
    };
    let limit = match Plan::most_items(feed, &plan.site()) {
        Ok(most) => most.map(|most| most.to_string()),
        Err(_) => feed.limit.as_ref().map(limit_source),
    };
    format!("{source}{}", choice_words(feed, limit))
}

/// Describes the condition and the limit of a loop's items.
fn choice_words(feed: &Loop, limit: Option<String>) -> String {
    let filter = feed.filter.as_ref();
    let filter = filter.map(|filter| format!(", where {}", filter.source().trim()));
    let limit = limit.map(|limit| format!(", at most {limit}"));
    [filter, limit].into_iter().flatten().collect()
}

fn limit_source(limit: &Limit) -> String {
    match limit {
        Limit::Number(number) => number.to_string(),
        Limit::Template(template) => template.source().trim().to_owned(),
    }
}

/// Describes the cache rule.
pub fn cache_words(rule: CacheRule) -> String {
    match rule {
        CacheRule::For(age) => format!("for {}", format_duration(age)),
        CacheRule::Finished => "finished responses".to_owned(),
    }
}

/// Describes the changes to the resource's retry policy.
pub fn retry_words(retry: &RetryChange) -> String {
    let parts = [
        retry
            .max_attempts
            .map(|number| format!("up to {number} attempts")),
        retry
            .base_delay
            .map(|delay| format!("delay from {}", format_duration(delay))),
        retry
            .max_delay
            .map(|delay| format!("delay up to {}", format_duration(delay))),
        retry.statuses.as_ref().map(|statuses| {
            let statuses: Vec<String> = statuses.iter().map(ToString::to_string).collect();
            format!("also on {}", name::one_of(&statuses))
        }),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}
