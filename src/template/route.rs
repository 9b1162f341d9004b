//! Builds routes and base URLs so that no value can change their structure.

use crate::core::percent;
use crate::template::{Expression, RenderError};

/// A route under construction, which tracks if the current segment contains a value.
#[derive(Default)]
pub struct Route<'t> {
    text: String,
    segment: usize,
    /// The value in the current segment.
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

    /// Adds an encoded value.
    pub fn value(&mut self, text: &str, hole: &'t Expression) {
        self.text.push_str(&percent::encode(text));
        self.hole = Some(hole);
    }

    /// Refuses a segment that a value made disappear.
    fn close(&mut self) -> Result<(), RenderError> {
        let segment = &self.text[self.segment..];
        if let Some(hole) = self.hole.take()
            && (segment.is_empty() || percent::is_dot_segment(segment))
        {
            let what = if segment.is_empty() {
                "empty".to_owned()
            } else {
                format!("`{segment}`")
            };
            return Err(RenderError::new(
                &hole.place(),
                format!("`{}` is {what}, which would change the path", hole.source()),
            ));
        }
        Ok(())
    }

    /// Returns the route.
    pub fn finish(mut self) -> Result<String, RenderError> {
        if !self.in_query {
            self.close()?;
        }
        Ok(self.text)
    }
}

/// A base URL under construction, which tracks if it has reached the host and the path.
#[derive(Default)]
pub struct BaseUrl<'t> {
    /// The part up to the first slash after the host.
    origin: String,
    /// The part from that slash on.
    path: Option<Route<'t>>,
}

impl<'t> BaseUrl<'t> {
    /// Adds text of the template, or a value at the start.
    pub fn literal(&mut self, raw: &str) -> Result<(), RenderError> {
        if let Some(path) = &mut self.path {
            return path.literal(raw);
        }
        let before = self.origin.len();
        self.origin.push_str(raw);
        let host = self
            .origin
            .find("://")
            .map_or(self.origin.len(), |at| at + 3);
        if let Some(slash) = self.origin[host..].find('/') {
            let slash = (host + slash).max(before);
            let rest = self.origin.split_off(slash);
            let mut path = Route::default();
            path.literal(&rest)?;
            self.path = Some(path);
        }
        Ok(())
    }

    /// Adds a value.
    pub fn value(&mut self, text: &str, hole: &'t Expression) -> Result<(), RenderError> {
        if let Some(path) = &mut self.path {
            path.value(text, hole);
            return Ok(());
        }
        let is_name = text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        if !is_name || text.is_empty() {
            let words = format!(
                "`{}` is not part of a host name, and could change it",
                hole.source()
            );
            return Err(RenderError::new(&hole.place(), words));
        }
        self.origin.push_str(text);
        Ok(())
    }

    /// Returns the URL.
    pub fn finish(self) -> Result<String, RenderError> {
        let path = self.path.map(Route::finish).transpose()?;
        Ok(self.origin + path.as_deref().unwrap_or(""))
    }
}
