//! `runner man`: manual pages, one for each verb, from the help and the tables of the documentation.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command as Process, Stdio};
use std::rc::Rc;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::app::App;
use crate::cli::exit::{self, Exit};
use crate::cli::failure::{Failure, Stopped};
use crate::core::code::Code;
use crate::core::markdown::without_targets;
use crate::core::name;
use crate::project::load;
use crate::sink;

const EXAMPLES: &str = "\
Examples:
  runner man                                  the page of runner
  runner man run                              that of `runner run`
  runner man --out ~/.local/share/man/man1    all pages, for man(1)";

/// The page with the table of variables.
const ENVIRONMENT: &str = include_str!("../../docs/reference/environment.md");

/// The page with the table of files.
const COMMANDS: &str = include_str!("../../docs/reference/commands.md");

/// Options of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// Command (default: the program as a whole)
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,

    /// Write all pages to this folder instead of showing one
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub out: Option<PathBuf>,
}

/// Runs the verb.
///
/// # Errors
///
/// If there is no such command, `man` cannot be started on a terminal, or a file cannot be written.
pub fn run(args: &ManArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    let mut root = crate::cli::Cli::command();
    root.build();
    if let Some(folder) = &args.out {
        return write_all(&root, &app.working_directory.join(folder), app);
    }
    let command = match &args.command {
        None => &root,
        Some(wanted) => find(&root, wanted)?,
    };
    let text = page(command, &root, &date(app));
    if !app.stdout.is_terminal {
        app.print(&text)?;
        return Ok(Exit::Done);
    }
    show(&text)?;
    Ok(Exit::Done)
}

/// Returns the commands that have a page.
fn commands(root: &Command) -> impl Iterator<Item = &Command> {
    let is_own = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    root.get_subcommands().filter(is_own)
}

/// Returns the date of today.
fn date(app: &App) -> String {
    app.now.strftime("%Y-%m-%d").to_string()
}

fn find<'c>(root: &'c Command, wanted: &str) -> Result<&'c Command, Failure> {
    let wanted = wanted.trim_start_matches("runner-");
    let found = commands(root).find(|command| command.get_name() == wanted);
    found.ok_or_else(|| {
        let failure = Failure::usage(Code::Usage, format!("no command `{wanted}`"));
        match name::hint(wanted, commands(root).map(Command::get_name)) {
            Some(hint) => failure.help(hint),
            None => failure.help("list the commands with `runner --help`"),
        }
    })
}

fn write_all(root: &Command, folder: &std::path::Path, app: &App) -> Result<Exit, Stopped> {
    let failed = |path: &std::path::Path, error: &std::io::Error| {
        let words = format!("cannot write `{}`: {}", path.display(), load::plain(error));
        Failure::usage(Code::CannotWrite, words)
    };
    let mut count = 0;
    for command in std::iter::once(root).chain(commands(root)) {
        let path = folder.join(format!("{}.1", page_name(command)));
        sink::write_file(&path, page(command, root, &date(app)).as_bytes())
            .map_err(|error| failed(&path, &error))?;
        count += 1;
    }
    app.eprintln(&format!("{count} pages in {}", folder.display()));
    Ok(Exit::Done)
}

/// Shows a page with `man`.
fn show(text: &str) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| {
        let words = format!("cannot show the page with `man`: {}", load::plain(error));
        Failure::usage(Code::CannotStart, words)
            .help("write the pages with `runner man --out DIR`, or read `runner --help`")
    };
    let mut man = Process::new("man")
        .args(["-l", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    if let Some(mut pipe) = man.stdin.take() {
        // A reader that has seen enough closes the pipe.
        let _ = pipe.write_all(text.as_bytes());
    }
    man.wait().map_err(|error| failed(&error))?;
    Ok(())
}

/// Returns the name of a page: `runner-run`.
fn page_name(command: &Command) -> String {
    match command.get_name() {
        "runner" => "runner".to_owned(),
        verb => format!("runner-{verb}"),
    }
}

/// Returns a page as roff. Its date is that of its making, since a page must have one.
fn page(command: &Command, root: &Command, date: &str) -> String {
    let is_root = command.get_name() == root.get_name();
    let name = page_name(command);
    let own = command.clone().display_name(&name);
    let man = Man::new(own)
        .title(name.to_uppercase())
        .section("1")
        .date(date)
        .source(concat!("runner ", env!("CARGO_PKG_VERSION")))
        .manual("runner");
    let mut text = Vec::new();
    let write = |part: Result<(), std::io::Error>| part.expect("memory can be written");
    write(man.render_title(&mut text));
    write(man.render_name_section(&mut text));
    write(man.render_synopsis_section(&mut text));
    write(man.render_description_section(&mut text));
    write(man.render_options_section(&mut text));
    if is_root {
        let verbs = commands(root).map(|verb| {
            let about = verb.get_about().map(ToString::to_string);
            (page_name(verb) + "(1)", about.unwrap_or_default())
        });
        write(pairs("COMMANDS", verbs).to_writer(&mut text));
    }
    let codes = exit::HELP.lines().skip(1).filter_map(|line| {
        let (code, meaning) = line.trim().split_once("  ")?;
        Some((code.to_owned(), meaning.trim().to_owned()))
    });
    write(pairs("EXIT STATUS", codes).to_writer(&mut text));
    // Only what is connected to an API reads the environment.
    let connects = command
        .get_arguments()
        .any(|option| option.get_long() == Some("env"));
    if is_root || connects {
        write(pairs("ENVIRONMENT", rows(ENVIRONMENT, "| variable |")).to_writer(&mut text));
        write(pairs("FILES", rows(COMMANDS, "| file |")).to_writer(&mut text));
    }
    write(examples(command).to_writer(&mut text));
    let others = std::iter::once(root).chain(commands(root));
    let others = others.map(page_name).filter(|other| *other != name);
    let mut see = Roff::new();
    see.control("SH", ["SEE ALSO"]);
    let references: Vec<String> = others.map(|other| format!("{other}(1)")).collect();
    see.text([roman(references.join(", "))]);
    write(see.to_writer(&mut text));
    tidied(&String::from_utf8_lossy(&text))
}

/// Removes what formatters warn about: breaks around a space, and spaces at the ends of lines.
fn tidied(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    // An empty line is a space too.
    let is_space = |at: usize| matches!(lines.get(at), Some(&("" | ".sp")));
    let mut tidy = String::new();
    for (index, line) in lines.iter().enumerate() {
        let is_around_space = is_space(index + 1) || index.checked_sub(1).is_some_and(is_space);
        if *line != ".br" || !is_around_space {
            tidy.push_str(line);
            tidy.push('\n');
        }
    }
    tidy
}

/// Returns a section of terms and their meanings.
fn pairs(title: &str, pairs: impl Iterator<Item = (String, String)>) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (term, meaning) in pairs {
        roff.control("TP", []);
        roff.text([bold(term)]);
        roff.text([roman(meaning)]);
    }
    roff
}

/// Returns the examples of the help, as they are.
fn examples(command: &Command) -> Roff {
    let help = command.get_after_help().map(ToString::to_string);
    let help = help.unwrap_or_default();
    let examples = help.split("\n\n").find(|part| part.contains("\n  runner "));
    let mut roff = Roff::new();
    let lines: Vec<&str> = examples.into_iter().flat_map(str::lines).skip(1).collect();
    if lines.is_empty() {
        return roff;
    }
    roff.control("SH", ["EXAMPLES"]);
    roff.control("EX", []);
    for line in lines {
        roff.text([roman(line)]);
    }
    roff.control("EE", []);
    roff
}

/// Returns the rows of the first table with this head, without their markup.
fn rows(page: &'static str, head: &'static str) -> impl Iterator<Item = (String, String)> {
    let lines = page.lines().skip_while(move |line| !line.starts_with(head));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| {
        let mut cells = row.trim_matches('|').splitn(2, " | ");
        let term = cells.next()?.trim().replace('`', "");
        let meaning = without_targets(cells.next()?.trim());
        Some((term, meaning.replace('`', "")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_the_pages_are_read() {
        let variables: Vec<_> = rows(ENVIRONMENT, "| variable |").collect();
        assert!(
            variables.len() > 5 && variables[0].0 == "CIRCLE_TOKEN",
            "{variables:?}"
        );
        let files: Vec<_> = rows(COMMANDS, "| file |").collect();
        assert_eq!(files[0].0, "runner.yaml");
        assert!(
            !files
                .iter()
                .any(|(_, meaning)| meaning.contains(['[', '`'])),
            "{files:?}"
        );
    }

    #[test]
    fn every_verb_has_a_page_with_its_examples() {
        let mut root = crate::cli::Cli::command();
        root.build();
        for command in commands(&root) {
            let text = page(command, &root, "2026-11-27");
            for section in [
                "NAME",
                "SYNOPSIS",
                "EXAMPLES",
                "\"EXIT STATUS\"",
                "\"SEE ALSO\"",
            ] {
                let heading = format!(".SH {section}\n");
                assert_eq!(text.matches(&heading).count(), 1, "{section}: {text}");
            }
        }
    }
}
