//! Files of lines that are read from a position, such as the records of a part.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::project::load::bounded;

/// The size of the blocks in which the last line is looked for, in bytes.
const BLOCK: u64 = 64 << 10;

/// The maximum length of the last line, in bytes.
const LONGEST: u64 = 256 << 20;

/// Reads lines from a position.
pub type LineReader = BufReader<File>;

/// A regular file of lines. It is opened anew for each reading, since there may be more files than one
/// process may have open.
#[derive(Debug)]
pub struct LineFile {
    path: PathBuf,
}

impl LineFile {
    /// Finds a file.
    ///
    /// # Errors
    ///
    /// A message without the file's name, if it is not a regular file that can be read.
    pub fn new(path: &Path) -> Result<Self, String> {
        bounded::open_regular(path)?;
        Ok(Self {
            path: path.to_path_buf(),
        })
    }

    /// Reads from a position in bytes.
    ///
    /// # Errors
    ///
    /// Any error of the operating system.
    pub fn from(&self, position: u64) -> io::Result<LineReader> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(position))?;
        Ok(BufReader::with_capacity(128 << 10, file))
    }

    /// Returns the last line and its position, if the file ends with a line of moderate length.
    ///
    /// # Errors
    ///
    /// Any error of the operating system.
    pub fn last(&self) -> io::Result<Option<(Vec<u8>, u64)>> {
        let mut file = File::open(&self.path)?;
        let end = file.seek(SeekFrom::End(0))?;
        let mut line = Vec::new();
        let mut start = end;
        while start > 0 && end - start < LONGEST {
            let size = BLOCK.min(start);
            start -= size;
            file.seek(SeekFrom::Start(start))?;
            let mut block = Vec::new();
            (&mut file).take(size).read_to_end(&mut block)?;
            if start + size == end && block.pop() != Some(b'\n') {
                return Ok(None);
            }
            let found = block.iter().rposition(|byte| *byte == b'\n');
            let from = found.map_or(0, |at| at + 1);
            block.drain(..from);
            block.append(&mut line);
            line = block;
            if found.is_some() || start == 0 {
                return Ok(Some((line, start + from as u64)));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::TemporaryFolder;

    #[test]
    fn the_last_line_is_whole_or_none() {
        let folder = TemporaryFolder::default();
        let long = "x".repeat(200_000);
        for (text, last) in [
            ("", None),
            ("a", None),
            ("a\nb", None),
            ("a\n", Some(("a", 0))),
            ("a\nb\n", Some(("b", 2))),
            ("\n", Some(("", 0))),
            (&format!("a\n{long}\n"), Some((&*long, 2))),
            (&format!("{long}\nb\n"), Some(("b", 200_001))),
        ] {
            let path = folder.path().expect("a folder").join("file");
            std::fs::write(&path, text).expect("it is written");
            let found = LineFile::new(&path).expect("a file").last();
            let found = found.expect("it is read");
            let found = found.map(|(line, at)| (String::from_utf8(line).expect("text"), at));
            assert_eq!(found, last.map(|(line, at)| (line.to_owned(), at)));
        }
    }
}
