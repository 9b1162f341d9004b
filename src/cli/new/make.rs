//! Makes a query of a request that was sent elsewhere.

use serde_json::Value;

use crate::cli::app::App;
use crate::cli::base_urls::{self, Below};
use crate::cli::failure::Failure;
use crate::cli::new::address_parts::AddressParts;
use crate::cli::new::asked::Asked;
use crate::cli::new::content::{Content, content, from_environment};
use crate::cli::new::fields::{self, Fields};
use crate::cli::new::resource::{Credentials, NewResource};
use crate::cli::new::text::template;
use crate::cli::options::ConnectArgs;
use crate::core::secret::{Secret, holds_token};
use crate::core::text::counted;
use crate::project::Project;
use crate::project::draft::{Draft, DraftBody, DraftVar, columns_of, records_of, rows_of};

/// A query to be written.
pub struct Made {
    /// The query.
    pub draft: Draft,
    /// The resource that it needs, if the project has none.
    pub resource: Option<NewResource>,
    /// Notes for the user, one line each.
    pub notes: Vec<String>,
}

/// Makes the query of a request. No credential of it is kept.
///
/// # Errors
///
/// If the address is not one, or no resource has the given name.
pub fn make(
    asked: &Asked,
    resource: Option<&str>,
    project: &Project,
    app: &App,
) -> Result<Made, Failure> {
    let fields = fields::sorted(asked);
    conceal(asked, &fields, app);
    let connect = ConnectArgs::default();
    let below = base_urls::below(asked.url.as_str(), resource, project, &connect, app)?;
    let mut notes = Vec::new();
    let (name, new_resource, parts) = match below {
        Below::Resource { name, target } => {
            let file = project.resources().iter().find(|file| file.name == name);
            let kind = file.and_then(|file| {
                file.base
                    .iter()
                    .chain(file.environments.values())
                    .next()
                    .map(|resource| resource.kind.kind())
            });
            let parts = AddressParts::of(&target, kind == Some("circleci"));
            tell_credentials(&name, asked, &fields, &parts, &mut notes);
            (name, None, parts)
        }
        Below::None { .. } if holds_token(asked.url.as_str()) => {
            let taken: Vec<&str> = (project.resources().iter())
                .map(|file| file.name.as_str())
                .collect();
            let is_read = asked.method == "GET";
            let new = NewResource::of_secret_address(&asked.url, is_read, &taken);
            (new.name.clone(), Some(new), AddressParts::default())
        }
        Below::None { .. } => {
            let (new, parts) = of_new_resource(asked, &fields, project);
            (new.name.clone(), Some(new), parts)
        }
    };
    if !parts.vars.is_empty() {
        let vars: Vec<String> = parts.vars.iter().map(told).collect();
        notes.push(format!("vars: {}", vars.join(", ")));
    }
    if fields.noise > 0 {
        let fields = counted(fields.noise as u64, "header field");
        notes.push(format!("left out: {fields} that a client adds by itself"));
    }
    let mut draft = draft(asked, name, &fields, parts, &mut notes);
    hide_secrets(&mut draft, project, &mut notes);
    Ok(Made {
        draft,
        resource: new_resource,
        notes,
    })
}

/// Reads the members of a JSON body from the environment that are secret by the API's description.
fn hide_secrets(draft: &mut Draft, project: &Project, notes: &mut Vec<String>) {
    let resource = draft.resource.as_deref().unwrap_or_default();
    let names = project.secret_members(resource, draft.method.as_str(), &draft.endpoint);
    let Some(DraftBody::Json(Value::Object(members))) = &mut draft.body else {
        return;
    };
    for name in names {
        if let Some(value) = members.get_mut(&name)
            && !value.to_string().contains("{{ env.")
        {
            *value = from_environment(&name, notes);
        }
    }
}

/// Makes a resource for an address that no resource has, and splits the address.
fn of_new_resource(
    asked: &Asked,
    fields: &Fields,
    project: &Project,
) -> (NewResource, AddressParts) {
    let taken: Vec<&str> = project
        .resources()
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    let of_query = AddressParts::of(&format!("/?{}", asked.url.query().unwrap_or("")), false);
    let credentials = Credentials {
        fields,
        user: asked.user.as_deref(),
        params: &of_query.secret,
    };
    let new = NewResource::new(&asked.url, &credentials, &taken);
    let path = &asked.url.path()[new.base_path.len()..];
    let query = asked
        .url
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    let parts = AddressParts::of(&format!("{path}{query}"), false);
    (new, parts)
}

/// Makes the query of a request.
fn draft(
    asked: &Asked,
    resource: String,
    fields: &Fields,
    parts: AddressParts,
    notes: &mut Vec<String>,
) -> Draft {
    notes.extend(parts.notes);
    let mut draft = Draft {
        resource: Some(resource),
        vars: parts.vars,
        method: asked.method.parse().unwrap_or_default(),
        endpoint: parts.endpoint,
        params: parts.params,
        headers: (fields.own.iter())
            .map(|(name, value)| (name.clone(), template(value)))
            .collect(),
        ..Draft::default()
    };
    if let Some(Content {
        body,
        media_type,
        notes: more,
    }) = content(asked)
    {
        draft.body = Some(body);
        if let Some(media_type) = media_type {
            draft.headers.push(("Content-Type".to_owned(), media_type));
        }
        notes.extend(more);
    }
    if let Some(answer) = &asked.answer {
        draft.rows = rows_of(answer);
        draft.extract = columns_of(&records_of(answer));
    }
    notes.extend(asked.notes.iter().cloned());
    if asked.answer.is_none() && draft.method.is_safe() {
        notes.push("its answer is not known here: add `rows` and `extract`".to_owned());
    }
    draft
}

/// The length of the shortest password that is masked in messages.
const SHORTEST_MASKED: usize = 8;

/// Hides the credentials in all messages from now on.
fn conceal(asked: &Asked, fields: &Fields, app: &App) {
    for (_, value) in &fields.secret {
        app.scrubber.add(value);
        if let Some((_, token)) = value.expose().split_once(' ') {
            app.scrubber.add(&Secret::new(token));
        }
    }
    // A short one would be masked inside of other words; it is written nowhere.
    if let Some((_, password)) = asked.user.as_deref().and_then(|user| user.split_once(':'))
        && password.len() >= SHORTEST_MASKED
    {
        app.scrubber.add(&Secret::new(password));
    }
}

/// Says that the resource's own credential is sent.
fn tell_credentials(
    resource: &str,
    asked: &Asked,
    fields: &Fields,
    parts: &AddressParts,
    notes: &mut Vec<String>,
) {
    let mut names: Vec<String> = fields
        .secret
        .iter()
        .map(|(name, _)| name.to_lowercase())
        .collect();
    names.extend(parts.secret.iter().map(|(name, _)| name.clone()));
    names.extend(asked.user.as_ref().map(|_| "user".to_owned()));
    if !names.is_empty() {
        let names = names.join("`, `");
        notes.push(format!(
            "`{resource}` sends its own credential instead of `{names}`"
        ));
    }
}

/// Describes a var in a few words.
fn told(var: &DraftVar) -> String {
    let value = var.default.as_ref().or(var.example.as_ref());
    match value.and_then(|value| value.as_str()) {
        Some(value) => format!("`{}` (was `{value}`)", var.name),
        None => format!("`{}`", var.name),
    }
}
