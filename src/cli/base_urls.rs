//! Finds the resource that an address belongs to.

use std::sync::Arc;

use url::Url;

use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::failure::Failure;
use crate::cli::options::{ConnectArgs, MessageArgs};
use crate::core::code::Code;
use crate::core::name;
use crate::plan::{Inputs, Plan};
use crate::project::{Project, ResourceFile};

/// The name of the resource that is meant where none is named.
const USUAL: &str = "circleci";

/// The place of an address.
pub enum Below {
    /// Below the base URL of a resource.
    Resource {
        /// The name of the resource.
        name: String,
        /// The path below its base URL, with the query string.
        target: String,
    },
    /// Below none.
    None {
        /// The base URLs, as hints.
        known: Vec<String>,
    },
}

/// Returns the name of the named resource, the usual one, or the only one.
///
/// # Errors
///
/// If there is no such resource, or no way to choose.
pub fn resource(wanted: Option<&str>, project: &Project) -> Result<String, Failure> {
    let files = project.resources();
    let known: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    if let Some(wanted) = wanted {
        if known.contains(&wanted) {
            return Ok(wanted.to_owned());
        }
        let words = format!("no resource `{wanted}`");
        let failure = Failure::usage(Code::UnknownResource, words);
        return Err(match name::hint(wanted, known) {
            Some(hint) => failure.help(hint),
            None => failure,
        });
    }
    match known.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(
            Failure::usage(Code::NoResource, "the project has no resources").help(
                "add `resources/circleci.yaml`, or write a starter project with `runner init`",
            ),
        ),
        several if several.contains(&USUAL) => Ok(USUAL.to_owned()),
        several => {
            let words = "the project has several resources, and none is named";
            let all = name::one_of(several);
            let help = format!(
                "name one of {all}, for example `runner api {} /…`",
                several[0]
            );
            Err(Failure::usage(Code::NoResource, words).help(help))
        }
    }
}

/// Finds the resource whose base URL an address begins with; the longest one, if there are several.
///
/// # Errors
///
/// If the address is not a URL, or there is no resource of that name.
pub fn below(
    address: &str,
    wanted: Option<&str>,
    project: &Project,
    connect: &ConnectArgs,
    app: &App,
) -> Result<Below, Failure> {
    let url = Url::parse(address).map_err(|error| {
        Failure::usage(Code::Endpoint, format!("`{address}` is not a URL: {error}"))
    })?;
    let wanted = wanted
        .map(|name| resource(Some(name), project))
        .transpose()?;
    let mut known = Vec::new();
    for file in project.resources() {
        if wanted.as_ref().is_none_or(|name| *name == file.name)
            && let Some(base) = base_url(file, project, connect, app)
        {
            known.push((file.name.clone(), base));
        }
    }
    let found = known
        .iter()
        .filter_map(|(name, base)| Some((name, base, target_below(&url, base)?)))
        .max_by_key(|(_, base, _)| base.path().len());
    Ok(match found {
        Some((name, _, target)) => Below::Resource {
            name: name.clone(),
            target,
        },
        None => Below::None {
            known: known
                .iter()
                .map(|(name, base)| format!("`{name}` has {base}"))
                .collect(),
        },
    })
}

/// Returns the part of an address below a base URL.
fn target_below(url: &Url, base: &Url) -> Option<String> {
    if url.origin() != base.origin() {
        return None;
    }
    let path = url.path().strip_prefix(base.path().trim_end_matches('/'))?;
    if !path.is_empty() && !path.starts_with('/') {
        return None;
    }
    let path = if path.is_empty() { "/" } else { path };
    Some(match url.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    })
}

/// Returns the base URL of a resource, if it is known here.
fn base_url(
    file: &ResourceFile,
    project: &Project,
    connect: &ConnectArgs,
    app: &App,
) -> Option<Url> {
    // The addresses of the files, not those of the demo.
    let connect = ConnectArgs {
        demo: false,
        ..connect.clone()
    };
    let quiet = MessageArgs {
        quiet: true,
        ..MessageArgs::default()
    };
    let world = World::new(app, &connect, quiet, None).ok()?;
    let resource = project.in_environment(file, connect.environment()).ok()?;
    let query = project.ad_hoc_query(&file.name, "/").ok()?;
    let binding = world
        .bound_to(project, [(file.name.clone(), resource)], app)
        .ok()?;
    let plan = Plan::bind(Arc::new(query), &binding, &Inputs::new()).ok()?;
    let base = plan.requests()?.base_url().clone();
    // A webhook's URL is its credential.
    let is_secret = app.scrubber.text(base.as_str()) != base.as_str();
    (!is_secret).then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_below_a_base_url_or_not() {
        let below = |url: &str, base: &str| {
            let parsed = |text: &str| Url::parse(text).expect("a URL");
            target_below(&parsed(url), &parsed(base))
        };
        let base = "https://ci.example/api/v2/";
        assert_eq!(
            below("https://ci.example/api/v2/me?a=b", base).as_deref(),
            Some("/me?a=b")
        );
        assert_eq!(
            below("https://ci.example/api/v2", base).as_deref(),
            Some("/")
        );
        assert_eq!(below("https://ci.example/api/v22/me", base), None);
        assert_eq!(below("https://evil.example/api/v2/me", base), None);
        assert_eq!(below("http://ci.example/api/v2/me", base), None);
    }
}
