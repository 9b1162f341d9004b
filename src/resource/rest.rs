//! Any other API that returns JSON over HTTP.

use crate::http::Method;
use crate::paginate::{Link, Style};
use crate::resource::Speak;

pub const KIND: &dyn Speak = &Rest;

/// No presets: everything is defined in the resource file.
struct Rest;

impl Speak for Rest {
    fn kind(&self) -> &'static str {
        "rest"
    }

    fn takes_openapi(&self) -> bool {
        true
    }

    fn pagination(&self, method: &Method, _: &str) -> Option<Style> {
        (*method == Method::GET).then(Link::preset)
    }
}
