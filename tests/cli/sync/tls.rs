//! TLS to PostgreSQL.

use super::{Stage, assert_says, pipelines, server};
use crate::support::Outcome;
use crate::tls::{CA, SERVER, SERVER_KEY};

fn sync(stage: &Stage, address: &str) -> Outcome {
    let served = stage.serve(vec![pipelines(&[]).up_to(1)]);
    let outcome = stage
        .run(&["sync", "--store", address])
        .secret(server::PASSWORD)
        .outcome();
    served.finish();
    outcome
}

#[test]
fn a_server_without_tls_is_refused_if_tls_is_asked_for() {
    let Some(stage) = Stage::server() else {
        return;
    };
    let url = stage.database.as_ref().expect("a database").url();
    for mode in ["require", "verify-full", "prefer"] {
        let outcome = sync(&stage, &format!("{url}?sslmode={mode}"));
        outcome.assert_exit(5);
        assert_says(&outcome, "server does not support TLS");
    }
}

#[test]
fn certificates_are_verified() {
    let certificate = format!("FILE:server.crt={SERVER}");
    let key = format!("FILE:server.key={SERVER_KEY}");
    let settings = ["ssl=on", &certificate, &key];
    let Some(server) = server::Server::start(&settings) else {
        return;
    };
    let database = server.database();
    let url = database.url();
    let stage = Stage::file();
    stage.project.write("ca.pem", CA);
    sync(
        &stage,
        &format!("{url}?sslmode=verify-full&sslrootcert=ca.pem"),
    )
    .assert_exit(0);
    let used = "SELECT count(*) FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()";
    let plain: i64 = database
        .connect()
        .query_one(used, &[])
        .expect("a row")
        .get(0);
    assert_eq!(plain, 0, "this connection does not use TLS");
    let outcome = sync(&stage, &format!("{url}?sslmode=require"));
    outcome.assert_exit(5);
    assert_says(&outcome, "invalid peer certificate: UnknownIssuer");
    let other = url.replace("127.0.0.1", "localhost");
    let outcome = sync(
        &stage,
        &format!("{other}?sslmode=verify-full&sslrootcert=ca.pem"),
    );
    outcome.assert_exit(5);
    assert_says(&outcome, "not valid for name");
    let outcome = sync(
        &stage,
        &format!("{url}?sslmode=require&sslrootcert=none.pem"),
    );
    outcome.assert_exit(2);
    assert_says(&outcome, "`sslrootcert`");
    // On this machine, plain text is the default.
    sync(&stage, &url).assert_exit(0);
}
