//! Standard input as lines, which a thread reads while calls run.

use std::io::{self, BufRead, Read as _};

use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The maximum length of a line, in bytes.
const LONGEST: u64 = 32 << 20;

/// The number of lines that are read ahead.
const AHEAD: usize = 2;

/// A line of standard input.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, perhaps with its line break.
    Whole(Vec<u8>),
    /// A line that is longer than the maximum, and was skipped.
    TooLong,
}

/// Starts to read standard input. The receiver ends with it.
pub fn lines() -> Receiver<Line> {
    let (sender, lines) = channel(AHEAD);
    // A read cannot be cancelled: the thread ends with the process.
    std::thread::spawn(move || read(&mut io::stdin().lock(), LONGEST, &sender));
    lines
}

/// Passes lines on until the input or the receiver ends.
fn read(input: &mut impl BufRead, longest: u64, lines: &Sender<Line>) {
    loop {
        let mut line = Vec::new();
        let read = input.by_ref().take(longest).read_until(b'\n', &mut line);
        let is_cut = line.len() as u64 == longest && !line.ends_with(b"\n");
        let line = match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) | Ok(0) => return,
            Ok(_) if is_cut => {
                if input.skip_until(b'\n').is_err() {
                    return;
                }
                Line::TooLong
            }
            Ok(_) => Line::Whole(line),
        };
        if lines.blocking_send(line).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(input: &[u8]) -> Vec<Line> {
        let (sender, mut lines) = channel(16);
        read(&mut io::Cursor::new(input), 4, &sender);
        drop(sender);
        std::iter::from_fn(|| lines.try_recv().ok()).collect()
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_as_a_whole() {
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        assert_eq!(
            read_all(b"abc\nabcdefghij\n\nab"),
            [whole("abc\n"), Line::TooLong, whole("\n"), whole("ab")]
        );
        assert_eq!(read_all(b"abcdefgh"), [Line::TooLong]);
        assert_eq!(read_all(b""), []);
    }
}
