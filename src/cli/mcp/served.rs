//! `runner mcp tools`: what would be served, what not, and why.

use std::rc::Rc;

use serde_json::json;

use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::mcp::catalog::{Catalog, Effect};
use crate::cli::mcp::definition::definitions;
use crate::cli::mcp::extra::Extra;
use crate::cli::mcp::options::ServeArgs;
use crate::cli::options::TextFormat;
use crate::core::text::{counted, display_width, printable_lines};
use crate::project::Project;

/// Shows the tools.
///
/// # Errors
///
/// If a query that writes cannot be served.
pub fn show(
    project: &Project,
    args: &ServeArgs,
    output: TextFormat,
    app: &Rc<App>,
) -> Result<Exit, Failure> {
    let catalog = Catalog::of(project, args, app);
    catalog.check_writers(&args.allow_write)?;
    let definitions = definitions(project, &catalog, args, &World::outside_of(app));
    let size = json!(definitions).to_string().len();
    let text = if output == TextFormat::Json {
        let others = catalog.others.iter();
        let others: Vec<_> = others
            .map(|(name, why)| json!({ "query": name, "reason": why.words() }))
            .collect();
        let document = json!({ "tools": definitions, "not_served": others, "bytes": size });
        format!("{document:#}\n")
    } else {
        let mut lines = Vec::new();
        for tool in &catalog.tools {
            let effect = match tool.effect {
                Effect::Reads => "reads",
                Effect::DeclaredToRead => "reads, as its file says",
                Effect::Writes => "writes, in two steps",
            };
            lines.push((tool.name.clone(), effect.to_owned()));
        }
        let extras = Extra::of(project, args);
        lines.extend(extras.map(|extra| (extra.name(project), "always served".to_owned())));
        lines.sort();
        let others = catalog.others.iter();
        let others: Vec<(String, String)> = others
            .map(|(name, why)| (name.clone(), why.words()))
            .collect();
        let count = counted(lines.len() as u64, "tool");
        format!(
            "{count}, {size} bytes\n{}not served\n{}",
            aligned(&lines),
            aligned(&others)
        )
    };
    app.print_to_any(&printable_lines(&text))?;
    for warning in catalog.warnings(args) {
        app.eprintln(&warning);
    }
    Ok(Exit::Done)
}

fn aligned(lines: &[(String, String)]) -> String {
    if lines.is_empty() {
        return "  (none)\n".to_owned();
    }
    let width = lines.iter().map(|(name, _)| display_width(name)).max();
    let width = width.unwrap_or(0);
    let lines = lines.iter().map(|(name, words)| {
        let gap = width - display_width(name);
        format!("  {name}{:gap$}  {words}\n", "")
    });
    lines.collect()
}
