//! The address of the store, and its opening.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;

use crate::auth::output_of_command;
use crate::cli::app::App;
use crate::cli::connect::{self, World};
use crate::cli::error_hints;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::options::MessageArgs;
use crate::cli::setup;
use crate::core::code::Code;
use crate::core::secret::Secret;
use crate::http::trusted_roots;
use crate::plan::Plan;
use crate::project::{Project, StoreSettings, load};
use crate::store::address::ServerAddress;
use crate::store::cell::format_micros;
use crate::store::{
    OpenStore, Opening, Store, StoreAccess, StoreAddress, StoreError, StoreErrorKind,
};
use crate::template::Template;

/// The store of a project without settings.
const USUAL: &str = ".runner/store.db";

/// The store of the demo, which must not mix with the real one.
const OF_DEMO: &str = ".runner/demo.db";

/// The environment variable that names the store.
const VARIABLE: &str = "RUNNER_STORE";

/// Options of every verb of `store`.
#[derive(Debug, clap::Args)]
pub struct PlaceArgs {
    /// The store: a file, or `postgres://user@host/database`
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,

    /// Use the store of `runner sync --demo`
    #[arg(long)]
    pub demo: bool,

    #[command(flatten)]
    pub messages: MessageArgs,
}

/// Returns the address of the store: that of the command line, of the environment, of the project
/// file, or the usual one.
///
/// # Errors
///
/// If it cannot be used, or its password cannot be had.
pub fn address(
    given: Option<&str>,
    is_demo: bool,
    project: &Project,
    app: &App,
) -> Result<StoreAddress, Failure> {
    let here = app.working_directory.as_path();
    let from_environment = app.env.get(VARIABLE).filter(|text| !text.is_empty());
    if let Some(text) = given.or(from_environment.map(String::as_str)) {
        return with_password(parsed(text, here, app)?, None, project, app);
    }
    let settings = if is_demo {
        None
    } else {
        project.store().map_err(Failure::from_diagnostics)?
    };
    let Some(settings) = settings else {
        let usual = if is_demo { OF_DEMO } else { USUAL };
        // The built-in project has no folder.
        let root = if project.is_built_in() {
            here
        } else {
            project.root()
        };
        return Ok(StoreAddress::File(root.join(usual)));
    };
    let text = rendered(&settings.url, app)?;
    let address = parsed(&text, project.root(), app)?;
    with_password(address, Some(settings), project, app)
}

/// Returns true if there is a store, as far as it is known without opening it.
pub fn exists(is_demo: bool, project: &Project, app: &App) -> bool {
    let is_named = app.env.get(VARIABLE).is_some_and(|text| !text.is_empty())
        || !is_demo && !matches!(project.store(), Ok(None));
    // A store that is named may be a server, or made later.
    is_named
        || matches!(address(None, is_demo, project, app),
            Ok(StoreAddress::File(path)) if path.exists())
}

fn parsed(text: &str, folder: &Path, app: &App) -> Result<StoreAddress, Failure> {
    let address = StoreAddress::parse(text, folder).map_err(|error| failure(error, app))?;
    if let Some(password) = address.server().and_then(ServerAddress::password) {
        app.scrubber.add(&password);
    }
    Ok(address)
}

/// Renders a template of the project file, which may be over a secret.
fn rendered(template: &Template, app: &App) -> Result<String, Failure> {
    let text = template.text(&World::outside_of(app).scope_with_secrets(&app.scrubber));
    text.map_err(|error| error_hints::render_error(&error, app))
}

/// Adds the password, if the address has none.
fn with_password(
    mut address: StoreAddress,
    settings: Option<&StoreSettings>,
    project: &Project,
    app: &App,
) -> Result<StoreAddress, Failure> {
    let Some(server) = address.server_mut() else {
        return Ok(address);
    };
    if server.password().is_some() {
        return Ok(address);
    }
    let template = settings.and_then(|settings| settings.password.as_ref());
    let command = settings.and_then(|settings| settings.command.as_ref());
    let password = match (template, command) {
        (Some(template), _) => Some(rendered(template, app).map_err(|mut failure| {
            failure.exit = Exit::Credentials;
            failure
        })?),
        (None, Some(command)) => Some(printed(command, project, app)?),
        (None, None) => app.database_password(),
    };
    if let Some(password) = password.filter(|password| !password.is_empty()) {
        let password = Secret::new(password);
        app.scrubber.add(&password);
        server.set_password(&password);
    }
    Ok(address)
}

/// Returns the output of the program that prints the password.
fn printed(command: &[String], project: &Project, app: &App) -> Result<String, Failure> {
    let output =
        connect::runtime()?.block_on(output_of_command(command, project.root(), &app.scrubber));
    let output = output.map_err(|words| {
        let words = format!("no password for the store: {words}");
        Failure::new(Exit::Credentials, Code::NoCredential, words)
    })?;
    Ok(output.expose().to_owned())
}

/// Returns all that is needed to open a store.
///
/// # Errors
///
/// If the trusted certificates cannot be loaded.
pub fn access(address: StoreAddress, app: &App) -> Result<StoreAccess, Failure> {
    let Some(server) = address.server().filter(|server| server.uses_tls()) else {
        return Ok(StoreAccess {
            address,
            roots: None,
        });
    };
    let fault = |words: String| Failure::usage(Code::Store, words);
    let pem = match server.root_file() {
        None => None,
        Some(path) => {
            let path = app.working_directory.join(path);
            let read = load::certificate_file(&path);
            Some(read.map_err(|words| {
                fault(format!(
                    "cannot read `sslrootcert` `{}`: {words}",
                    path.display()
                ))
            })?)
        }
    };
    let roots = trusted_roots(pem.as_deref(), "sslrootcert", true).map_err(fault)?;
    Ok(StoreAccess {
        address,
        roots: Some(roots),
    })
}

/// Returns the store that plans read, if they read one.
///
/// # Errors
///
/// As [`address`] and [`access`].
pub fn read_by(
    plans: &[Rc<Plan>],
    given: Option<&str>,
    is_demo: bool,
    app: &App,
) -> Result<Option<Arc<dyn OpenStore>>, Failure> {
    let Some(plan) = plans.iter().find(|plan| plan.query.reads_store()) else {
        return Ok(None);
    };
    let project = match load::root_of(&plan.root) {
        Some(root) => setup::project(&root, app)?,
        None => setup::project_here(app)?,
    };
    let address = address(given, is_demo, &project, app)?;
    Ok(Some(Arc::new(access(address, app)?)))
}

/// Returns the time of the last sync of the demo's store, at which its story stands.
///
/// # Errors
///
/// As [`address`] and [`open`].
pub fn demo_time(
    given: Option<&str>,
    project: &Project,
    app: &App,
) -> Result<Option<String>, Failure> {
    let access = access(address(given, true, project, app)?, app)?;
    let mut store = open(&access, Opening::Existing, app)?;
    let last = store.last_sync_time();
    let last = last.map_err(|error| failure(error, app))?;
    Ok(last.map(format_micros))
}

/// Returns the time from which ages of rows count: for the demo's store, that at which its story stands.
///
/// # Errors
///
/// If the store cannot be read.
pub fn now_of(store: &mut Store, is_demo: bool, app: &App) -> Result<Timestamp, Failure> {
    if !is_demo {
        return Ok(app.now);
    }
    let last = store.last_sync_time();
    let last = last.map_err(|error| failure(error, app))?;
    let last = last.and_then(|micros| Timestamp::from_microsecond(micros).ok());
    Ok(last.unwrap_or(app.now))
}

/// Opens a store.
///
/// # Errors
///
/// If it cannot be opened.
pub fn open(access: &StoreAccess, opening: Opening, app: &App) -> Result<Store, Failure> {
    let opened = match opening {
        Opening::Existing => access.open(),
        Opening::Create => access.address.open(opening, access.roots.clone()),
    };
    opened.map_err(|error| failure(error, app))
}

/// Returns the failure for an error of the store.
pub fn failure(error: StoreError, app: &App) -> Failure {
    let (exit, code) = match error.kind {
        StoreErrorKind::Usage | StoreErrorKind::Database => (Exit::Usage, Code::Store),
        StoreErrorKind::Locked => (Exit::Forbidden, Code::Locked),
        StoreErrorKind::Connection => (Exit::Network, Code::Connect),
        StoreErrorKind::Credentials => (Exit::Credentials, Code::NoCredential),
        StoreErrorKind::Misfit => (Exit::Refused, Code::StoreValue),
        StoreErrorKind::Schema => (Exit::Usage, Code::StoreSchema),
        StoreErrorKind::Storage => (Exit::Usage, Code::CannotWrite),
    };
    let words = app.scrubber.text(&error.message).into_owned();
    let failure = Failure::new(exit, code, words);
    match error.help {
        Some(help) => failure.help(help),
        None => failure,
    }
}
