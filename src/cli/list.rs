//! `runner list`: shows resources and queries as a tree.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::options::TextFormat;
use crate::cli::setup;
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostics;
use crate::core::text::{display_width, one_line, printable_lines, truncate_to_width, wrap};
use crate::description::Entry;
use crate::project::{Project, load};

const EXAMPLES: &str = "\
Examples:
  runner list
  runner list circleci:               the operations of CircleCI's API
  runner list circleci:deploy         those that have to do with deploys
  runner list -o json | jq -r '.queries[].name'";

/// Options of `list`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ListArgs {
    /// Operations of a resource's API, perhaps only those with a word in their id, path or group
    #[arg(value_name = "RESOURCE:[WORD]")]
    pub operations: Option<String>,

    /// Output format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: TextFormat,
}

/// With less width, a description is cut to one line.
const NARROWEST_DESCRIPTION: usize = 30;

/// An item in the tree.
struct Item {
    folder: String,
    name: String,
    about: String,
    file: String,
    is_broken: bool,
}

/// Runs the verb.
///
/// # Errors
///
/// If there is no project.
pub fn run(args: &ListArgs, app: &Rc<App>) -> Result<Exit, Failure> {
    let project = setup::project_here(app)?;
    if let Some(wanted) = &args.operations {
        let operations = operations(&project, wanted)?;
        let text = operations_text(&operations, wanted, args, app);
        app.print_to_any(&printable_lines(&text))?;
        return Ok(Exit::Done);
    }
    let described = described(&project);
    let root = project.root().display().to_string();
    let resources = resources(&project);
    let queries = queries(&project, app);
    let text = if args.output == TextFormat::Json {
        let objects = |items: &[Item]| items.iter().map(object).collect::<Vec<_>>();
        let document = json!({
            "project": { "root": root, "built_in": project.is_built_in() },
            "resources": objects(&resources),
            "queries": objects(&queries),
            "operations": described
                .iter()
                .map(|(name, count)| json!({ "resource": name, "count": count }))
                .collect::<Vec<_>>(),
        });
        format!("{document:#}\n")
    } else {
        let width = if app.stdout.is_terminal {
            app.stdout.width
        } else {
            usize::MAX
        };
        let of_apis: Vec<String> = described
            .iter()
            .map(|(name, count)| match count {
                Some(count) => format!("  {name}:  {count}, listed by `runner list {name}:`\n"),
                None => format!("  {name}:  (broken)\n"),
            })
            .collect();
        let of_apis = if of_apis.is_empty() {
            String::new()
        } else {
            format!("operations\n{}", of_apis.concat())
        };
        format!(
            "project\n  {}\nresources\n{}queries\n{}{of_apis}",
            if project.is_built_in() {
                "built-in (no project found)".into()
            } else {
                one_line(&root)
            },
            tree(&resources, width),
            tree(&queries, width)
        )
    };
    app.print_to_any(&printable_lines(&text))?;
    let items = resources.iter().chain(&queries);
    let is_broken = items.into_iter().any(|item| item.is_broken)
        || described.iter().any(|(_, count)| count.is_none());
    if is_broken && app.stderr.is_terminal {
        app.eprintln("run `runner check` for the faults of the broken files");
    }
    Ok(Exit::Done)
}

fn resources(project: &Project) -> Vec<Item> {
    let broken = project.broken_resources().map(|file| Item {
        folder: String::new(),
        name: file
            .path()
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
        about: String::new(),
        file: file.name().to_owned(),
        is_broken: true,
    });
    project
        .resources()
        .iter()
        .map(|file| {
            let loaded = project.in_environment(file, None).ok().or_else(|| {
                let name = file.environments.keys().next()?;
                project.in_environment(file, Some(name)).ok()
            });
            Item {
                folder: loaded
                    .as_ref()
                    .and_then(|resource| resource.folder.clone())
                    .unwrap_or_default(),
                name: file.name.clone(),
                about: loaded.as_ref().map_or_else(String::new, |resource| {
                    resource.description.clone().unwrap_or_default()
                }),
                file: file.source.name().to_owned(),
                is_broken: loaded.is_none(),
            }
        })
        .chain(broken)
        .collect()
}

fn queries(project: &Project, app: &App) -> Vec<Item> {
    project
        .query_files(&mut Diagnostics::new())
        .iter()
        .map(|path| {
            let file = load::shown(path, &app.working_directory);
            match project.query_at(path) {
                Ok(query) => Item {
                    folder: query.folder.clone().unwrap_or_default(),
                    name: query.name.clone(),
                    about: query.description.clone().unwrap_or_default(),
                    file,
                    is_broken: false,
                },
                Err(_) => Item {
                    folder: String::new(),
                    name: project.name_of(path),
                    about: String::new(),
                    file,
                    is_broken: true,
                },
            }
        })
        .collect()
}

/// Returns the resources whose APIs are described, with the numbers of their operations; without one
/// if the description cannot be used.
fn described(project: &Project) -> Vec<(String, Option<usize>)> {
    let described = project.described_resources();
    let counted = described.map(|(file, description)| {
        let count = description.map(|description| description.entries().len());
        (file.name.clone(), count.ok())
    });
    counted.collect()
}

/// Returns the operations of `circleci:`, or those of `circleci:WORD` that have the word in their id,
/// path or group.
fn operations(project: &Project, wanted: &str) -> Result<Vec<Item>, Failure> {
    let Some((resource, word)) = wanted.split_once(':') else {
        let words = format!("`{wanted}` is not `RESOURCE:` or `RESOURCE:WORD`");
        let help = format!("for the operations of a resource's API, write `{wanted}:`");
        return Err(Failure::usage(Code::Usage, words).help(help));
    };
    let (file, description) = project.described_resource(resource)?;
    let word = word.to_lowercase();
    let has_word = |entry: &&Entry| {
        let texts = [Some(&entry.id), Some(&entry.path), entry.tag.as_ref()];
        let mut texts = texts.into_iter().flatten();
        texts.any(|text| text.to_lowercase().contains(&word))
    };
    let items = description.entries().iter().filter(has_word);
    let items: Vec<Item> = items
        .map(|entry| Item {
            folder: entry.tag.clone().unwrap_or_default(),
            name: format!("{}:{}", file.name, entry.id),
            about: entry.summary.clone().unwrap_or_default(),
            file: entry.to_string(),
            is_broken: false,
        })
        .collect();
    if items.is_empty() {
        let words = format!("no operation of `{resource}` has `{word}` in its id, path or group");
        let help = format!("list all with `runner list {resource}:`");
        return Err(Failure::usage(Code::UnknownQuery, words).help(help));
    }
    Ok(items)
}

fn operations_text(items: &[Item], wanted: &str, args: &ListArgs, app: &App) -> String {
    if args.output == TextFormat::Json {
        let operations = items.iter().map(|item| {
            let (method, path) = item.file.split_once(' ').unwrap_or_default();
            json!({
                "name": item.name,
                "group": item.folder,
                "description": item.about,
                "method": method,
                "path": path,
            })
        });
        return format!(
            "{:#}\n",
            json!({ "operations": operations.collect::<Vec<_>>() })
        );
    }
    let is_terminal = app.stdout.is_terminal;
    let width = if is_terminal {
        app.stdout.width
    } else {
        usize::MAX
    };
    let mut text = tree(items, width);
    if is_terminal {
        let first = &items[0].name;
        let resource = wanted.split(':').next().unwrap_or_default();
        text.push_str(&format!(
            "\nshow one with `runner show {first}`, run it with `runner run {first}`,\n\
             or by its route: `runner run \"{resource}:{}\"`\n",
            items[0].file
        ));
    }
    text
}

fn object(item: &Item) -> Value {
    let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "name": item.name,
        "folder": optional(&item.folder),
        "description": optional(&item.about),
        "file": item.file,
        "broken": item.is_broken,
    })
}

fn tree(items: &[Item], width: usize) -> String {
    if items.is_empty() {
        return "  (none)\n".to_owned();
    }
    let mut folders: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for item in items {
        folders.entry(&item.folder).or_default().push(item);
    }
    let longest = items
        .iter()
        .map(|item| display_width(&item.name) + if item.folder.is_empty() { 0 } else { 2 })
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (folder, mut items) in folders {
        let indent = if folder.is_empty() {
            "  "
        } else {
            text.push_str(&format!("  {}/\n", one_line(folder)));
            "    "
        };
        items.sort_by(|left, right| left.name.cmp(&right.name));
        for item in items {
            let about = if item.is_broken {
                "(broken)".to_owned()
            } else {
                one_line(&item.about).into_owned()
            };
            let name = one_line(&item.name);
            let margin = longest + 4;
            let gap = margin.saturating_sub(indent.len() + display_width(&name));
            let start = format!("{indent}{name}{:gap$}", "");
            let room = width.saturating_sub(margin);
            if room < NARROWEST_DESCRIPTION {
                let line = start + &about;
                text.push_str(truncate_to_width(line.trim_end(), width).as_ref());
                text.push('\n');
                continue;
            }
            let mut lines = wrap(&about, room).into_iter();
            let first = start + lines.next().unwrap_or_default();
            text.push_str(&format!("{}\n", first.trim_end()));
            for line in lines {
                text.push_str(&format!("{:margin$}{line}\n", ""));
            }
        }
    }
    text
}
