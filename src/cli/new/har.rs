//! A request in an HTTP archive (HAR 1.2), as browsers save them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::cli::new::asked::{Asked, AskedBody, address};
use crate::core::json;
use crate::core::percent;

/// A request of an archive whose answer is JSON.
pub struct Entry<'h> {
    /// Its number in the archive, from 1.
    pub number: usize,
    /// The method.
    pub method: &'h str,
    /// The address.
    pub url: &'h str,
    /// The status of the answer.
    pub status: u64,
    content: &'h Value,
}

/// Returns the requests of an archive whose answers are JSON.
///
/// # Errors
///
/// A message, if it is not an archive.
pub fn entries(har: &Value) -> Result<Vec<Entry<'_>>, String> {
    let all = har
        .pointer("/log/entries")
        .and_then(Value::as_array)
        .ok_or("this is not a HAR file: it lacks `log.entries`")?;
    let entries = all.iter().enumerate().filter_map(|(index, entry)| {
        let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str);
        let method = text("/request/method").filter(|method| *method != "OPTIONS")?;
        let media_type = text("/response/content/mimeType").unwrap_or_default();
        let is_json = media_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .ends_with("json");
        is_json.then_some(Entry {
            number: index + 1,
            method,
            url: text("/request/url")?,
            status: entry
                .pointer("/response/status")
                .and_then(Value::as_u64)
                .unwrap_or(0),
            content: entry,
        })
    });
    Ok(entries.collect())
}

impl Entry<'_> {
    /// Returns the request with its answer.
    ///
    /// # Errors
    ///
    /// A message, if its address is not one.
    pub fn asked(&self) -> Result<Asked, String> {
        let (url, user) = address(self.url)?;
        let list = |pointer: &str| {
            let list = self.content.pointer(pointer).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(|one| {
                let text = |name: &str| Some(one.get(name)?.as_str()?.to_owned());
                Some((text("name")?, text("value").unwrap_or_default()))
            })
        };
        let mut headers: Vec<(String, String)> = list("/request/headers").collect();
        let text = |pointer: &str| self.content.pointer(pointer).and_then(Value::as_str);
        let media_type =
            text("/request/postData/mimeType").filter(|media_type| !media_type.is_empty());
        let has_type = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if let Some(media_type) = media_type.filter(|_| !has_type) {
            headers.push(("Content-Type".to_owned(), media_type.to_owned()));
        }
        let mut notes = Vec::new();
        if media_type.is_some_and(|media_type| media_type.starts_with("multipart/")) {
            notes.push("left out: the body, a multipart form".to_owned());
        }
        let fields: Vec<String> = list("/request/postData/params")
            .map(|(name, value)| format!("{}={}", percent::encode(&name), percent::encode(&value)))
            .collect();
        let body = text("/request/postData/text")
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .or_else(|| (!fields.is_empty()).then(|| fields.join("&")))
            .filter(|_| notes.is_empty());
        Ok(Asked {
            method: self.method.to_uppercase(),
            url,
            headers,
            body: body.map(AskedBody::Text),
            user,
            notes,
            answer: self.answer().filter(|_| (200..300).contains(&self.status)),
        })
    }

    fn answer(&self) -> Option<Value> {
        let content = self.content.pointer("/response/content")?;
        let text = content.get("text")?.as_str()?;
        let is_base64 = content.get("encoding").and_then(Value::as_str) == Some("base64");
        let bytes = if is_base64 {
            STANDARD.decode(text).ok()?
        } else {
            text.as_bytes().to_vec()
        };
        json::parse(&bytes).ok()
    }
}
