//! The environment variables that a query sends, and to which host.

use std::collections::BTreeSet;

use crate::project::query::{Call, Query};
use crate::project::template::ValueTemplate;
use crate::project::{Project, ResourceFile};
use crate::resource::Resource;
use crate::template::Template;

/// The variables that the requests of one query send to one host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    /// The host, or the template of the base URL if it is only known at run time.
    pub host: String,
    /// The names of the environment variables.
    pub variables: BTreeSet<String>,
    /// Those used neither by `auth` nor by the base URL.
    pub beside_auth: BTreeSet<String>,
}

impl Project {
    /// Returns the variables that a query and its dependencies send.
    pub fn sends(&self, query: &Query) -> BTreeSet<Sent> {
        query
            .with_fed_by()
            .into_iter()
            .filter_map(|query| {
                let call = query.call()?;
                let name = &call.resource;
                let mut files = self.resources().iter();
                let file = files.find(|file| file.name == *name.value)?;
                let resource = self.usual(file)?;
                Some([Some(sent(query, call, &resource)), sent_by_auth(&resource)])
            })
            .flatten()
            .flatten()
            .filter(|sent| !sent.variables.is_empty())
            .collect()
    }

    /// Returns the variables that any request to a resource sends.
    pub fn sent_to(&self, file: &ResourceFile) -> BTreeSet<String> {
        let resource = self.usual(file);
        resource.map_or_else(BTreeSet::new, |resource| names(resource.templates()))
    }

    fn usual(&self, file: &ResourceFile) -> Option<Resource> {
        let first = file.environments.keys().next().map(String::as_str);
        let environment = if file.base.is_some() { None } else { first };
        self.in_environment(file, environment).ok()
    }
}

fn sent(query: &Query, call: &Call, resource: &Resource) -> Sent {
    let templates = call.request_templates();
    let vars = query.vars.iter().filter(|var| {
        let is_sent = |template: &&Template| template.mentions().has(&var.name);
        templates.iter().any(is_sent)
    });
    let defaults = vars
        .filter_map(|var| var.default.as_ref())
        .flat_map(ValueTemplate::templates);
    let own = names(templates.iter().copied().chain(defaults));
    let of_auth = names(auth_templates(resource));
    let of_resource = names(match resource.auth.server() {
        Some(_) => resource.templates_beside_auth().collect::<Vec<_>>(),
        None => resource.templates().collect(),
    });
    let of_auth: BTreeSet<String> = &of_auth | &names([&resource.base_url]);
    let variables: BTreeSet<String> = own.union(&of_resource).cloned().collect();
    Sent {
        host: host(&resource.base_url),
        beside_auth: variables.difference(&of_auth).cloned().collect(),
        variables,
    }
}

/// Returns the variables sent to the server that issues the credential.
fn sent_by_auth(resource: &Resource) -> Option<Sent> {
    Some(Sent {
        host: host(resource.auth.server()?),
        variables: names(auth_templates(resource)),
        beside_auth: BTreeSet::new(),
    })
}

fn auth_templates(resource: &Resource) -> impl Iterator<Item = &Template> {
    let auth = &resource.auth;
    auth.templates().into_iter().chain(auth.open_templates())
}

fn names<'t>(templates: impl IntoIterator<Item = &'t Template>) -> BTreeSet<String> {
    templates
        .into_iter()
        .flat_map(|template| template.mentions().attributes("env"))
        .map(str::to_owned)
        .collect()
}

fn host(base_url: &Template) -> String {
    let known = url::Url::parse(base_url.source()).ok();
    known
        .filter(|_| base_url.is_constant())
        .and_then(|url| {
            let host = url.host_str()?.to_owned();
            Some(match url.port() {
                Some(port) => format!("{host}:{port}"),
                None => host,
            })
        })
        .unwrap_or_else(|| base_url.source().to_owned())
}
