//! `runner.yaml`: marks the root of a project and holds settings shared by its queries.

use std::path::{Component, Path};
use std::time::Duration;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Node};
use crate::core::name;
use crate::core::source::Text;
use crate::project::query::Var;
use crate::project::template::{Names, ValueTemplate, template};
use crate::project::{database_url, grammar, literal, load, var_declaration};
use crate::template::Template;

/// The name of the file.
pub const FILE_NAME: &str = "runner.yaml";

/// The settings of a project.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Defaults for vars with these names in all queries. They can use `env`, `git` and `now()`.
    vars: Vec<Entry>,
    /// The default environment.
    pub environment: Option<Text>,
    /// The folder of test files, if the file sets it.
    pub tests_folder: Option<Text>,
    /// The age at which recordings are old.
    pub tests_max_age: Option<Duration>,
    /// The store for records, if the file names one.
    pub store: Option<StoreSettings>,
}

/// The store of a project.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The path or the URL, over `env`.
    pub url: Template,
    /// The password, over `env`.
    pub password: Option<Template>,
    /// A program that prints the password.
    pub command: Option<Vec<String>>,
}

impl Settings {
    /// Reads the file. Faults are added to `faults`.
    pub fn read(node: &Node, faults: &mut Diagnostics) -> Self {
        let mut settings = Self::default();
        match node.content {
            // An empty file only marks the root.
            Content::Null => return settings,
            Content::Map(_) => {}
            _ => {
                faults.push(node.mismatch("the project file", "a mapping"));
                return settings;
            }
        }
        literal::check(node, faults);
        let mut fields = node.fields_of("the project file", grammar::PROJECT, faults);
        if let Some(vars) = fields.get("vars") {
            settings.vars = shared_defaults(vars, faults);
        }
        settings.environment = fields
            .get("environment")
            .filter(|node| !node.is_null())
            .and_then(|node| node.text("environment", faults));
        if let Some(tests) = fields.get("tests") {
            settings.read_tests(tests, faults);
        }
        if let Some(store) = fields.get("store") {
            settings.store = read_store(store, faults);
        }
        fields.finish(faults);
        settings
    }

    fn read_tests(&mut self, node: &Node, faults: &mut Diagnostics) {
        let mut fields = node.fields_of("tests", grammar::TESTS, faults);
        self.tests_folder = fields.read("folder", folder_of_tests, faults);
        self.tests_max_age = fields.duration("max_age", faults);
        fields.finish(faults);
    }

    /// Overrides the defaults of a query's vars with the shared ones.
    pub fn complete(&self, vars: &mut [Var], query: &str, faults: &mut Diagnostics) {
        for var in vars {
            let Some(shared) = self.vars.iter().find(|shared| shared.key == var.name) else {
                continue;
            };
            let mut own = Diagnostics::new();
            var.required = false;
            var_declaration::set_default(var, &shared.value, &Names::outside(), &mut own);
            for mut fault in own.into_sorted() {
                fault.facts.push(format!("query: {query}"));
                faults.push(fault);
            }
        }
    }

    /// Reports shared defaults that no query uses, given the names of all vars.
    pub fn check_names(&self, known: &[String], faults: &mut Diagnostics) {
        for shared in &self.vars {
            if !known.contains(&shared.key) {
                let words = format!("no query has a var `{}`", shared.key);
                let hint = name::hint(&shared.key, known.iter().map(String::as_str));
                faults.push(
                    Diagnostic::at(&shared.key_place, Code::UnknownVar, words).maybe_help(hint),
                );
            }
        }
    }
}

/// Reads `store`: an address, or a mapping with one.
fn read_store(node: &Node, faults: &mut Diagnostics) -> Option<StoreSettings> {
    let names = Names::outside();
    if !matches!(node.content, Content::Map(_)) {
        let text = node.text("store", faults)?;
        let url = template(&text, &names, faults)?;
        refuse_password_in(&url, faults);
        return Some(StoreSettings {
            url,
            password: None,
            command: None,
        });
    }
    let mut fields = node.fields_of("store", grammar::PROJECT_STORE, faults);
    let mut text = |key: &'static str, faults: &mut Diagnostics| {
        let text = fields.text(key, faults)?;
        template(&text, &names, faults)
    };
    let url = text("url", faults);
    let password = text("password", faults);
    let command_node = fields.get("command");
    let command = command_node.map(|node| {
        let words = node
            .items()
            .into_iter()
            .filter_map(|node| node.text("command", faults));
        words.map(|word| word.value.to_string()).collect::<Vec<_>>()
    });
    fields.finish(faults);
    if let Some(url) = &url {
        refuse_password_in(url, faults);
    }
    if let Some(password) = password
        .as_ref()
        .filter(|password| database_url::is_written(password))
    {
        faults.push(password_in_file(password));
    }
    if password.is_some() && command.is_some() {
        let words = "`store` has both `password` and `command`";
        faults.push(Diagnostic::at(&node.place, Code::Store, words));
    }
    if let Some(node) = command_node.filter(|node| node.items().is_empty()) {
        faults.push(node.mismatch("command", "a list of a program and its arguments"));
    }
    let Some(url) = url else {
        let words = "`store` has no `url`";
        faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
        return None;
    };
    Some(StoreSettings {
        url,
        password,
        command,
    })
}

fn password_in_file(template: &Template) -> Diagnostic {
    let help = "write `password: \"{{ env.STORE_PASSWORD }}\"` under `store`, or `command` with a \
        program that prints it";
    database_url::password_in_file(template, help)
}

/// Reports a password that is written in a URL.
fn refuse_password_in(url: &Template, faults: &mut Diagnostics) {
    if database_url::holds_password(url) {
        faults.push(password_in_file(url));
    }
}

/// Reads a folder inside the project.
fn folder_of_tests(node: &Node, faults: &mut Diagnostics) -> Option<Text> {
    let text = node.text("folder", faults)?;
    let path = Path::new(&*text.value);
    let mut names = path.components();
    let is_inside = names.all(|part| matches!(part, Component::Normal(_)));
    let is_taken = load::PARTS.iter().any(|part| path.starts_with(part));
    if text.value.is_empty() || !is_inside || is_taken {
        let expected = "a folder of the project such as `tests/queries`, outside of `queries` and \
            `resources`";
        faults.push(node.mismatch("folder", expected));
        return None;
    }
    Some(text)
}

fn shared_defaults(node: &Node, faults: &mut Diagnostics) -> Vec<Entry> {
    let mut defaults = Vec::new();
    for entry in node.entries("vars", faults) {
        if !var_declaration::check_name(entry, faults) {
            continue;
        }
        let is_declaration = ["default", "type", "required"]
            .iter()
            .any(|key| entry.value.get(key).is_some());
        if is_declaration {
            let words = format!(
                "`{}` takes a value; vars are declared in queries",
                entry.key
            );
            let help = format!("write `{}: VALUE`", entry.key);
            faults.push(Diagnostic::at(&entry.value.place, Code::WrongType, words).help(help));
            continue;
        }
        if ValueTemplate::read(&entry.value, &Names::outside(), faults).is_some() {
            defaults.push(entry.clone());
        }
    }
    defaults
}
