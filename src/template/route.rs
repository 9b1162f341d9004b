//! A route under construction, which no value can change.

use crate::core::percent;
use crate::template::{Expression, RenderError};

/// A route under construction: knows of every segment whether a value is part of it.
#[derive(Default)]
pub struct Route<'t> {
    text: String,
    segment: usize,
    /// The value that the current segment holds.
    hole: Option<&'t Expression>,
    in_query: bool,
}

impl<'t> Route<'t> {
    /// Adds text of the template.
    pub fn literal(&mut self, raw: &str) -> Result<(), RenderError> {
        for character in raw.chars() {
            if !self.in_query && matches!(character, '/' | '?') {
                self.close()?;
                self.in_query = character == '?';
            }
            self.text.push(character);
            if character == '/' {
                self.segment = self.text.len();
            }
        }
        Ok(())
    }

    /// Adds a value, encoded.
    pub fn value(&mut self, text: &str, hole: &'t Expression) {
        self.text.push_str(&percent::encode(text));
        self.hole = Some(hole);
    }

    /// Refuses a segment that a value made disappear.
    fn close(&mut self) -> Result<(), RenderError> {
        let segment = &self.text[self.segment..];
        if let Some(hole) = self.hole.take()
            && matches!(segment, "" | "." | "..")
        {
            let what = if segment.is_empty() {
                "empty".to_owned()
            } else {
                format!("`{segment}`")
            };
            return Err(RenderError::new(
                &hole.place(),
                format!(
                    "`{}` is {what}, which would change the route",
                    hole.source()
                ),
            ));
        }
        Ok(())
    }

    /// The route as text.
    pub fn finish(mut self) -> Result<String, RenderError> {
        if !self.in_query {
            self.close()?;
        }
        Ok(self.text)
    }
}
