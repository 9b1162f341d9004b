//! A private PostgreSQL server for tests: one for each test process, a database for each test.
//!
//! The server runs in a temporary folder, without `fsync`, on a free port of 127.0.0.1. A shell
//! starts it and waits for its own standard input to close, which happens when the test process
//! ends in any way: then it stops the server and removes the folder.
//!
//! Both the unit tests of `store` and the behavior tests include this file.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// The password of the superuser, which must appear in no output.
pub const PASSWORD: &str = "canary_pg_7c1e5d0b93fa";

/// The user.
pub const USER: &str = "ci";

/// The environment variable that makes tests fail if there is no PostgreSQL.
const VARIABLE: &str = "RUNNER_TEST_POSTGRES";

/// The words if there is no PostgreSQL.
const MISSING: &str = "this test needs PostgreSQL's server programs: `apt-get install postgresql`";

/// Starts the server and stops it when standard input closes.
const SCRIPT: &str = r#"
exec 3<&0
"$@" </dev/null &
server=$!
cat <&3 >/dev/null
kill -QUIT "$server" 2>/dev/null
wait "$server"
rm -rf "$FOLDER"
"#;

/// A server.
pub struct Server {
    port: u16,
    folder: PathBuf,
    /// Dropping it closes the shell's standard input, which stops the server.
    shell: Child,
}

/// A database of a server; dropped with it.
pub struct Database {
    port: u16,
    name: String,
}

/// Returns the server of this process; `None`, with a message, if there is no PostgreSQL.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(&[])).as_ref()
}

/// Returns a new database on the server of this process; `None`, with a message, if there is no
/// PostgreSQL.
pub fn database() -> Option<Database> {
    server().map(Server::database)
}

impl Server {
    /// Starts a server of its own, with more settings such as `ssl=on`. A setting `FILE:NAME=TEXT`
    /// writes a file into its data folder first.
    ///
    /// Returns `None` with a message if there is no PostgreSQL.
    pub fn start(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            let is_required = std::env::var(VARIABLE).is_ok_and(|value| value == "required");
            assert!(!is_required, "{MISSING}");
            let _ = writeln!(std::io::stderr(), "skipped: {MISSING}");
            return None;
        };
        let folder = tempfile::Builder::new()
            .prefix("runner-test-postgres-")
            .tempdir()
            .expect("a temporary folder")
            .keep();
        let data = folder.join("data");
        let password_file = folder.join("password");
        fs::write(&password_file, PASSWORD).expect("a fresh folder");
        let user = give_away(&folder, &password_file);
        initialize(&programs, &data, &password_file, user.as_deref());
        let mut options = Vec::new();
        for setting in settings {
            match setting
                .strip_prefix("FILE:")
                .and_then(|file| file.split_once('='))
            {
                Some((name, text)) => write_private(&data.join(name), text),
                None => options.push(*setting),
            }
        }
        // Another process may take the port before the server does.
        for _ in 0..5 {
            let port = free_port();
            if let Some(shell) = run(&programs, &folder, port, &options, user.as_deref()) {
                return Some(Self {
                    port,
                    folder,
                    shell,
                });
            }
        }
        panic!("PostgreSQL does not start in `{}`", folder.display());
    }

    /// Creates a database.
    pub fn database(&self) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let database = Database {
            port: self.port,
            name,
        };
        admin(self.port, &format!("CREATE DATABASE {}", database.name));
        database
    }

    /// Ends the server at once, as if its machine had lost power, and waits for it.
    #[allow(dead_code, reason = "only the behavior tests need it")]
    pub fn kill(mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
        assert!(!self.folder.exists(), "the server's folder is removed");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

impl Database {
    /// Returns the URL with the password.
    pub fn url(&self) -> String {
        self.url_with(PASSWORD)
    }

    /// Returns the URL with another password.
    pub fn url_with(&self, password: &str) -> String {
        format!(
            "postgres://{USER}:{password}@127.0.0.1:{}/{}",
            self.port, self.name
        )
    }

    /// Returns the URL without a password.
    #[allow(dead_code, reason = "only the behavior tests need it")]
    pub fn url_without_password(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{}", self.port, self.name)
    }

    /// Connects to it.
    #[allow(dead_code, reason = "only the behavior tests need it")]
    pub fn connect(&self) -> postgres::Client {
        connect(self.port, &self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A test may have stopped the server.
        if let Ok(mut client) = try_connect(self.port, "postgres") {
            let _ = client.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

/// Ends all other connections to the database of a URL; returns their number.
pub fn end_connections(url: &str) -> usize {
    let statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let mut client = postgres::Client::connect(url, postgres::NoTls).expect("the URL is good");
    client.query(statement, &[]).expect("a superuser may").len()
}

fn admin(port: u16, statement: &str) {
    let done = connect(port, "postgres").batch_execute(statement);
    done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
}

fn connect(port: u16, database: &str) -> postgres::Client {
    try_connect(port, database).unwrap_or_else(|error| panic!("PostgreSQL of the tests: {error:?}"))
}

fn try_connect(port: u16, database: &str) -> Result<postgres::Client, postgres::Error> {
    postgres::Config::new()
        .host("127.0.0.1")
        .port(port)
        .user(USER)
        .password(PASSWORD)
        .dbname(database)
        .ssl_mode(postgres::config::SslMode::Disable)
        .connect(postgres::NoTls)
}

/// Returns the folder of `initdb` and `postgres`: of `PATH`, or the latest that Debian has.
fn programs() -> Option<PathBuf> {
    let has_both =
        |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(has_both);
    on_path.or_else(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
        versions
            .map(|version| version.path().join("bin"))
            .filter(has_both)
            .max_by_key(|folder| {
                let version = folder.parent().and_then(Path::file_name);
                let version = version.and_then(|name| name.to_str());
                version.and_then(|name| name.parse::<u32>().ok())
            })
    })
}

/// Gives the folder to the user `postgres` if this process is root's, since the server refuses to run
/// as root. Returns the user.
fn give_away(folder: &Path, file: &Path) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let number = |option: &str| -> u32 {
        let output = Command::new("id")
            .args([option, "postgres"])
            .output()
            .expect("`id` runs");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        text.parse()
            .unwrap_or_else(|_| panic!("there is no user `postgres`: {MISSING}"))
    };
    for path in [folder, file] {
        chown(path, Some(number("-u")), Some(number("-g"))).expect("root may");
    }
    Some("postgres".to_owned())
}

/// Returns a command that runs a program as a user.
fn as_user(user: Option<&str>, program: &Path) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    if let Some(user) = user {
        words.extend([
            "setpriv".to_owned(),
            format!("--reuid={user}"),
            format!("--regid={user}"),
        ]);
        words.push("--clear-groups".to_owned());
    }
    words.push(program.display().to_string());
    words
}

fn initialize(programs: &Path, data: &Path, password_file: &Path, user: Option<&str>) {
    let words = as_user(user, &programs.join("initdb"));
    let output = Command::new(&words[0])
        .args(&words[1..])
        .arg("--pgdata")
        .arg(data)
        .arg("--pwfile")
        .arg(password_file)
        .args([
            "--username",
            USER,
            "--auth",
            "scram-sha-256",
            "--no-sync",
            "--no-instructions",
        ])
        .args(["--encoding", "UTF8", "--locale", "C"])
        .current_dir("/")
        .output()
        .unwrap_or_else(|error| panic!("`{}` does not start: {error}", words[0]));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "initdb failed: {errors}");
}

/// Writes a file that only the owner of its folder reads.
fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let folder = fs::metadata(path.parent().expect("a file in a folder")).expect("the data folder");
    fs::write(path, text).expect("the data folder");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("an own file");
    if rustix::process::geteuid().is_root() {
        chown(path, Some(folder.uid()), Some(folder.gid())).expect("root may");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Starts the server and waits until it accepts connections. Returns `None` if it ends before.
fn run(
    programs: &Path,
    folder: &Path,
    port: u16,
    settings: &[&str],
    user: Option<&str>,
) -> Option<Child> {
    let mut command = Command::new("sh");
    command
        .args(["-c", SCRIPT, "sh"])
        .args(as_user(user, &programs.join("postgres")))
        .arg("-D")
        .arg(folder.join("data"));
    let port = format!("port={port}");
    let fixed = [
        port.as_str(),
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "max_connections=200",
        "shared_buffers=32MB",
        "lc_messages=C",
        "logging_collector=off",
    ];
    for setting in fixed.iter().chain(settings) {
        command.args(["-c", setting]);
    }
    let mut shell = command
        .env("FOLDER", folder)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C in a terminal ends the tests, and their end stops the server.
        .process_group(0)
        .spawn()
        .expect("`sh` starts");
    let mut lines = BufReader::new(shell.stderr.take().expect("piped")).lines();
    let mut is_ready = false;
    for line in lines.by_ref().map_while(Result::ok) {
        if line.contains("ready to accept connections") {
            is_ready = true;
            break;
        }
        if line.contains("FATAL") || line.contains("could not") {
            break;
        }
    }
    if !is_ready {
        // The folder is needed for the next attempt, so the shell does not get to remove it.
        let _ = shell.kill();
        let _ = shell.wait();
        return None;
    }
    // The server stops if nothing reads its messages.
    thread::spawn(move || lines.for_each(drop));
    Some(shell)
}
