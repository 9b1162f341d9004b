//! Tests over real sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::demo::count::Counts;
use crate::demo::{Demo, Options, RateLimit};

/// A keep-alive connection to a demo.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(demo: &Demo) -> Self {
        Self::to(demo.origin())
    }

    fn to(origin: &str) -> Self {
        let stream = TcpStream::connect(origin.trim_start_matches("http://")).unwrap();
        Self(BufReader::new(stream))
    }

    /// Returns the head in lower case, and the body.
    fn ask(&mut self, method: &str, target: &str, header: &str) -> (String, String) {
        let request = format!("{method} {target} HTTP/1.1\r\nhost: demo\r\n{header}\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            self.0.read_line(&mut head).unwrap();
        }
        let head = head.to_lowercase();
        let (_, length) = head.split_once("content-length: ").unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        let mut body = vec![0; if method == "HEAD" { 0 } else { length }];
        self.0.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }
}

const TOKEN_HEADER: &str = "circle-token: demo-token\r\n";

#[test]
fn over_a_socket() {
    let demo = Demo::start(Options::default()).unwrap();
    let mut connection = Connection::open(&demo);
    let (head, body) = connection.ask("GET", "/api/v2/me", TOKEN_HEADER);
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: application/json"));
    assert!(head.contains("x-request-id: "));
    assert!(body.contains("\"mika\""));
    let (head, empty) = connection.ask("HEAD", "/api/v2/me", TOKEN_HEADER);
    assert!(
        head.contains(&format!("content-length: {}", body.len())),
        "{head}"
    );
    assert!(empty.is_empty());
    let (head, body) = connection.ask("GET", "/api/v2/me", "");
    assert!(head.starts_with("http/1.1 401"), "{head}");
    assert_eq!(body, r#"{"message":"You must log in first."}"#);
    let expected = Counts {
        connections: 1,
        requests: 3,
        refusals: 0,
        most_in_flight: 1,
    };
    assert_eq!(demo.counts(), expected);
    drop(demo);
    assert!(TcpStream::connect(connection.0.get_ref().peer_addr().unwrap()).is_err());
}

#[test]
fn ordered_misbehaviour_over_a_socket() {
    let demo = Demo::start(Options {
        rate_limit: Some(RateLimit {
            requests: 1,
            per: Duration::from_secs(3600),
            burst: 3,
        }),
        fail_every: Some((2, 503)),
        token: Some("right".to_owned()),
        ..Options::default()
    })
    .unwrap();
    let mut connection = Connection::open(&demo);
    let heads: Vec<String> = (0..4)
        .map(|_| {
            connection
                .ask("GET", "/api/v2/me", "authorization: Bearer right\r\n")
                .0
        })
        .collect();
    let statuses: Vec<&str> = heads.iter().map(|head| &head[9..12]).collect();
    assert_eq!(statuses, ["200", "503", "200", "429"]);
    assert!(heads[0].contains("ratelimit-remaining: 2"));
    assert!(heads[3].contains("retry-after: "));
    assert!(heads[3].contains("ratelimit-limit: 1"));
}

#[test]
fn the_storage_is_on_another_port() {
    let demo = Demo::start(Options::default()).unwrap();
    assert!(demo.origin() != demo.storage_origin());
    let target = "/api/v2/project/gh/acme/web/pipeline/4819";
    let (_, body) = Connection::open(&demo).ask("GET", target, TOKEN_HEADER);
    let pipeline: Value = serde_json::from_str(&body).unwrap();
    let number = pipeline["number"].as_u64().unwrap() * 32 * 8 + 2;
    let target = format!("/api/v2/project/gh/acme/web/{number}/artifacts");
    let (_, body) = Connection::open(&demo).ask("GET", &target, TOKEN_HEADER);
    let artifacts: Value = serde_json::from_str(&body).unwrap();
    let url = artifacts["items"][0]["url"].as_str().unwrap();
    let target = url.strip_prefix(demo.storage_origin()).unwrap();
    let mut storage = Connection::to(demo.storage_origin());
    let (head, body) = storage.ask("GET", target, "range: bytes=0-4\r\n");
    assert!(head.starts_with("http/1.1 206"), "{head}");
    assert!(head.contains("etag: \"") && head.contains("content-type: text/xml"));
    assert_eq!(body, "<?xml");
    let (head, _) = storage.ask("HEAD", target, "");
    assert!(head.starts_with("http/1.1 200"), "{head}");
}
