//! Bytes in memory.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use crate::sink::Sink;

/// A place in memory that the caller shares.
#[derive(Debug, Clone, Default)]
pub struct MemorySink(Rc<RefCell<Vec<u8>>>);

impl MemorySink {
    /// Returns the bytes written so far, and leaves none.
    pub fn take(&self) -> Vec<u8> {
        self.0.take()
    }
}

impl Sink for MemorySink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
