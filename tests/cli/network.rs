//! There is no telemetry: the program connects to the servers that the files name, and to no other.
//!
//! `strace` shows every use of the network. Without it, or where a process must not be traced, these
//! tests are skipped, unless `RUNNER_TEST_STRACE=required` is set.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::mcp::session::{OF_NOVEMBER, Session};
use crate::support::{Answer, Exchange, Project, Run, Server};

const VARIABLE: &str = "RUNNER_TEST_STRACE";

/// Returns true if processes can be traced here.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn can_trace() -> bool {
    let traced = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=%network", "true"])
        .output();
    let problem = match traced {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let is_required = std::env::var_os(VARIABLE).is_some_and(|value| value == "required");
    assert!(
        !is_required,
        "{VARIABLE} is set, but strace fails: {problem}"
    );
    eprintln!("skipped: strace fails: {}", problem.trim());
    false
}

/// Prepares a program under `strace`, which writes to a file of the project's home.
fn traced<'p>(project: &'p Project, program: &[&str]) -> Run<'p> {
    let options = [
        "-f",
        "-qq",
        "-s",
        "200",
        "-e",
        "trace=%network",
        "-e",
        "signal=none",
        "-o",
    ];
    Run::program(project, "strace")
        .args(options)
        .args([trace_file(project)])
        .args(program)
}

fn trace_file(project: &Project) -> PathBuf {
    project.home().join("trace")
}

/// Returns the uses of the network of a program that has ended, one a line.
fn uses(project: &Project) -> Vec<String> {
    let text = std::fs::read_to_string(trace_file(project)).expect("strace writes its file");
    text.lines().map(str::to_owned).collect()
}

/// Runs a program under `strace`. Returns its output and the uses of the network.
fn trace(project: &Project, program: &[&str], exit: i32) -> (String, Vec<String>) {
    let outcome = traced(project, program).outcome();
    let output = outcome.assert_exit(exit).stdout_text();
    (output, uses(project))
}

/// Traces the program itself.
fn runner(project: &Project, args: &[&str]) -> (String, Vec<String>) {
    let program = [&[env!("CARGO_BIN_EXE_runner")], args].concat();
    trace(project, &program, 0)
}

/// Returns the lines that are not part of a TCP connection to one of these addresses on loopback.
/// Sockets of the process with itself (`socketpair`) are no network.
fn strangers(trace: &[String], ports: &[u16]) -> Vec<String> {
    let is_usual = |line: &String| {
        let call = line
            .split_once(' ')
            .map_or("", |(_, call)| call.trim_start());
        // A call that another thread interrupts takes two lines. The first one has the arguments.
        if call.starts_with("<... ") {
            return true;
        }
        let (name, arguments) = call.split_once('(').unwrap_or((call, ""));
        let is_known_address = ports.iter().any(|port| {
            arguments.contains(&format!("sin_port=htons({port})"))
                && arguments.contains("inet_addr(\"127.0.0.1\")")
        });
        match name {
            "socket" => !ports.is_empty() && arguments.starts_with("AF_INET, SOCK_STREAM"),
            "socketpair" => arguments.starts_with("AF_UNIX"),
            "connect" => is_known_address,
            // Without an address, they use the connection.
            "sendto" | "sendmsg" | "sendmmsg" | "recvfrom" | "recvmsg" => {
                !arguments.contains("sa_family=")
            }
            "setsockopt" | "getsockopt" | "getsockname" | "getpeername" | "shutdown" => true,
            _ => false,
        }
    };
    trace
        .iter()
        .filter(|line| !is_usual(line))
        .cloned()
        .collect()
}

/// The same for a program that is a server as well: only on loopback, and only for itself.
fn strangers_of_demo(trace: &[String]) -> Vec<String> {
    let listeners: BTreeSet<&str> = trace
        .iter()
        .filter_map(|line| first(line, "listen"))
        .collect();
    let is_own = |line: &&String| {
        let descriptor = first(line, "getsockname");
        descriptor.is_some_and(|descriptor| listeners.contains(descriptor))
    };
    let own: Vec<u16> = trace
        .iter()
        .filter(is_own)
        .filter_map(|line| port_in(line))
        .collect();
    let serves = |line: &String| {
        ["bind", "accept4"].into_iter().any(|name| {
            first(line, name).is_some()
                && (line.contains("inet_addr(\"127.0.0.1\")") || !line.contains("sa_family="))
        })
    };
    let mut found = strangers(trace, &own);
    found.retain(|line| !serves(line) && first(line, "listen").is_none());
    found
}

/// Returns the first argument of a line with this call.
fn first<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let (_, call) = line.split_once(' ')?;
    let arguments = call.trim_start().strip_prefix(name)?.strip_prefix('(')?;
    arguments.split([',', ')']).next()
}

/// Returns the port of the address in a line.
fn port_in(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("sin_port=htons(")?;
    rest.split(')').next()?.parse().ok()
}

fn port(server: &Server) -> u16 {
    let url = server.url();
    let (_, port) = url.rsplit_once(':').expect("a URL with a port");
    port.parse().expect("a port")
}

const QUERY: &str = "\
resource: circleci
endpoint: /me
extract: { login: $.login }
";

fn server() -> Server {
    let answer = Answer::json(Answer::status(200), &json!({ "login": "ada" }));
    Server::start(vec![Exchange::get("/api/v2/me").answers(answer)])
}

#[test]
fn a_run_connects_to_its_server_and_to_no_other() {
    if !can_trace() {
        return;
    }
    let server = server();
    let project = Project::new().circleci(&server).query("me", QUERY);
    let (output, trace) = runner(&project, &["run", "me", "-o", "json"]);
    assert!(output.contains("ada"), "{output}");
    let port = port(&server);
    assert_eq!(strangers(&trace, &[port]), [""; 0]);
    // The trace does show the connection: for any other server, it would be a failure.
    assert_eq!(strangers(&trace, &[]).len(), 2, "{trace:#?}");
    server.finish();
}

#[test]
fn a_server_of_assistants_connects_to_the_server_of_its_queries_and_to_no_other() {
    if !can_trace() {
        return;
    }
    let server = server();
    let project = Project::new().circleci(&server).query("me", QUERY);
    let program = [env!("CARGO_BIN_EXE_runner"), "mcp"];
    let mut session = Session::of(&traced(&project, &program));
    session.shake_hands(&OF_NOVEMBER);
    assert!(session.tool_names().contains(&"me".to_owned()));
    assert!(session.text("me", json!({})).contains("ada"));
    session.finish();
    let trace = uses(&project);
    assert_eq!(strangers(&trace, &[port(&server)]), [""; 0]);
    assert_eq!(strangers(&trace, &[]).len(), 2, "{trace:#?}");
    server.finish();
}

#[test]
fn what_needs_no_server_connects_to_none() {
    if !can_trace() {
        return;
    }
    let shipped = Project::shipped();
    let none = Project::none();
    let begun = Project::none();
    for (project, args) in [
        (&none, &["--version"][..]),
        (&none, &["--help"]),
        (&none, &["list"]),
        (&none, &["schema", "query"]),
        (&none, &["explain", "unknown-query"]),
        (&none, &["completions", "bash"]),
        (
            &none,
            &[
                "run",
                "failed-jobs",
                "project_slug=gh/acme/web",
                "--dry-run",
            ],
        ),
        (&shipped, &["list"]),
        (&shipped, &["show", "failed-jobs"]),
        (&shipped, &["check"]),
        (&shipped, &["mcp", "tools"]),
        (&shipped, &["mcp", "config", "claude"]),
        (&begun, &["init"]),
        (&begun, &["check"]),
        (&begun, &["test"]),
    ] {
        let (_, trace) = runner(project, args);
        assert_eq!(strangers(&trace, &[]), [""; 0], "{args:?}");
    }
}

#[test]
fn a_demo_connects_to_itself() {
    if !can_trace() {
        return;
    }
    let project = Project::none();
    for args in [
        &["run", "weekly-report", "--demo"][..],
        &["run", "failed-jobs", "--demo", "-o", "json"],
        &["api", "/me", "--demo"],
        &["ping", "--demo"],
    ] {
        let (output, trace) = runner(&project, args);
        assert!(!output.is_empty(), "{args:?}");
        assert_eq!(strangers_of_demo(&trace), [""; 0], "{args:?}");
        // Without its server, there would be some.
        assert_ne!(strangers(&trace, &[]), [""; 0], "{args:?}");
    }
}

#[test]
fn other_connections_are_found() {
    if !can_trace() {
        return;
    }
    let project = Project::none();
    let [expected, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("loopback"));
    let [expected, other] = [&expected, &other].map(|listener| {
        let address = listener.local_addr().expect("a bound socket");
        address.port()
    });
    let calls = |script: &str| {
        let (_, trace) = trace(&project, &["bash", "-c", script], 0);
        let mut found = strangers(&trace, &[expected]);
        // Where bash asks for the names of services.
        found.retain(|line| !line.contains("AF_UNIX"));
        let call = |line: &String| {
            let name = line
                .split_once(' ')
                .map_or("", |(_, call)| call.trim_start());
            name.split('(').next().unwrap_or_default().to_owned()
        };
        found.iter().map(call).collect::<BTreeSet<String>>()
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        calls(&format!("exec 3<>/dev/tcp/127.0.0.1/{expected}")),
        BTreeSet::new()
    );
    assert_eq!(
        calls(&format!("exec 3<>/dev/tcp/127.0.0.1/{other}")),
        names(&["connect"])
    );
    // UDP, which a query to a name server would use. Connecting sends nothing.
    let udp = calls(&format!("exec 3<>/dev/udp/127.0.0.1/{expected}"));
    assert_eq!(udp, names(&["socket"]));
}
