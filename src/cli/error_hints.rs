//! Converts errors of a plan or a run to failures with hints.

use crate::auth::CredentialError;
use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::git;
use crate::core::code::Code;
use crate::core::source::Place;
use crate::core::time::format_duration;
use crate::engine::{Refusal, Remedy, RunError, RunErrorKind, Unmet, transport_code};
use crate::http::loopback::is_loopback;
use crate::http::{StatusCode, TransportError, TransportErrorKind};
use crate::plan::{Binding, Plan, PlanError};
use crate::resource::Resource;
use crate::template::RenderError;

/// The hint for a poll that failed after its first request was sent.
const HAS_STARTED: &str =
    "the job that was started keeps running: check it before starting another";

/// The hint for a value that is not of its column's type.
const MISFIT: &str = "change `type`, or write `on_misfit: empty` to make such values null";

/// Converts an error of a plan.
pub fn plan_error(error: &PlanError, resource: Option<&Resource>, app: &App) -> Failure {
    match error {
        PlanError::Call(list) => Failure::from_list(list.clone()),
        PlanError::Render(error) => render_error(error, app),
        PlanError::Credential(CredentialError::Render(error)) => match (&error.undefined, resource)
        {
            (Some(name), Some(resource)) if name.starts_with("env.") => {
                unset_token(name, resource, &error.place)
            }
            _ => {
                let mut failure = render_error(error, app);
                failure.exit = Exit::Credentials;
                failure
            }
        },
        PlanError::Credential(CredentialError::Unusable(words, place)) => Failure::new(
            Exit::Credentials,
            Code::NoCredential,
            match resource {
                Some(resource) => {
                    format!(
                        "the resource `{}` has no usable token: {words}",
                        resource.name
                    )
                }
                None => format!("no usable token: {words}"),
            },
        )
        .at(place)
        .helps(resource.map_or_else(Vec::new, token_hints)),
    }
}

/// Converts an error of a plan whose resource is determined by the file with the error.
pub fn plan_error_in(error: &PlanError, binding: &Binding, app: &App) -> Failure {
    let place = match error {
        PlanError::Credential(CredentialError::Render(error)) => Some(&error.place),
        PlanError::Credential(CredentialError::Unusable(_, place)) => Some(place),
        PlanError::Call(_) | PlanError::Render(_) => None,
    };
    let mut resources = binding.resources.values();
    let found = place.and_then(|place| {
        binding
            .resources
            .values()
            .find(|resource| resource.source.name() == place.file.name())
    });
    let resource = found.or_else(|| resources.next());
    plan_error(error, resource.map(|resource| &**resource), app)
}

fn unset_token(name: &str, resource: &Resource, place: &Place) -> Failure {
    let variable = name.trim_start_matches("env.");
    let failure = Failure::new(
        Exit::Credentials,
        Code::NoCredential,
        format!(
            "`{variable}` is not set; the resource `{}` takes its token from it",
            resource.name
        ),
    );
    // The token of a preset is not written in the file.
    let is_written = place.file.text()[place.span.start..place.span.end].contains(variable);
    let failure = if is_written {
        failure.at(place)
    } else {
        failure
    };
    failure
        .help(format!("set it: `export {variable}=…`"))
        .helps(token_hints(resource))
}

/// Returns hints on getting a token, and on working without one.
fn token_hints(resource: &Resource) -> Vec<String> {
    let hints = resource.kind.token_hints().iter();
    hints.map(|hint| (*hint).to_owned()).collect()
}

/// Converts an error of a template.
pub fn render_error(error: &RenderError, app: &App) -> Failure {
    let failure = Failure::usage(Code::Template, error.message.clone()).at(&error.place);
    if let Some(fact) = error
        .undefined
        .as_ref()
        .filter(|name| name.starts_with("git."))
    {
        let default = || format!("add a default: `{{{{ {fact} | default(\"…\") }}}}`");
        return failure
            .help(git::why_unknown(fact, &app.working_directory))
            .help(error.help.clone().unwrap_or_else(default));
    }
    let failure = match &error.help {
        Some(help) => failure.help(help.clone()),
        None => failure,
    };
    match &error.undefined {
        Some(name) if name.starts_with("env.") => {
            let variable = name.trim_start_matches("env.");
            failure.help(format!(
                "set it: `export {variable}=…`, or add a default: `{{{{ {name} | default(\"…\") }}}}`"
            ))
        }
        _ => failure,
    }
}

/// Converts the error of a whole run.
pub fn run_error(error: &RunError, plan: &Plan, app: &App) -> Failure {
    explained(error, plan, app, true)
}

/// Converts the error of one request in a run that continued.
pub fn item_error(error: &RunError, plan: &Plan, app: &App) -> Failure {
    let mut failure = explained(error, plan, app, false);
    failure.exit = Exit::Partial;
    failure
}

fn explained(error: &RunError, plan: &Plan, app: &App, is_whole_run: bool) -> Failure {
    let name = error.resource.as_deref();
    let resource = name.and_then(|name| plan.resource_named(name));
    // The dependencies of a query only read.
    let writes = error.query == plan.query.name && !plan.is_safe();
    let has_started = writes && has_started(error, plan);
    let may_have_written = writes
        && !has_started
        && matches!(&error.kind, RunErrorKind::Transport(error) if error.may_have_acted);
    let mut failure = match &error.kind {
        RunErrorKind::Refused(refusal) => refused(refusal, error.message(), resource),
        RunErrorKind::Transport(fault) => transport(fault, error.message(), resource, app),
        RunErrorKind::Unreadable { words, remedy } => {
            let failure = Failure::new(Exit::Refused, Code::NotJson, words.clone());
            match remedy {
                Some(Remedy::AskForLess) => {
                    failure.help("request less at a time, with `params` or `paginate`")
                }
                Some(Remedy::Decode(kind)) => {
                    failure.help(format!("add `decode: {kind}` to the query"))
                }
                Some(Remedy::OtherAddress) => failure
                    .help("the response is a web page: check that `base_url` is that of the API"),
                // One response of many cannot be shown.
                Some(Remedy::LookAtIt) if is_whole_run => failure.help("print it with `-o raw`"),
                Some(Remedy::LookAtIt) | None => failure,
            }
        }
        RunErrorKind::Rows { words, help } => {
            Failure::usage(Code::Rows, words.clone()).help(help.clone())
        }
        RunErrorKind::Content(words) => Failure::new(Exit::Refused, Code::Decode, words.clone()),
        RunErrorKind::Listing(words) => Failure::new(Exit::Refused, Code::Listing, words.clone()),
        RunErrorKind::Render(error) => render_error(error, app),
        RunErrorKind::Plan(error) => plan_error(error, resource, app),
        RunErrorKind::Sql {
            words,
            place,
            help,
            is_stopped,
        } => {
            let help = help.clone().into_iter().collect();
            sql_failure(words, *is_stopped).at(place).helps(help)
        }
        RunErrorKind::Table { code, words, place } => {
            let failure = Failure::usage(*code, words.clone());
            match place {
                Some(place) => failure.at(place),
                None => failure,
            }
        }
        RunErrorKind::Stored {
            words,
            help,
            is_connection,
        } => {
            let exit = if *is_connection {
                Exit::Network
            } else {
                Exit::Usage
            };
            let words = app.scrubber.text(words).into_owned();
            Failure::new(exit, error.code(), words).helps(help.clone().into_iter().collect())
        }
        RunErrorKind::Waited(words) => {
            Failure::new(Exit::Expectation, Code::PollTimeout, words.clone())
        }
        RunErrorKind::Missing(words, place) => {
            Failure::new(Exit::Expectation, Code::MissingValue, words.clone()).at(place)
        }
        RunErrorKind::Misfit(error) => {
            Failure::new(Exit::Expectation, Code::Misfit, error.message())
                .at(&error.place)
                .help(MISFIT)
        }
        RunErrorKind::Expectation(failed) => unmet(&error.query, failed),
        RunErrorKind::Sink(error) => return Failure::of_output(error),
    };
    if is_unsent(error, plan) {
        failure.message = format!("nothing was sent: {}", failure.message);
    }
    add_origin(&mut failure, error, plan);
    if may_have_written {
        failure = failure.may_have_written();
    }
    if has_started {
        failure = failure.help(HAS_STARTED);
    }
    failure
}

/// Returns true if the error kept a query that writes from sending anything: a condition on a query
/// that it uses is not met.
pub fn is_unsent(error: &RunError, plan: &Plan) -> bool {
    let is_condition = matches!(
        error.kind,
        RunErrorKind::Expectation(_) | RunErrorKind::Waited(_)
    );
    is_condition && !plan.is_safe() && error.query != plan.query.name
}

/// Returns true if the error happened after the first request of a poll with an `endpoint` was
/// sent.
fn has_started(error: &RunError, plan: &Plan) -> bool {
    let Some(call) = plan.query.call() else {
        return false;
    };
    call.polled_endpoint().is_some()
        && match &error.kind {
            RunErrorKind::Waited(_) => true,
            // Without a request, it happened before.
            RunErrorKind::Render(_) => error.request.is_some(),
            // If the first request is a GET too, it cannot be told from the polled ones.
            _ => {
                let request = error.request.as_deref();
                call.method != "GET" && request.is_some_and(|request| request.starts_with("GET "))
            }
        }
}

/// Adds the failed request, and for an item or `data` the query.
fn add_origin(failure: &mut Failure, error: &RunError, plan: &Plan) {
    if let Some(request) = &error.request {
        failure.facts.insert(0, ("request", request.clone().into()));
    }
    if let Some(item) = &error.item {
        let item = item.shown();
        for diagnostic in &mut failure.diagnostics {
            diagnostic.facts.push(format!("item: {item}"));
        }
        failure.facts.insert(0, ("item", item.into()));
    }
    let is_of_other = error.query != plan.query.name;
    let is_of_data = !plan.query.data.is_empty() && is_of_other;
    // The author's message may not name the query.
    let is_unmet = matches!(error.kind, RunErrorKind::Expectation(_)) && is_of_other;
    if error.item.is_some() || is_of_data || is_unmet {
        failure
            .facts
            .insert(0, ("query", error.query.clone().into()));
    }
}

/// Creates the failure of a statement that failed or was stopped.
fn sql_failure(words: &str, is_stopped: bool) -> Failure {
    let exit = if is_stopped {
        Exit::Network
    } else {
        Exit::Usage
    };
    Failure::new(exit, Code::Sql, words)
}

/// Creates the failure of expectations.
fn unmet(query: &str, failed: &[Unmet]) -> Failure {
    let sources: Vec<String> = failed.iter().map(|one| format!("`{}`", one.that)).collect();
    let sources = sources.join(", ");
    if failed.iter().all(|one| one.message.is_none()) {
        let words = format!("expectations of `{query}` failed: {sources}");
        return Failure::new(Exit::Expectation, Code::Expectation, words);
    }
    let words: Vec<String> = failed
        .iter()
        .map(|one| match &one.message {
            Some(words) => words.clone(),
            None => format!("`{}` does not hold", one.that),
        })
        .collect();
    Failure::new(Exit::Expectation, Code::Expectation, words.join("; ")).fact("expects", sources)
}

/// Creates the failure of an error response, with its message.
fn refused(refusal: &Refusal, message: String, resource: Option<&Resource>) -> Failure {
    let status = refusal.status;
    // A 403 for a rate limit does not concern credentials.
    let is_of_credentials = !refusal.is_rate_limited
        && !refusal.is_linked
        && matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let exit = if is_of_credentials {
        Exit::Credentials
    } else {
        Exit::Refused
    };
    let mut failure = Failure::new(exit, refusal.code(), message).fact("status", status.as_u16());
    for (fact, value) in [
        ("request_id", &refusal.request_id),
        ("pointer", &refusal.says.pointer),
        ("error_id", &refusal.says.id),
        ("error_type", &refusal.says.kind),
    ] {
        if let Some(value) = value {
            failure = failure.fact(fact, value.clone());
        }
    }
    if status == StatusCode::GONE {
        failure = failure.help(match &refusal.retirement {
            Some(words) => {
                format!("the endpoint was removed: according to the response, it {words}")
            }
            None => "the endpoint was removed".to_owned(),
        });
    }
    if refusal.is_linked && (status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN)
    {
        return failure.help(
            "the linked host gets no credential, and a signed address expires: request a new one",
        );
    }
    if status == StatusCode::UNAUTHORIZED {
        let origin = resource.map(|resource| resource.auth.origin());
        failure = failure.helps(origin.into_iter().collect());
    }
    if let Some(wait) = refusal.retry_after.filter(|wait| !wait.is_zero()) {
        let words = format!("try again in {}", format_duration(wait));
        failure = failure
            .fact("retry_after_seconds", wait.as_secs())
            .help(words);
    } else if refusal.is_rate_limited {
        failure = failure.help(
            "the server gives no time to retry; set `rate_limit` in the resource file to stay below its limit",
        );
    }
    match refusal.advice {
        Some(words) => failure.help(words),
        None => failure,
    }
}

/// Returns true if the environment defines a proxy for a remote resource.
fn goes_by_proxy(resource: &Resource, app: &App) -> bool {
    let is_elsewhere = resource
        .base_url
        .source()
        .parse::<url::Url>()
        .is_ok_and(|url| !is_loopback(&url));
    is_elsewhere && !app.proxies().is_empty()
}

/// Returns a hint for a failed TLS handshake, from its error messages.
fn tls_hint(causes: &[String]) -> &'static str {
    let says = |words: &str| causes.iter().any(|cause| cause.contains(words));
    if says("CertificateRequired") || says("certificate required") {
        "the server requires a client certificate: set `tls: { client_cert: …, client_key: … }` in the resource file"
    } else if says("NotValidForName") || says("not valid for name") {
        "the server's certificate is for another name: check the host in `base_url`"
    } else if says("UnknownIssuer") {
        "for a private certificate authority set `tls: { ca_file: … }` in the resource file, or run \
         with `--system-certs`"
    } else {
        "check that the server supports TLS 1.2 or 1.3"
    }
}

/// Returns the exit code of a transport error.
fn transport_exit(kind: &TransportErrorKind) -> Exit {
    match kind {
        TransportErrorKind::Connect
        | TransportErrorKind::Name
        | TransportErrorKind::Tls
        | TransportErrorKind::ConnectTimeout(_)
        | TransportErrorKind::Timeout(_)
        | TransportErrorKind::Broken
        | TransportErrorKind::NoBudget(_)
        | TransportErrorKind::Malformed(_) => Exit::Network,
        TransportErrorKind::Coding(_)
        | TransportErrorKind::TooLarge(_)
        | TransportErrorKind::Limited(_)
        | TransportErrorKind::Unavailable(_)
        | TransportErrorKind::Redirect(_) => Exit::Refused,
        TransportErrorKind::Credentials(_) => Exit::Credentials,
        TransportErrorKind::Storage(_)
        | TransportErrorKind::UrlTooLong { .. }
        | TransportErrorKind::Settings(_) => Exit::Usage,
        TransportErrorKind::TokenEndpoint { kind, .. } => transport_exit(kind),
    }
}

fn transport(
    error: &TransportError,
    message: String,
    resource: Option<&Resource>,
    app: &App,
) -> Failure {
    let goes_by_proxy =
        resource.is_some_and(|resource| resource.proxy.is_some() || goes_by_proxy(resource, app));
    let code = transport_code(&error.kind);
    let mut failure = Failure::new(transport_exit(&error.kind), code, message);
    failure.causes = error
        .causes
        .iter()
        // The last cause is specific; those above it only name the layers.
        .next_back()
        .map(|cause| {
            let end = cause.find(" (os error").unwrap_or(cause.len());
            cause[..end].to_owned()
        })
        .into_iter()
        .collect();
    match &error.kind {
        kind if *kind.root() == TransportErrorKind::Tls => failure.help(tls_hint(&error.causes)),
        TransportErrorKind::TooLarge(_) => {
            failure.help("request less (`params`), or raise `max_body` in the resource file")
        }
        TransportErrorKind::UrlTooLong { .. } => {
            failure.help("request less at once, or send it in a `body` if the API accepts one")
        }
        TransportErrorKind::Redirect(_) => failure
            .help("if the API has moved, update `base_url` in the resource file"),
        TransportErrorKind::Connect | TransportErrorKind::ConnectTimeout(_)
            if goes_by_proxy =>
        {
            failure.help("a proxy is used (`proxy` in the resource file, or `HTTPS_PROXY`): check that it is running")
        }
        TransportErrorKind::NoBudget(_) => failure.help(
            "start the database, or set `RUNNER_SHARE` to the part of the limit that this process may use without it, such as `1/8`",
        ),
        TransportErrorKind::Timeout(_) if error.may_have_acted => {
            failure.help("raise `timeout` in the resource file")
        }
        _ => failure,
    }
}
