//! `install.sh`: what it downloads, what it accepts, and that it leaves the old binary or the new one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Answer, Exchange, Fault, Outcome, Project, Run, Server, sha256};

const TARGET: &str = "x86_64-unknown-linux-musl";
const ARCHIVE: &str = "runner-x86_64-unknown-linux-musl.tar.gz";

/// The binary of the archive.
const BINARY: &str = "#!/bin/sh\necho runner 1.2.3\n";

fn script() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh");
    fs::read_to_string(path).expect("the script")
}

/// Makes an archive. `prepare` makes its content, in `runner-TARGET/`.
fn archive_of(project: &Project, prepare: &str) -> Vec<u8> {
    let folder = project.home().join("archive");
    fs::create_dir_all(folder.join(format!("runner-{TARGET}"))).expect("a folder");
    let command = format!("{prepare}\ntar -czf archive.tar.gz runner-{TARGET}");
    let made = Command::new("sh")
        .args(["-ec", &command])
        .current_dir(&folder)
        .status();
    assert!(made.expect("sh").success());
    fs::read(folder.join("archive.tar.gz")).expect("an archive")
}

fn archive(project: &Project) -> Vec<u8> {
    let binary = project.home().join("binary");
    fs::write(&binary, BINARY).expect("written");
    let prepare = format!("cp {} runner-{TARGET}/runner", binary.display());
    archive_of(project, &prepare)
}

fn sends(bytes: &[u8]) -> Exchange {
    let answer = Answer::status(200).body("application/octet-stream", bytes);
    Exchange::get(&format!("/v1.2.3/{ARCHIVE}")).answers(answer)
}

fn sums(text: &str) -> Exchange {
    Exchange::get("/v1.2.3/SHA256SUMS").answers(Answer::status(200).text(text))
}

/// Installs into `bin`.
fn install(project: &Project, server: &Server, args: &[&str]) -> Outcome {
    Run::program(project, "sh")
        .args(["-s", "--", "--from", &server.url(), "--to", "bin"])
        .args(["--target", TARGET, "--version", "1.2.3"])
        .args(args)
        .stdin(script())
        .outcome()
}

/// The names in `bin`, hidden ones too.
fn installed(project: &Project) -> Vec<String> {
    let Ok(entries) = fs::read_dir(project.path().join("bin")) else {
        return Vec::new();
    };
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    entries
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect()
}

/// Fails unless nothing was installed, nor anything replaced or left.
#[track_caller]
fn assert_untouched(project: &Project) {
    assert_eq!(installed(project), ["runner"]);
    assert_eq!(project.read("bin/runner").as_deref(), Some("old"));
}

fn project() -> Project {
    Project::none().file("bin/runner", "old")
}

#[test]
fn a_release_is_installed() {
    let project = Project::none();
    let archive = archive(&project);
    let sum = sha256(&archive);
    let other = "0".repeat(64);
    // Names that contain this one are other files, and a star marks a binary file.
    let text = format!("{other}  x{ARCHIVE}\n{sum} *{ARCHIVE}\n{other}  {ARCHIVE}.sig\n");
    let server = Server::start(vec![sends(&archive), sums(&text)]);
    let outcome = install(&project, &server, &[]);
    let told = outcome.assert_exit(0).stderr_text();
    assert!(
        told.ends_with("installed bin/runner\ninstall.sh: note: bin is not in PATH\n"),
        "{told}"
    );
    server.finish();
    assert_eq!(installed(&project), ["runner"]);
    let version = Command::new(project.path().join("bin/runner"))
        .output()
        .expect("it runs");
    assert_eq!(version.stdout, b"runner 1.2.3\n");
}

#[test]
fn an_old_binary_is_replaced() {
    let project = project();
    let archive = archive(&project);
    let text = format!("{}  {ARCHIVE}\n", sha256(&archive).to_uppercase());
    let server = Server::start(vec![sends(&archive), sums(&text)]);
    install(&project, &server, &[]).assert_exit(0);
    assert_eq!(installed(&project), ["runner"]);
    assert_eq!(project.read("bin/runner").as_deref(), Some(BINARY));
}

#[test]
fn a_wrong_checksum_installs_nothing() {
    let project = project();
    let archive = archive(&project);
    let text = format!("{}  {ARCHIVE}\n", "0".repeat(64));
    let server = Server::start(vec![sends(&archive), sums(&text)]);
    let outcome = install(&project, &server, &[]);
    outcome.assert_exit(1);
    let told = outcome.stderr_text();
    assert!(
        told.contains("has the wrong checksum: expected 0000"),
        "{told}"
    );
    assert!(told.contains(&sha256(&archive)), "{told}");
    assert_untouched(&project);
}

#[test]
fn a_list_without_the_archive_or_with_two_of_it_installs_nothing() {
    let project = project();
    let archive = archive(&project);
    let line = format!("{}  {ARCHIVE}\n", sha256(&archive));
    for text in [
        String::new(),
        line.replace(ARCHIVE, "other"),
        line.repeat(2),
    ] {
        let server = Server::start(vec![sends(&archive), sums(&text)]);
        install(&project, &server, &[]).assert_exit(1);
        assert_untouched(&project);
    }
}

#[test]
fn a_given_checksum_stands_for_the_list() {
    let project = project();
    let archive = archive(&project);
    let right = sha256(&archive).to_uppercase();
    let server = Server::start(vec![sends(&archive).times(2)]);
    install(&project, &server, &["--sha256", &"1".repeat(64)]).assert_exit(1);
    assert_untouched(&project);
    install(&project, &server, &["--sha256", &right]).assert_exit(0);
    assert_eq!(project.read("bin/runner").as_deref(), Some(BINARY));
}

#[test]
fn a_release_that_is_missing_or_arrives_in_part_installs_nothing() {
    let project = project();
    let missing = sends(&[]).answers(Answer::status(404).text("Not Found"));
    let cut = sends(&[]).answers(Fault::HalfAnswer("x".repeat(20_000)));
    for exchange in [missing, cut] {
        let server = Server::start(vec![exchange]);
        let outcome = install(&project, &server, &[]);
        let told = outcome.assert_exit(5).stderr_text();
        assert!(told.contains("cannot download"), "{told}");
        assert_untouched(&project);
    }
}

#[test]
fn an_archive_without_the_binary_installs_nothing() {
    let project = project();
    for prepare in [
        format!("touch runner-{TARGET}/README.md"),
        format!("ln -s /bin/sh runner-{TARGET}/runner"),
        format!("rm runner-{TARGET}/runner; mkdir runner-{TARGET}/runner"),
    ] {
        let archive = archive_of(&project, &prepare);
        let text = format!("{}  {ARCHIVE}\n", sha256(&archive));
        let server = Server::start(vec![sends(&archive), sums(&text)]);
        install(&project, &server, &[]).assert_exit(1);
        assert_untouched(&project);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let project = Project::none().file("file", "");
    let archive = archive(&project);
    let text = format!("{}  {ARCHIVE}\n", sha256(&archive));
    let server = Server::start(vec![sends(&archive), sums(&text)]);
    let outcome = install(&project, &server, &["--to", "file/bin"]);
    let told = outcome.assert_exit(2).stderr_text();
    assert!(told.contains("cannot create `file/bin`"), "{told}");
}

#[test]
fn a_script_that_arrives_in_part_does_nothing() {
    let project = project();
    let server = Server::start(Vec::new());
    let script = script();
    let end = script.rfind("main \"$@\"").expect("the last line");
    for length in [end, end / 2, end - 100] {
        let outcome = Run::program(&project, "sh")
            .args(["-s", "--", "--from", &server.url(), "--to", "bin"])
            .stdin(&script.as_bytes()[..length])
            .outcome();
        assert_eq!(outcome.stdout_text(), "");
        assert_untouched(&project);
    }
}

/// Makes a folder with programs that are scripts.
fn programs(project: &Project, name: &str, scripts: &[(&str, &str)]) -> PathBuf {
    let folder = project.home().join(name);
    fs::create_dir_all(&folder).expect("a folder");
    for (program, script) in scripts {
        let file = folder.join(program);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("made executable");
    }
    folder
}

/// Returns a `PATH` on which `uname` names this machine. Not every machine has `unzip`.
fn machine(project: &Project, system: &str, machine: &str) -> String {
    let uname = format!("[ \"$1\" = -s ] && echo {system} || echo {machine}");
    let name = format!("{system}-{machine}");
    let folder = programs(project, &name, &[("uname", &uname), ("unzip", "exit 1")]);
    let path = std::env::var("PATH").expect("a search path");
    format!("{}:{path}", folder.display())
}

#[test]
fn the_archive_is_that_of_the_machine() {
    let project = project();
    for (system, hardware, file) in [
        ("Linux", "x86_64", "runner-x86_64-unknown-linux-musl.tar.gz"),
        (
            "Linux",
            "aarch64",
            "runner-aarch64-unknown-linux-musl.tar.gz",
        ),
        ("Darwin", "x86_64", "runner-x86_64-apple-darwin.tar.gz"),
        ("Darwin", "arm64", "runner-aarch64-apple-darwin.tar.gz"),
        (
            "MINGW64_NT-10.0-26100",
            "x86_64",
            "runner-x86_64-pc-windows-msvc.zip",
        ),
    ] {
        let missing = Answer::status(404).text("Not Found");
        let exchange = Exchange::get(&format!("/latest/{file}")).answers(missing);
        let server = Server::start(vec![exchange]);
        Run::program(&project, "sh")
            .args(["-s", "--", "--from", &server.url(), "--to", "bin"])
            .env("PATH", machine(&project, system, hardware))
            .stdin(script())
            .outcome()
            .assert_exit(5);
    }
    for (system, hardware, unknown) in [
        ("FreeBSD", "amd64", "FreeBSD"),
        ("Linux", "riscv64", "riscv64"),
    ] {
        let outcome = Run::program(&project, "sh")
            .args(["-s", "--", "--to", "bin"])
            .env("PATH", machine(&project, system, hardware))
            .stdin(script())
            .outcome();
        let told = outcome.assert_exit(2).stderr_text();
        assert!(
            told.contains(&format!("no binary for `{unknown}`")),
            "{told}"
        );
    }
    assert_untouched(&project);
}

#[test]
fn a_missing_program_is_told_before_the_download() {
    let project = project();
    let server = Server::start(Vec::new());
    let always = ["awk", "cat", "chmod", "cut", "mkdir", "mktemp", "mv", "rm"];
    for (there, target, missing) in [
        (&[][..], TARGET, "curl or wget"),
        (&[("wget", "")], TARGET, "sha256sum, shasum or openssl"),
        (&[("curl", ""), ("shasum", "")], TARGET, "tar"),
        (&[("curl", ""), ("shasum", ""), ("tar", "")], TARGET, "gzip"),
        (
            &[("curl", ""), ("openssl", ""), ("tar", "")],
            "x86_64-pc-windows-msvc",
            "unzip",
        ),
    ] {
        let always = always.map(|program| (program, ""));
        let folder = programs(&project, missing, &[&always, there].concat());
        let outcome = Run::program(&project, "/bin/sh")
            .args(["-s", "--", "--from", &server.url(), "--to", "bin"])
            .args(["--target", target])
            .env("PATH", &folder)
            .stdin(script())
            .outcome();
        assert_eq!(
            outcome.assert_exit(2).stderr_text(),
            format!("install.sh: error: {missing} is needed; nothing was downloaded\n")
        );
    }
    assert_untouched(&project);
}

#[test]
fn a_folder_in_the_place_of_the_binary_is_told_before_the_download() {
    let project = Project::none().file("bin/runner/x", "");
    let server = Server::start(Vec::new());
    let outcome = install(&project, &server, &[]);
    assert_eq!(
        outcome.assert_exit(2).stderr_text(),
        "install.sh: error: `bin/runner` is a folder; nothing was downloaded\n"
    );
    server.finish();
}

#[test]
fn an_empty_binary_is_refused() {
    let project = project();
    let archive = archive_of(&project, &format!(": > runner-{TARGET}/runner"));
    let text = format!("{}  ./{ARCHIVE}\r\n", sha256(&archive));
    let server = Server::start(vec![sends(&archive), sums(&text)]);
    let told = install(&project, &server, &[]).assert_exit(1).stderr_text();
    assert!(told.contains("is not a file, or empty"), "{told}");
    assert_untouched(&project);
}

#[test]
fn a_wrong_call_is_reported() {
    let project = project();
    let server = Server::start(Vec::new());
    for (args, expected) in [
        (
            &["--sha256", "abc"][..],
            "`--sha256` takes 64 hexadecimal digits",
        ),
        (&["--version", "../x"], "got `../x`"),
        (&["--version"], "`--version` takes a value"),
        (&["--to", ""], "`--to` takes a value"),
        (&["--force"], "there is no option `--force`"),
    ] {
        let outcome = install(&project, &server, args);
        let told = outcome.assert_exit(2).stderr_text();
        assert!(told.contains(expected), "{args:?}: {told}");
        assert_untouched(&project);
    }
}

#[test]
fn the_orb_installs_with_the_same_script() {
    let project = Project::none();
    let archive = archive(&project);
    let sum = sha256(&archive);
    let server = Server::start(vec![sends(&archive).times(2)]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/orb/orb.yml");
    let orb: serde_yaml::Value =
        serde_yaml::from_str(&fs::read_to_string(path).expect("the orb")).expect("YAML");
    let command = orb["commands"]["install"]["steps"][0]["run"]["command"].as_str();
    let machine = machine(&project, "Linux", "x86_64");
    let install = |sum: &str| {
        Run::program(&project, "bash")
            .env("PATH", &machine)
            .args(["-eo", "pipefail", "-c", command.expect("a script")])
            .env("INSTALL_VERSION", "1.2.3")
            .env("INSTALL_SHA256", sum)
            .env("INSTALL_MIRROR", server.url())
            .env("BASH_ENV", project.home().join("bash-env"))
            .outcome()
    };
    fs::write(project.home().join("bash-env"), "").expect("written");
    install(&"0".repeat(64)).assert_exit(1);
    assert!(!project.home().join(".local/bin/runner").exists());
    install(&sum).assert_exit(0);
    // The next step finds it, as CircleCI starts its shell.
    let next = Run::program(&project, "bash")
        .args(["-c", "runner --version"])
        .env("BASH_ENV", project.home().join("bash-env"))
        .outcome();
    assert_eq!(next.assert_exit(0).stdout_text(), "runner 1.2.3\n");
}
