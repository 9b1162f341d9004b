//! The request of a curl command, as people paste it: from documentation, a terminal, or a browser
//! ("Copy as cURL" of Chrome, Edge, Firefox and Safari).

use crate::cli::new::asked::{Asked, AskedBody, AskedPart, address};
use crate::cli::new::shell;
use crate::core::{name, percent};

/// The effect of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It has none on the request.
    Nothing,
    /// As [`Effect::Nothing`], with a value.
    NothingWithValue,
    /// It is a setting of the resource: `-k`.
    Resource,
    /// As [`Effect::Resource`], with a value.
    ResourceWithValue,
    Request,
    Header,
    Data,
    DataRaw,
    DataBinary,
    DataEncoded,
    Json,
    Get,
    Head,
    Form,
    FormString,
    User,
    Bearer,
    Cookie,
    Agent,
    Referer,
    Url,
}

impl Effect {
    fn takes_value(self) -> bool {
        !matches!(
            self,
            Self::Nothing | Self::Resource | Self::Get | Self::Head
        )
    }
}

/// The options by their short and long names.
const OPTIONS: &[(Option<char>, &str, Effect)] = &[
    (Some('X'), "request", Effect::Request),
    (Some('H'), "header", Effect::Header),
    (Some('d'), "data", Effect::Data),
    (None, "data-ascii", Effect::Data),
    (None, "data-raw", Effect::DataRaw),
    (None, "data-binary", Effect::DataBinary),
    (None, "data-urlencode", Effect::DataEncoded),
    (None, "json", Effect::Json),
    (Some('G'), "get", Effect::Get),
    (Some('I'), "head", Effect::Head),
    (Some('F'), "form", Effect::Form),
    (None, "form-string", Effect::FormString),
    (Some('u'), "user", Effect::User),
    (None, "oauth2-bearer", Effect::Bearer),
    (Some('b'), "cookie", Effect::Cookie),
    (Some('A'), "user-agent", Effect::Agent),
    (Some('e'), "referer", Effect::Referer),
    (None, "url", Effect::Url),
    (Some('k'), "insecure", Effect::Resource),
    (Some('x'), "proxy", Effect::ResourceWithValue),
    (None, "cacert", Effect::ResourceWithValue),
    (None, "capath", Effect::ResourceWithValue),
    (Some('E'), "cert", Effect::ResourceWithValue),
    (None, "key", Effect::ResourceWithValue),
    (Some('m'), "max-time", Effect::ResourceWithValue),
    (None, "connect-timeout", Effect::ResourceWithValue),
    (None, "resolve", Effect::ResourceWithValue),
    (None, "retry", Effect::ResourceWithValue),
    (Some('n'), "netrc", Effect::Resource),
    (None, "basic", Effect::Nothing),
    (None, "compressed", Effect::Nothing),
    (None, "fail-with-body", Effect::Nothing),
    (None, "http1.1", Effect::Nothing),
    (None, "http2", Effect::Nothing),
    (None, "http3", Effect::Nothing),
    (None, "location-trusted", Effect::Nothing),
    (None, "no-buffer", Effect::Nothing),
    (None, "no-progress-meter", Effect::Nothing),
    (None, "path-as-is", Effect::Nothing),
    (None, "tlsv1.2", Effect::Nothing),
    (None, "tlsv1.3", Effect::Nothing),
    (None, "trace-time", Effect::Nothing),
    (Some('#'), "progress-bar", Effect::Nothing),
    (Some('f'), "fail", Effect::Nothing),
    (Some('g'), "globoff", Effect::Nothing),
    (Some('i'), "include", Effect::Nothing),
    (Some('j'), "junk-session-cookies", Effect::Nothing),
    (Some('L'), "location", Effect::Nothing),
    (Some('N'), "no-buffer", Effect::Nothing),
    (Some('O'), "remote-name", Effect::Nothing),
    (Some('J'), "remote-header-name", Effect::Nothing),
    (Some('q'), "disable", Effect::Nothing),
    (Some('s'), "silent", Effect::Nothing),
    (Some('S'), "show-error", Effect::Nothing),
    (Some('v'), "verbose", Effect::Nothing),
    (Some('0'), "http1.0", Effect::Nothing),
    (Some('4'), "ipv4", Effect::Nothing),
    (Some('6'), "ipv6", Effect::Nothing),
    (Some('c'), "cookie-jar", Effect::NothingWithValue),
    (Some('D'), "dump-header", Effect::NothingWithValue),
    (Some('o'), "output", Effect::NothingWithValue),
    (Some('w'), "write-out", Effect::NothingWithValue),
    (None, "max-redirs", Effect::NothingWithValue),
    (None, "retry-delay", Effect::NothingWithValue),
];

/// Reads a curl command.
///
/// # Errors
///
/// A message, if it is not one, or has an option that is not understood.
pub fn read(text: &str) -> Result<Asked, String> {
    let line = shell::words(text)?;
    let mut words = line.words.into_iter().skip_while(|word| {
        let is_assignment = word
            .split_once('=')
            .is_some_and(|(name, _)| name::is_identifier(name));
        is_assignment || ["$", "%", ">", "sudo"].contains(&word.as_str())
    });
    let program = words.next().unwrap_or_default();
    let program = program.rsplit(['/', '\\']).next().unwrap_or_default();
    if !["curl", "curl.exe"].contains(&program) {
        return Err(match program {
            "fetch" | "await" => {
                "this is `fetch` of JavaScript: choose \"Copy as cURL\" in the browser".to_owned()
            }
            "Invoke-WebRequest" => {
                "this is PowerShell: choose \"Copy as cURL\" in the browser".to_owned()
            }
            "" => "there is no command".to_owned(),
            other => format!("a curl command begins with `curl`, got `{other}`"),
        });
    }
    let mut command = Command::default();
    command.read(words)?;
    let mut asked = command.finish()?;
    if !line.rest.is_empty() {
        asked.notes.push(format!("left out: `{}`", line.rest));
    }
    Ok(asked)
}

/// The parts of a command.
#[derive(Default)]
struct Command {
    urls: Vec<String>,
    method: Option<String>,
    headers: Vec<(String, String)>,
    data: Vec<String>,
    file: Option<String>,
    parts: Vec<(String, AskedPart)>,
    is_json: bool,
    is_get: bool,
    is_head: bool,
    user: Option<String>,
    notes: Vec<String>,
}

impl Command {
    fn read(&mut self, words: impl Iterator<Item = String>) -> Result<(), String> {
        let mut words = words;
        let mut is_ended = false;
        while let Some(word) = words.next() {
            let is_option = !is_ended && word.len() > 1 && word.starts_with('-');
            if !is_option {
                self.urls.push(word);
            } else if word == "--" {
                is_ended = true;
            } else if let Some(long) = word.strip_prefix("--") {
                self.long(long, &mut words)?;
            } else {
                self.short(&word[1..], &mut words)?;
            }
        }
        Ok(())
    }

    fn long(&mut self, word: &str, words: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let (name, given) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word, None),
        };
        let known = OPTIONS.iter().find(|(_, long, _)| *long == name);
        let Some((_, _, effect)) = known else {
            let near = name::nearest(name, OPTIONS.iter().map(|(_, long, _)| *long));
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `--{near}`?"));
            return Err(format!(
                "the option `--{name}` of curl is not understood{hint}"
            ));
        };
        let shown = format!("--{name}");
        let value = match given {
            Some(value) => Some(value),
            None if effect.takes_value() => Some(value_of(&shown, words)?),
            None => None,
        };
        self.apply(*effect, &shown, value.unwrap_or_default())
    }

    /// Reads options of one letter, of which the last may have a value: `-sSLXPOST`.
    fn short(
        &mut self,
        word: &str,
        words: &mut impl Iterator<Item = String>,
    ) -> Result<(), String> {
        for (at, letter) in word.char_indices() {
            let known = OPTIONS.iter().find(|(short, _, _)| *short == Some(letter));
            let Some((_, _, effect)) = known else {
                return Err(format!("the option `-{letter}` of curl is not understood"));
            };
            let shown = format!("-{letter}");
            if !effect.takes_value() {
                self.apply(*effect, &shown, String::new())?;
                continue;
            }
            let rest = &word[at + letter.len_utf8()..];
            let value = if rest.is_empty() {
                value_of(&shown, words)?
            } else {
                rest.to_owned()
            };
            return self.apply(*effect, &shown, value);
        }
        Ok(())
    }

    fn apply(&mut self, effect: Effect, shown: &str, value: String) -> Result<(), String> {
        match effect {
            Effect::Nothing | Effect::NothingWithValue => {}
            Effect::Resource | Effect::ResourceWithValue => {
                self.notes.push(format!(
                    "left out: `{shown}`, a setting of the resource file"
                ));
            }
            Effect::Request => self.method = Some(value.to_uppercase()),
            Effect::Header => self.header(&value)?,
            Effect::Data | Effect::DataBinary if value.starts_with('@') => {
                if value == "@-" {
                    return Err(format!(
                        "`{shown} @-` reads standard input, which is not known here"
                    ));
                }
                self.file = Some(value[1..].to_owned());
            }
            Effect::Data | Effect::DataRaw | Effect::DataBinary => self.data.push(value),
            Effect::DataEncoded => self.data.push(encoded(&value)?),
            Effect::Json if value.starts_with('@') => {
                self.is_json = true;
                self.file = Some(value[1..].to_owned());
            }
            Effect::Json => {
                self.is_json = true;
                self.data.push(value);
            }
            Effect::Get => self.is_get = true,
            Effect::Head => self.is_head = true,
            Effect::Form => self.parts.push(part(&value)?),
            Effect::FormString => {
                let (name, value) = value.split_once('=').unwrap_or((&value, ""));
                let text = AskedPart::Text(value.to_owned());
                self.parts.push((name.to_owned(), text));
            }
            Effect::User => self.user = Some(value),
            Effect::Bearer => {
                let value = format!("Bearer {value}");
                self.headers.push(("Authorization".to_owned(), value));
            }
            // Without `=`, it is the name of a file.
            Effect::Cookie => self.headers.push(("Cookie".to_owned(), value)),
            Effect::Agent => self.headers.push(("User-Agent".to_owned(), value)),
            Effect::Referer => self.headers.push(("Referer".to_owned(), value)),
            Effect::Url => self.urls.push(value),
        }
        Ok(())
    }

    fn header(&mut self, field: &str) -> Result<(), String> {
        // `Name;` is an empty field, and `Name:` removes one.
        if let Some(name) = field.strip_suffix(';').filter(|name| !name.contains(':')) {
            self.headers.push((name.trim().to_owned(), String::new()));
            return Ok(());
        }
        let Some((name, value)) = field.split_once(':').or_else(|| {
            // A pseudo-header of HTTP/2 begins with a colon.
            field.strip_prefix(':')?.split_once(':')
        }) else {
            return Err("`-H` takes `NAME: VALUE`, and one has no colon".to_owned());
        };
        let (name, value) = (name.trim(), value.trim());
        if !name.is_empty() && !value.is_empty() {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        Ok(())
    }

    fn finish(self) -> Result<Asked, String> {
        let text = match self.urls.as_slice() {
            [url] => url,
            [] => return Err("the command has no address".to_owned()),
            [_, second, ..] => {
                return Err(format!(
                    "the command has several addresses (the second is `{second}`): write a query for each"
                ));
            }
        };
        let (mut url, user) = address(text)?;
        let data =
            (!self.data.is_empty()).then(|| self.data.join(if self.is_json { "" } else { "&" }));
        let mut body = match (data, self.file) {
            (Some(data), None) => Some(AskedBody::Text(data)),
            (None, Some(path)) => Some(AskedBody::File(path)),
            (Some(_), Some(_)) => {
                return Err("the body has a file and text, which cannot be one query".to_owned());
            }
            (None, None) => None,
        };
        if !self.parts.is_empty() {
            body = Some(AskedBody::Multipart(self.parts));
        }
        if self.is_get || self.is_head {
            match body.take() {
                Some(AskedBody::Text(data)) => {
                    let query = match url.query() {
                        Some(query) if !query.is_empty() => format!("{query}&{data}"),
                        _ => data,
                    };
                    url.set_query(Some(&query));
                }
                None => {}
                Some(_) => {
                    return Err("`-G` sends a body as parameters, and this is a file".to_owned());
                }
            }
        }
        let usual = match &body {
            Some(_) => "POST",
            None if self.is_head => "HEAD",
            None => "GET",
        };
        let mut headers = self.headers;
        let has = |wanted: &str| {
            headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(wanted))
        };
        if self.is_json && !has("content-type") {
            let json = "application/json".to_owned();
            headers.push(("Content-Type".to_owned(), json));
        }
        Ok(Asked {
            method: self.method.unwrap_or_else(|| usual.to_owned()),
            url,
            headers,
            body,
            user: self.user.or(user),
            notes: self.notes,
            answer: None,
        })
    }
}

fn value_of(shown: &str, words: &mut impl Iterator<Item = String>) -> Result<String, String> {
    let value = words.next();
    value.ok_or_else(|| format!("the option `{shown}` has no value: is the whole command there?"))
}

/// Encodes a value as `--data-urlencode` does: `VALUE`, `=VALUE` or `NAME=VALUE`.
fn encoded(value: &str) -> Result<String, String> {
    match value.split_once('=') {
        Some(("", value)) => Ok(percent::encode(value)),
        Some((name, value)) if !name.contains('@') => {
            Ok(format!("{name}={}", percent::encode(value)))
        }
        None if !value.contains('@') => Ok(percent::encode(value)),
        _ => Err("`--data-urlencode` with a file is not understood".to_owned()),
    }
}

/// Reads a field of a multipart form: `NAME=VALUE`, `NAME=@PATH;type=…` or `NAME=<PATH`.
fn part(field: &str) -> Result<(String, AskedPart), String> {
    let Some((name, value)) = field.split_once('=') else {
        return Err(format!("`-F` takes `NAME=VALUE`, got `{field}`"));
    };
    let Some(file) = value.strip_prefix('@') else {
        if value.starts_with('<') {
            return Err("`-F NAME=<FILE` is not understood".to_owned());
        }
        let text = value.split(";type=").next().unwrap_or(value);
        return Ok((name.to_owned(), AskedPart::Text(text.to_owned())));
    };
    let mut pieces = file.split(';');
    let path = pieces.next().unwrap_or_default().trim_matches('"');
    let (mut content_type, mut file_name) = (None, None);
    for piece in pieces {
        match piece.split_once('=') {
            Some(("type", value)) => content_type = Some(value.to_owned()),
            Some(("filename", value)) => file_name = Some(value.trim_matches('"').to_owned()),
            _ => {}
        }
    }
    let path = path.to_owned();
    let file = AskedPart::File {
        path,
        content_type,
        file_name,
    };
    Ok((name.to_owned(), file))
}

#[cfg(test)]
mod tests;
