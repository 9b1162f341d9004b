//! Parses requests on the wire.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::Instant;

/// One request, byte for byte.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method, as sent.
    pub method: String,
    /// The raw target: path and query, undecoded.
    pub target: String,
    /// Name and value in the order they came, the spaces around the value taken off.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body; a chunked one is put together.
    pub body: Vec<u8>,
    /// Request line and headers, exactly, with the empty line that ends them.
    pub head: Vec<u8>,
    /// The connection it came on, counted from 0.
    pub connection: usize,
    /// The time at which it was received.
    pub at: Instant,
}

impl Received {
    /// The only value of a header, whatever the case of its name; panics if it came twice.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut values = self
            .headers
            .iter()
            .filter(|(header, _)| header.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        let first = values.next();
        assert!(values.next().is_none(), "the header `{name}` came twice");
        first
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("the body of {} is not JSON: {error}", self.line()))
    }

    /// Method and target.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.header(name)
            .is_some_and(|found| found.eq_ignore_ascii_case(value))
    }

    /// Returns true if the client requests the connection to be closed.
    pub(super) fn wants_close(&self) -> bool {
        self.has("connection", "close")
    }
}

/// The next request of a connection, or `None` where the client hung up between two.
///
/// The last byte of the request is left unread. A socket that is closed with unread bytes sends a
/// reset, and std has no other way to send one; who answers calls [`take_last_byte`] first.
pub(super) fn read_request(
    mut stream: &TcpStream,
    connection: usize,
) -> io::Result<Option<Received>> {
    let Some(head) = read_head(stream)? else {
        return Ok(None);
    };
    let mut received = parse_head(head, connection)?;
    if received.has("transfer-encoding", "chunked") {
        take_last_byte(stream)?;
        received.body = read_chunked(stream)?;
    } else if let Some(length) = received.header("content-length") {
        let length: usize = length.parse().map_err(|_| malformed("content-length"))?;
        if length > 0 {
            take_last_byte(stream)?;
            received.body = vec![0; length];
            stream.read_exact(&mut received.body[..length - 1])?;
            stream.peek(&mut received.body[length - 1..])?;
        }
    }
    received.at = Instant::now();
    Ok(Some(received))
}

/// Takes the byte that [`read_request`] left.
pub(super) fn take_last_byte(stream: &TcpStream) -> io::Result<()> {
    take(stream, 1).map(drop)
}

fn read_head(stream: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    const END: &[u8] = b"\r\n\r\n";
    let mut head = Vec::new();
    let mut window = [0; 8192];
    loop {
        let seen = stream.peek(&mut window)?;
        if seen == 0 {
            return Ok(None);
        }
        let before = head.len();
        head.extend_from_slice(&window[..seen]);
        if let Some(at) = head.windows(END.len()).position(|bytes| bytes == END) {
            head.truncate(at + END.len());
            take(stream, head.len() - before - 1)?;
            return Ok(Some(head));
        }
        take(stream, seen)?;
    }
}

fn parse_head(head: Vec<u8>, connection: usize) -> io::Result<Received> {
    let text = head.strip_suffix(b"\r\n\r\n").unwrap_or(&head);
    let mut lines = text
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let words: Vec<&str> = first.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else {
        return Err(malformed(&first));
    };
    let mut headers = Vec::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':');
        let colon = colon.ok_or_else(|| malformed(&String::from_utf8_lossy(line)))?;
        let value = line[colon + 1..].trim_ascii().to_vec();
        headers.push((line[..colon].to_vec(), value));
    }
    Ok(Received {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: Vec::new(),
        head,
        connection,
        at: Instant::now(),
    })
}

/// A chunked body up to the line feed of the empty line that ends it.
fn read_chunked(stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream)?;
        take_last_byte(stream)?;
        let size = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| malformed(&line))?;
        if size == 0 {
            break;
        }
        body.extend(take(stream, size)?);
        take(stream, 2)?;
    }
    while !read_line(stream)?.is_empty() {
        take_last_byte(stream)?;
    }
    Ok(body)
}

/// A line without its end, of which the line feed is left unread.
fn read_line(stream: &TcpStream) -> io::Result<String> {
    let mut line = String::new();
    loop {
        match take(stream, 1)?[0] {
            b'\r' => break,
            byte => line.push(char::from(byte)),
        }
    }
    stream.peek(&mut [0])?;
    Ok(line)
}

fn take(mut stream: &TcpStream, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
