//! The descriptions of CircleCI's API, as [compact texts](super::compact).
//!
//! `circleci/v2.txt` is generated from CircleCI's OpenAPI document (`circleci/v2.openapi.json`, under
//! MIT by its `info.license`) and the corrections in `circleci/v2.overlay.yaml`. No complete document
//! of version 3 is public: `circleci/v3.txt` is generated from `circleci/v3.yaml`, the operations
//! known from CircleCI's own clients and pages. `DESCRIPTION_UPDATE=1 cargo test --lib describe`
//! generates both anew.

/// The description of version 2.
pub const V2: &str = include_str!("circleci/v2.txt");

/// The description of version 3.
pub const V3: &str = include_str!("circleci/v3.txt");
