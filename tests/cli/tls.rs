//! Certificates: trust, and client certificates.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, Stream};
use serde_json::json;

use crate::case::{Case, transcript};
use crate::support::Outcome;

/// An authority, and what it signed: `127.0.0.1` as a server, and a client. Good for 100 years,
/// made with `openssl`; the keys protect nothing.
pub const CA: &str = "-----BEGIN CERTIFICATE-----
MIIBizCCATGgAwIBAgIUGq85KtpXrV3UBrMrZ10HJSShc7cwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjMxNjUxNDhaGA8yMTI2MTAzMDE2
NTE0OFowEjEQMA4GA1UEAwwHVGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABNKHskpxcixAcbQX2mqv6zrw9fwRgo3omX+9kLiJGfk4+L9pa9i+5bHgjrDm
d25zS1iYHNMYXKG1CXEyY4A93l6jYzBhMB0GA1UdDgQWBBS89uuQLIfGtkI6j1fN
xEOpOg7K4TAfBgNVHSMEGDAWgBS89uuQLIfGtkI6j1fNxEOpOg7K4TAPBgNVHRMB
Af8EBTADAQH/MA4GA1UdDwEB/wQEAwICBDAKBggqhkjOPQQDAgNIADBFAiB8dhmo
jGWA8oEgVwlGuCPMZvpFgmVApV7FB4N4NEhEvgIhAJPuLW72TxunW8xtxHyZZ+N1
k0hhUfG6p1/yKGY+WczE
-----END CERTIFICATE-----\n";
pub const SERVER: &str = "-----BEGIN CERTIFICATE-----
MIIBmzCCAUCgAwIBAgIUbGgQllf8a7/dokIl/dEpWGcOd30wCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjMxNjUxNDhaGA8yMTI2MTAzMDE2
NTE0OFowETEPMA0GA1UEAwwGc2VydmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD
QgAEfyDMm/1XSEy0Ws57fc6LUvXGQiEHH6bQ/WalE7ebTq8B4XlOK1azR4VBpknB
Zi+5fuAJMTEcdH/VUTChvXjROaNzMHEwDwYDVR0RBAgwBocEfwAAATATBgNVHSUE
DDAKBggrBgEFBQcDATAJBgNVHRMEAjAAMB0GA1UdDgQWBBQaNywa3Gx9OzhRXbfN
G2+AfAdLpDAfBgNVHSMEGDAWgBS89uuQLIfGtkI6j1fNxEOpOg7K4TAKBggqhkjO
PQQDAgNJADBGAiEAvxkZ0QW5Tlunx8mPheXYCAdqOeBE9CZAVbYSqtlJhMACIQDx
h+pcEJd0oFkxMhwZizazu5rsx5FQPbOf1m9Pfw6v0w==
-----END CERTIFICATE-----\n";
pub const SERVER_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgRZ/gI93S+9/VzK4I
dNA8dWrKvaz5SsCgaTxYaaNXFqChRANCAAR/IMyb/VdITLRaznt9zotS9cZCIQcf
ptD9ZqUTt5tOrwHheU4rVrNHhUGmScFmL7l+4AkxMRx0f9VRMKG9eNE5
-----END PRIVATE KEY-----\n";
const CLIENT: &str = "-----BEGIN CERTIFICATE-----
MIIBnDCCAUKgAwIBAgIUbGgQllf8a7/dokIl/dEpWGcOd34wCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjMxNjUxNDhaGA8yMTI2MTAzMDE2
NTE0OFowETEPMA0GA1UEAwwGY2xpZW50MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD
QgAEOUDQwUwDwd/s0P64lfFjnCecZXcfRTMLSudDy+0ywNeFXc3wCFky8Lvzy+jU
iQ93yDDz3V4DXNq1QLWQ3SvOfqN1MHMwEQYDVR0RBAowCIIGY2xpZW50MBMGA1Ud
JQQMMAoGCCsGAQUFBwMCMAkGA1UdEwQCMAAwHQYDVR0OBBYEFNirHMUZ+Va7SxJ2
1AgAriv5eh7PMB8GA1UdIwQYMBaAFLz265Ash8a2QjqPV83EQ6k6DsrhMAoGCCqG
SM49BAMCA0gAMEUCIQCuzsdeA2js59j2t4193OAb2pcWCO5o3hMUsxXlhHB5SQIg
QGwbZ6EKYI+uk7MBATfBXpswnLqsnAnxMXhtSOKjQhQ=
-----END CERTIFICATE-----\n";
const CLIENT_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOMaZcJEJhs1ix2sX
EcyclBn9EpoezvlPXrTGUzSJWemhRANCAAQ5QNDBTAPB3+zQ/riV8WOcJ5xldx9F
MwtK50PL7TLA14VdzfAIWTLwu/PL6NSJD3fIMPPdXgNc2rVAtZDdK85+
-----END PRIVATE KEY-----\n";

/// A server that speaks TLS and answers one request.
struct Secure {
    url: String,
    thread: JoinHandle<Option<String>>,
}

impl Secure {
    fn start(wants_client: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("https://{}", listener.local_addr().expect("bound"));
        let config = Arc::new(config(wants_client));
        let thread = thread::spawn(move || {
            let (stream, _) = listener.accept().ok()?;
            answer(stream, config)
        });
        Self { url, thread }
    }

    /// The first line of the request, if the handshake came about.
    fn finish(self) -> Option<String> {
        // A client that never came would leave the thread waiting.
        let _ = TcpStream::connect(self.url.trim_start_matches("https://"));
        self.thread.join().expect("the server's thread")
    }
}

/// The settings of the server of the certificates above.
pub fn config(wants_client: bool) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider's versions");
    let builder = if wants_client {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(CA)).expect("an authority");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().expect("an authority"))
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_slice(SERVER_KEY.as_bytes()).expect("a key");
    builder
        .with_single_cert(vec![certificate(SERVER)], key)
        .expect("a key that fits")
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}

fn answer(mut stream: TcpStream, config: Arc<ServerConfig>) -> Option<String> {
    let mut connection = ServerConnection::new(config).expect("a good configuration");
    let mut secure = Stream::new(&mut connection, &mut stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        secure.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let body = json!({"safe": true}).to_string();
    let length = body.len();
    write!(
        secure,
        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .ok()?;
    connection.send_close_notify();
    let _ = connection.complete_io(&mut stream);
    let head = String::from_utf8_lossy(&head).into_owned();
    head.lines().next().map(str::to_owned)
}

/// A run against such a server, with the request line that the server saw.
fn outcome(wants_client: bool, case: Case) -> (Outcome, Option<String>) {
    let server = Secure::start(wants_client);
    let outcome = case.outcome_at(&server.url);
    (outcome, server.finish())
}

/// `GET /x` with these lines in the resource file, and all certificates in the project.
fn case(lines: &str) -> Case {
    Case::get()
        .settings(&format!("retry: {{ max_attempts: 1 }}\n{lines}"))
        .file("certs/ca.pem", CA)
        .file("certs/client.pem", CLIENT)
        .file("certs/client.key", CLIENT_KEY)
        .file("certs/not.pem", "not a certificate\n")
}

#[test]
fn a_certificate_of_nobody_known_is_refused_before_the_token_is_sent() {
    let (outcome, seen) = outcome(false, case(""));
    assert_eq!(seen, None);
    outcome.assert_exit(5);
}

#[test]
fn an_authority_of_ones_own_is_trusted_if_the_file_names_it() {
    let (outcome, seen) = outcome(false, case("tls: { ca_file: certs/ca.pem }"));
    assert_eq!(outcome.assert_exit(0).stdout_json(), json!({"safe": true}));
    assert_eq!(seen.as_deref(), Some("GET /api/v2/x HTTP/1.1"));
}

#[test]
fn the_certificates_of_the_system_are_trusted_on_request() {
    // `SSL_CERT_FILE` stands for the system, as OpenSSL and curl read it, and names them by itself.
    let named = |case: Case| {
        let project = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(project.path(), CA).expect("written");
        let path = project.path().to_owned();
        let result = outcome(false, case.with(move |run| run.env("SSL_CERT_FILE", path)));
        drop(project);
        result.0
    };
    named(case("").args(["--system-certs"])).assert_exit(0);
    named(case("tls: { system_certs: true }")).assert_exit(0);
    named(case("")).assert_exit(0);
}

#[test]
fn a_client_shows_its_certificate_where_it_has_one() {
    let shown = "tls: { ca_file: certs/ca.pem, client_cert: certs/client.pem, client_key: certs/client.key }";
    let (good, seen) = outcome(true, case(shown));
    good.assert_exit(0);
    assert_eq!(seen.as_deref(), Some("GET /api/v2/x HTTP/1.1"));
    let (bare, seen) = outcome(true, case("tls: { ca_file: certs/ca.pem }"));
    bare.assert_exit(5);
    assert_eq!(seen, None);
}

#[test]
fn files_that_are_no_certificates_are_reported() {
    let all = [
        "tls: { ca_file: certs/none.pem }",
        "tls: { ca_file: certs/not.pem }",
        "tls: { client_cert: certs/client.pem, client_key: certs/not.pem }",
        "tls: { client_cert: certs/client.pem }",
        "tls: { verify: false }",
    ]
    .map(|lines| outcome(false, case(lines)).0);
    for outcome in &all {
        outcome.assert_exit(2);
    }
    insta::assert_snapshot!(transcript(&all));
}

#[test]
fn what_fails_in_the_handshake_is_called_so_with_what_would_do() {
    let (unknown, _) = outcome(false, case(""));
    let (bare, _) = outcome(true, case("tls: { ca_file: certs/ca.pem }"));
    for outcome in [&unknown, &bare] {
        let stderr = outcome.assert_exit(5).stderr_text();
        assert!(stderr.starts_with("error[tls]: "), "{stderr}");
    }
    let stderr = unknown.stderr_text();
    assert!(
        stderr.contains("ca_file") && stderr.contains("--system-certs"),
        "{stderr}"
    );
}

#[test]
fn a_token_endpoint_is_held_to_the_same_certificates() {
    let resource = "type: rest\nbase_url: http://127.0.0.1:1\nretry: { max_attempts: 1 }
auth: { oauth2: { token_url: URL/token, client_id: me, client_secret: \"{{ env.CIRCLE_TOKEN }}\" } }";
    let ask = |lines: &str| {
        let resource = format!("{resource}\n{lines}");
        outcome(false, case("").resource(&resource))
    };
    let (unknown, seen) = ask("");
    assert_eq!(seen, None);
    let stderr = unknown.assert_exit(5).stderr_text();
    assert!(
        stderr.contains("the token endpoint") && stderr.contains("ca_file"),
        "{stderr}"
    );
    let (_, seen) = ask("tls: { ca_file: certs/ca.pem }");
    assert_eq!(seen.as_deref(), Some("POST /token HTTP/1.1"));
}
