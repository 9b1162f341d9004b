//! Compares what a query sends with what the operation takes.

use serde_json::Value;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Node};
use crate::core::name;
use crate::core::source::Place;
use crate::description::{BodyKind, Object, Operation, Others, Parameter, ParameterPlace, Schema};
use crate::http::Method;
use crate::paginate::{Choice, RequestPlace, Style};
use crate::project::query::{Call, Var, VarType};
use crate::project::{Query, ResourceFile};
use crate::resource::Speak;

/// A request with what it may be.
pub struct Sent<'s> {
    /// The query.
    pub query: &'s Query,
    /// Its request.
    pub call: &'s Call,
    /// The file of its resource.
    pub resource: &'s ResourceFile,
    /// The operation.
    pub operation: &'s Operation,
    /// The document of the query.
    pub document: &'s Node,
}

/// A value of the file, as far as it is known.
enum Given<'s> {
    /// A constant.
    Constant(Value),
    /// The value of a var.
    Var(&'s Var),
    /// Anything.
    Unknown,
}

impl Sent<'_> {
    /// Reports all that the operation does not take.
    pub fn check(&self, faults: &mut Diagnostics) {
        let misspelt = self.params(faults);
        self.required(&misspelt, faults);
        self.body(faults);
    }

    fn entries(&self, key: &str) -> &[Entry] {
        match self.document.get(key).map(|node| &node.content) {
            Some(Content::Map(entries)) => entries,
            _ => &[],
        }
    }

    /// Compares the parameters, and returns the names that unknown ones may stand for.
    fn params(&self, faults: &mut Diagnostics) -> Vec<String> {
        let mut misspelt = Vec::new();
        let known = || self.operation.parameters_at(ParameterPlace::Query);
        let mut unknown = |name: &str, place: &Place, faults: &mut Diagnostics| {
            let names: Vec<&str> = known().map(|known| &*known.name).collect();
            let words = format!("`{}` has no parameter `{name}`", self.operation.route());
            let hint = name::hint(name, names.iter().copied());
            misspelt.extend(name::nearest(name, names).map(str::to_owned));
            let fault = Diagnostic::at(place, Code::ApiParam, words).maybe_help(hint);
            faults.push(self.unless_partial(fault));
        };
        for (name, place) in self.in_endpoint() {
            if known().all(|known| *known.name != *name) && !self.is_sent_otherwise(&name) {
                unknown(&name, &place, faults);
            }
        }
        for entry in self.entries("params") {
            let parameter = known().find(|known| *known.name == *entry.key);
            let Some(parameter) = parameter else {
                if !self.is_sent_otherwise(&entry.key) {
                    unknown(&entry.key, &entry.key_place, faults);
                }
                continue;
            };
            for item in entry.value.items() {
                self.param(parameter, item, faults);
            }
        }
        misspelt
    }

    /// Makes a fault about something unknown a note if the API is only known in part.
    fn unless_partial(&self, fault: Diagnostic) -> Diagnostic {
        let is_partial = self.resource.kind().is_some_and(Speak::is_known_in_part);
        if is_partial { fault.note() } else { fault }
    }

    /// Returns the names of parameters that are written into the endpoint, with their places.
    fn in_endpoint(&self) -> Vec<(String, Place)> {
        let template = self.call.address.template();
        let text = template.text_in_file();
        let Some(start) = text.value.find('?') else {
            return Vec::new();
        };
        let mut at = start + 1;
        let mut names = Vec::new();
        for part in text.value[at..].split('&') {
            let name = part.split('=').next().unwrap_or_default();
            if !name.is_empty() && !name.contains(['{', '}', '%', ' ']) {
                names.push((name.to_owned(), text.locate(at..at + name.len())));
            }
            at += part.len() + 1;
        }
        names
    }

    /// Compares a value of a parameter. URLs have no types, so that a number may be written as text.
    fn param(&self, parameter: &Parameter, node: &Node, faults: &mut Diagnostics) {
        let schema = element(&parameter.schema);
        let named = format!("the parameter `{}`", parameter.name);
        match self.given(node) {
            Given::Unknown => {}
            Given::Constant(value) => {
                let text = crate::core::json::plain(&value);
                if let Some(fault) = self.word(schema, &text, &named, &node.place) {
                    faults.push(fault);
                } else if !fits_text(schema, &text) && !value.is_null() {
                    let words = format!("{named} takes {}, got `{text}`", schema.kind());
                    faults.push(Diagnostic::at(&node.place, Code::ApiParam, words));
                }
            }
            Given::Var(var) => self.choices(var, schema, &named, faults),
        }
    }

    /// Compares the words that a var can have.
    fn choices(&self, var: &Var, schema: &Schema, named: &str, faults: &mut Diagnostics) {
        let Some(declared) = self
            .document
            .get("vars")
            .and_then(|vars| vars.get(&var.name))
        else {
            return;
        };
        let default = match declared.get("default") {
            Some(default) => Some(default),
            None if matches!(declared.content, Content::Map(_)) => None,
            None => Some(declared),
        };
        let choices = declared.get("enum").map(Node::items).unwrap_or_default();
        let defaults = default.map(Node::items).unwrap_or_default();
        for node in choices.into_iter().chain(defaults) {
            let text = node.scalar().filter(|text| !text.contains("{{"));
            if let Some(fault) = text.and_then(|text| self.word(schema, &text, named, &node.place))
            {
                faults.push(fault);
            }
        }
    }

    /// Returns the fault of a word that an enumeration does not have.
    fn word(&self, schema: &Schema, text: &str, named: &str, place: &Place) -> Option<Diagnostic> {
        let known = schema.words()?;
        if known.contains(&text) || (text == "null" && schema.takes_null()) {
            return None;
        }
        let words = format!(
            "{named} of `{}` does not take `{text}`",
            self.operation.route()
        );
        let hint = name::nearest(text, known.iter().copied()).map_or_else(
            || format!("it takes {}", name::one_of(&known)),
            |near| format!("did you mean `{near}`?"),
        );
        Some(Diagnostic::at(place, Code::ApiEnum, words).help(hint))
    }

    /// Returns true if pagination or the resource sends a parameter.
    fn is_sent_otherwise(&self, name: &str) -> bool {
        let Some(resource) = &self.resource.base else {
            return false;
        };
        let own = self.call.paginate.as_ref().unwrap_or(&resource.paginate);
        let style = match &own.choice {
            Choice::Off => None,
            Choice::Style(style) => Some(Style::clone(style)),
            Choice::Auto => (resource.kind).pagination(&self.call.method, &self.operation.path),
        };
        let is_it = |place: &RequestPlace| *place == RequestPlace::Param(name.to_owned());
        style.is_some_and(|style| style.places().iter().any(is_it))
            || resource.params.iter().any(|(known, _)| known == name)
    }

    fn required(&self, misspelt: &[String], faults: &mut Diagnostics) {
        let in_endpoint = self.in_endpoint();
        for parameter in &self.operation.parameters {
            let name = &*parameter.name;
            let is_given = match parameter.place {
                ParameterPlace::Path => true,
                ParameterPlace::Query => {
                    self.entries("params").iter().any(|entry| entry.key == name)
                        || in_endpoint.iter().any(|(known, _)| known == name)
                        || self.is_sent_otherwise(name)
                }
                ParameterPlace::Header => {
                    let is_it = |entry: &Entry| entry.key.eq_ignore_ascii_case(name);
                    self.entries("headers").iter().any(is_it) || self.resource_has_header(name)
                }
            };
            if is_given || !parameter.is_required || misspelt.iter().any(|near| near == name) {
                continue;
            }
            let what = match parameter.place {
                ParameterPlace::Header => "header field",
                _ => "parameter",
            };
            let words = format!("`{}` requires the {what} `{name}`", self.operation.route());
            let place = match self.document.get("params") {
                Some(params) if parameter.place == ParameterPlace::Query => &params.place,
                _ => self.call.address.template().place(),
            };
            faults.push(Diagnostic::at(place, Code::ApiRequired, words));
        }
    }

    fn resource_has_header(&self, name: &str) -> bool {
        let headers = self
            .resource
            .base
            .iter()
            .flat_map(|resource| &resource.headers);
        headers
            .into_iter()
            .any(|(known, _)| known.as_str().eq_ignore_ascii_case(name))
    }

    fn body(&self, faults: &mut Diagnostics) {
        let route = self.operation.route();
        let node = self.document.get("body");
        let Some(expected) = &self.operation.body else {
            if let Some(node) = node
                && !is_empty(node)
            {
                let words = format!("`{route}` takes no body");
                faults.push(Diagnostic::at(&node.place, Code::ApiBody, words));
            }
            return;
        };
        let Some(node) = node else {
            // A GET has none, whatever the description says.
            let can_have_one = !matches!(self.call.method, Method::GET | Method::HEAD);
            if can_have_one && expected.is_needed() {
                let words = format!("`{route}` requires a body");
                let place = self.call.address.template().place();
                faults.push(Diagnostic::at(place, Code::ApiRequired, words));
            }
            return;
        };
        if let (BodyKind::Json, Some(json)) = (expected.kind, node.get("json")) {
            self.value(&expected.schema, json, "the body", faults);
        }
    }

    /// Compares a value of a JSON body.
    fn value(&self, schema: &Schema, node: &Node, named: &str, faults: &mut Diagnostics) {
        if *schema == Schema::Any {
            return;
        }
        match &node.content {
            Content::Map(entries) => {
                let objects: Vec<&Object> = schema
                    .alternatives()
                    .iter()
                    .filter_map(|one| match one {
                        Schema::Object(object) => Some(&**object),
                        _ => None,
                    })
                    .collect();
                if schema.alternatives().contains(&Schema::Any) {
                    return;
                }
                // The alternative that fits best.
                let reports = objects.into_iter().map(|object| {
                    let mut found = Diagnostics::new();
                    self.members(object, entries, node, named, &mut found);
                    found
                });
                match reports.min_by_key(Diagnostics::len) {
                    Some(found) => faults.extend(found),
                    None => faults.push(self.mismatch(schema, "an object", named, &node.place)),
                }
            }
            Content::List(items) => {
                let lists = schema.alternatives().iter().filter_map(|one| match one {
                    Schema::List(element) => Some(&**element),
                    _ => None,
                });
                let element = Schema::union(lists.cloned());
                if !schema
                    .alternatives()
                    .iter()
                    .any(|one| matches!(one, Schema::List(_) | Schema::Any))
                {
                    faults.push(self.mismatch(schema, "a list", named, &node.place));
                    return;
                }
                let each = format!("each element of {named}");
                for item in items {
                    self.value(&element, item, &each, faults);
                }
            }
            _ => match self.given(node) {
                Given::Unknown => {}
                Given::Var(var) => self.var(var, schema, node, named, faults),
                Given::Constant(value) => self.constant(&value, schema, node, named, faults),
            },
        }
    }

    fn constant(
        &self,
        value: &Value,
        schema: &Schema,
        node: &Node,
        named: &str,
        faults: &mut Diagnostics,
    ) {
        if schema.allows(value) {
            return;
        }
        if let Some(fault) = value
            .as_str()
            .and_then(|text| self.word(schema, text, named, &node.place))
        {
            faults.push(fault);
            return;
        }
        let got = crate::core::json::kind(value);
        faults.push(self.mismatch(schema, got, named, &node.place));
    }

    /// Compares the type of a var, which a single expression keeps, and the words it can have.
    fn var(&self, var: &Var, schema: &Schema, node: &Node, named: &str, faults: &mut Diagnostics) {
        let sample = match var.kind {
            VarType::String | VarType::Time => Value::from("text"),
            VarType::Int => Value::from(1),
            VarType::Number => serde_json::json!(1.5),
            VarType::Duration | VarType::Json => return,
            VarType::Bool => Value::from(true),
            VarType::List => Value::Array(Vec::new()),
        };
        // A word stands for any text.
        let is_text = sample.is_string() && schema.words().is_some();
        // A whole number is a number, and a number may be whole.
        let is_number = sample.is_number() && schema.allows(&Value::from(1));
        if is_text {
            self.choices(var, schema, named, faults);
        } else if !schema.allows(&sample) && !is_number {
            let got = format!("the var `{}` of type `{}`", var.name, var.kind.name());
            faults.push(self.mismatch(schema, &got, named, &node.place));
        }
    }

    fn mismatch(&self, schema: &Schema, got: &str, named: &str, place: &Place) -> Diagnostic {
        let kinds: Vec<&str> = schema.alternatives().iter().map(Schema::kind).collect();
        let mut kinds: Vec<&str> = kinds.into_iter().filter(|kind| *kind != "null").collect();
        kinds.dedup();
        let words = format!(
            "{named} of `{}` takes {}, got {got}",
            self.operation.route(),
            kinds.join(" or ")
        );
        Diagnostic::at(place, Code::ApiBody, words)
    }

    fn members(
        &self,
        object: &Object,
        entries: &[Entry],
        node: &Node,
        named: &str,
        faults: &mut Diagnostics,
    ) {
        let mut misspelt: Vec<&str> = Vec::new();
        for entry in entries {
            let known = object.member(&entry.key, false);
            let is_required = known.is_some_and(|member| member.is_required);
            let inner = match known {
                Some(member) => &member.schema,
                None => match &object.others {
                    Others::Any => continue,
                    Others::Each(schema) => schema,
                    Others::None => {
                        let known = object.members.iter().map(|member| &*member.name);
                        let words = format!(
                            "{named} of `{}` has no member `{}`",
                            self.operation.route(),
                            entry.key
                        );
                        let fault = Diagnostic::at(&entry.key_place, Code::ApiBody, words);
                        misspelt.extend(name::nearest(&entry.key, known.clone()));
                        let fault = fault.maybe_help(name::hint(&entry.key, known));
                        faults.push(self.unless_partial(fault));
                        continue;
                    }
                },
            };
            let path = match named.strip_prefix('`') {
                Some(above) => format!("`{}.{}`", above.trim_end_matches('`'), entry.key),
                None => format!("`{}`", entry.key),
            };
            // An optional member that is null may be taken as absent.
            if !is_required && entry.value.is_null() {
                continue;
            }
            self.value(inner, &entry.value, &path, faults);
        }
        for member in object.members.iter().filter(|member| member.is_required) {
            let is_given = entries.iter().any(|entry| *entry.key == *member.name);
            if !is_given && !misspelt.contains(&&*member.name) {
                let words = format!(
                    "{named} of `{}` requires the member `{}`",
                    self.operation.route(),
                    member.name
                );
                faults.push(Diagnostic::at(&node.place, Code::ApiRequired, words));
            }
        }
    }

    /// Returns what is known of a value.
    fn given(&self, node: &Node) -> Given<'_> {
        let Content::Text(text) = &node.content else {
            return Given::Constant(node.to_json());
        };
        if !["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) {
            return Given::Constant(Value::from(text.as_str()));
        }
        let inner = text.trim().strip_prefix("{{");
        let inner = inner.and_then(|inner| inner.strip_suffix("}}"));
        let name = inner.map(|inner| inner.trim().trim_start_matches("vars."));
        match name.and_then(|name| self.query.var(name)) {
            Some(var) => Given::Var(var),
            None => Given::Unknown,
        }
    }
}

/// Returns the shape of one value of a parameter that may be repeated.
fn element(schema: &Schema) -> &Schema {
    match schema.without_null() {
        Some(Schema::List(element)) => element,
        _ => schema,
    }
}

/// Returns true if a text in a URL can be a value of a shape.
fn fits_text(schema: &Schema, text: &str) -> bool {
    schema.alternatives().iter().any(|one| match one {
        Schema::Bool => matches!(text, "true" | "false"),
        Schema::Int => text.parse::<i128>().is_ok(),
        Schema::Number => text.parse::<f64>().is_ok(),
        Schema::Word(word) => **word == *text,
        Schema::Any
        | Schema::Null
        | Schema::Text(_)
        | Schema::List(_)
        | Schema::Object(_)
        | Schema::Union(_) => true,
    })
}

/// Returns true for a body without content, which any server ignores.
fn is_empty(body: &Node) -> bool {
    match &body.content {
        Content::Null => true,
        Content::Map(entries) => entries.iter().all(|entry| match &entry.value.content {
            Content::Map(members) => members.is_empty(),
            Content::Null => true,
            Content::Text(text) => text.is_empty(),
            _ => false,
        }),
        _ => false,
    }
}
