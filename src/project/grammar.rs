//! The keys of resource and query files, one table per mapping. Readers refuse every other key, and
//! the file reference has the same tables.
//!
//! The texts are Markdown, as the pages have them.

use crate::core::document::Key;

/// The keys of a resource file.
pub const RESOURCE: &[Key] = &[
    Key {
        name: "name",
        takes: "text",
        default: "the file's stem",
        doc: "the name in queries; letters, digits, `-`, `_`, `.`",
    },
    Key {
        name: "folder",
        takes: "text",
        default: "the sub-folder of `resources/`",
        doc: "the group in `list`",
    },
    Key {
        name: "description",
        takes: "text",
        default: "",
        doc: "a description for people",
    },
    Key {
        name: "type",
        takes: "`circleci` or `rest`",
        default: "needed",
        doc: "the kind of API, see [Presets](#presets)",
    },
    Key {
        name: "api",
        takes: "`v2` or `v3`",
        default: "`v2`",
        doc: "for `circleci`: which API",
    },
    Key {
        name: "base_url",
        takes: "template",
        default: "the preset's",
        doc: "the base of all endpoints; `http` or `https`, without user, `?` and `#`; its path is kept",
    },
    Key {
        name: "auth",
        takes: "see [Auth](#auth)",
        default: "the preset's",
        doc: "authentication",
    },
    Key {
        name: "headers",
        takes: "mapping of templates",
        default: "",
        doc: "header fields of every request; overridden by those of a query, where `null` removes one",
    },
    Key {
        name: "params",
        takes: "mapping of templates",
        default: "",
        doc: "URL parameters of every request; overridden by those of a query, where `null` removes one",
    },
    Key {
        name: "access",
        takes: "`read-write`, `read-only` or `write-only`",
        default: "`read-write`",
        doc: "`read-only` refuses every request that is not \
              [safe](query-file.md#requests-that-change-nothing); `write-only`, for a webhook, \
              refuses those that are, and `ping` skips it",
    },
    Key {
        name: "timeout",
        takes: "duration",
        default: "`30s`",
        doc: "timeout of a complete response",
    },
    Key {
        name: "connect_timeout",
        takes: "duration",
        default: "`10s`",
        doc: "timeout of a connection",
    },
    Key {
        name: "max_body",
        takes: "size: `64MiB`, `10MB`, bytes",
        default: "`64MiB`",
        doc: "maximum size of a decompressed response",
    },
    Key {
        name: "retry",
        takes: "`{ max_attempts, base_delay, max_delay, statuses }`",
        default: "`5`, `100ms`, `30s`, none",
        doc: "see [Retries](#retries)",
    },
    Key {
        name: "rate_limit",
        takes: "`{ requests, per, burst }`",
        default: "none; `per` `1s`, `burst` `1`",
        doc: "at most `requests` in `per`, of which `burst` at once",
    },
    Key {
        name: "concurrency",
        takes: "1 to 1024",
        default: "`8`",
        doc: "maximum number of concurrent requests",
    },
    Key {
        name: "paginate",
        takes: "see [Pagination](query-file.md#pagination)",
        default: "`auto`",
        doc: "default of its queries",
    },
    Key {
        name: "links",
        takes: "list of hosts",
        default: "the preset's",
        doc: "hosts that an address in a response may lead to, besides the own origin: `host`, \
              `host:port` or `*.domain`; see [Addresses](query-file.md#addresses-from-responses)",
    },
    Key {
        name: "tls",
        takes: "`{ ca_file, client_cert, client_key, system_certs }`",
        default: "",
        doc: "PEM files, relative to the project; `system_certs: true` trusts the operating system's too. Verification cannot be disabled",
    },
    Key {
        name: "proxy",
        takes: "template",
        default: "the [environment](environment.md)'s",
        doc: "`http`, `https`, `socks5` or `socks5h` URL",
    },
    Key {
        name: "environments",
        takes: "mapping",
        default: "",
        doc: "name → differences; see [Use several environments](../how-to/connect.md#use-several-environments)",
    },
];

/// The keys of `decode`.
pub const DECODE: &[Key] = &[
    Key {
        name: "as",
        takes: "`json`, `ndjson`, `csv`, `tsv`, `lines`, `text`, `bytes`",
        default: "needed",
        doc: "the kind of content",
    },
    Key {
        name: "last",
        takes: "1 to 1,000,000",
        default: "all",
        doc: "for `lines` and `text`: only this many lines at the end",
    },
];

/// The keys of a query file.
pub const QUERY: &[Key] = &[
    Key {
        name: "name",
        takes: "text",
        default: "the file's stem",
        doc: "the name for calls",
    },
    Key {
        name: "folder",
        takes: "text",
        default: "the sub-folder of `queries/`",
        doc: "the group in `list`",
    },
    Key {
        name: "description",
        takes: "text",
        default: "",
        doc: "a description for people",
    },
    Key {
        name: "resource",
        takes: "name",
        default: "needed with `endpoint`",
        doc: "which connection",
    },
    Key {
        name: "vars",
        takes: "mapping",
        default: "",
        doc: "inputs, see [Vars](#vars)",
    },
    Key {
        name: "method",
        takes: "`GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`",
        default: "`GET`; `POST` for GraphQL",
        doc: "",
    },
    Key {
        name: "safe",
        takes: "`true` or `false`",
        default: "as the method says",
        doc: "`true`: the request changes nothing, whatever its method; see [Requests that change \
              nothing](#requests-that-change-nothing)",
    },
    Key {
        name: "endpoint",
        takes: "template",
        default: "needed, without `sql` and `report`",
        doc: "the path below the resource's `base_url`; see [How values are sent](templates.md#how-values-are-sent)",
    },
    Key {
        name: "url",
        takes: "template",
        default: "",
        doc: "instead of `endpoint`: a complete address from a response, such as \
              `\"{{ artifact.url }}\"`; see [Addresses](#addresses-from-responses)",
    },
    Key {
        name: "params",
        takes: "mapping",
        default: "",
        doc: "URL parameters: a list repeats the name, null omits it",
    },
    Key {
        name: "headers",
        takes: "mapping of templates",
        default: "",
        doc: "`null` removes one of the resource's",
    },
    Key {
        name: "body",
        takes: "see [Body](#body)",
        default: "",
        doc: "not with GET and HEAD",
    },
    Key {
        name: "for_each",
        takes: "see [For each](#for-each), [Walks](../how-to/walk.md)",
        default: "",
        doc: "sends one request for every record of another query, or item of a list",
    },
    Key {
        name: "poll",
        takes: "see [Polling](#polling)",
        default: "",
        doc: "repeats the request until a condition holds",
    },
    Key {
        name: "retry",
        takes: "`{ max_attempts, base_delay, max_delay, statuses }`",
        default: "the resource's",
        doc: "when a request is retried, see [Retries](resource-file.md#retries)",
    },
    Key {
        name: "cache",
        takes: "duration or `finished`",
        default: "",
        doc: "which responses later runs reuse, see [Caching](#caching)",
    },
    Key {
        name: "paginate",
        takes: "see [Pagination](#pagination)",
        default: "the resource's",
        doc: "how to get the next page",
    },
    Key {
        name: "decode",
        takes: "`json`, `ndjson`, `csv`, `tsv`, `lines`, `text`, `bytes`, or `{ as, last }`",
        default: "`json`",
        doc: "the content of a response; see [Content other than JSON](#content-other-than-json)",
    },
    Key {
        name: "download",
        takes: "template",
        default: "",
        doc: "the path of a file that takes the body of the response; see [Downloads](#downloads)",
    },
    Key {
        name: "rows",
        takes: "JSONPath",
        default: "",
        doc: "where the records are; without it the response is one record",
    },
    Key {
        name: "extract",
        takes: "mapping",
        default: "",
        doc: "columns, see [Extract](#extract); without it records are unchanged",
    },
    Key {
        name: "where",
        takes: "expression",
        default: "",
        doc: "the condition that selects records",
    },
    Key {
        name: "stop_when",
        takes: "expression",
        default: "",
        doc: "the condition that ends the list at the first record that meets it",
    },
    Key {
        name: "sort",
        takes: "column, expression, or a list",
        default: "",
        doc: "a leading `-` sorts in descending order. Null is always last; numbers are sorted by value, strings by character",
    },
    Key {
        name: "limit",
        takes: "number or template",
        default: "",
        doc: "the maximum number of records; overridden by `--limit`",
    },
    Key {
        name: "unique",
        takes: "`true`, a column, or a list",
        default: "`false`",
        doc: "keeps only the first of records that are equal (in those columns)",
    },
    Key {
        name: "require",
        takes: "like `expect`",
        default: "",
        doc: "conditions on the vars, checked before anything is sent: exit code 2 with the message of each that fails. Also for a query that others use. They can use `vars`, `env`, `git`, `now()`",
    },
    Key {
        name: "expect",
        takes: "expression, `{ that, message }`, or a list",
        default: "",
        doc: "conditions on the result; if one fails, the records are still printed, with exit code 1. `message` is a template over the same names: `\"{{ branch }} is not green\"`",
    },
    Key {
        name: "on_status",
        takes: "mapping",
        default: "",
        doc: "status → `ok` (a normal response), `empty` (no records) or `fail`. By default 2xx are ok, 204 and 304 empty, all others fail",
    },
    Key {
        name: "confirm",
        takes: "template",
        default: "`Send this?`; for a walk, the method, the path and the number",
        doc: "the confirmation prompt of a request that writes (a `safe` one has none); for a walk, it can use `items`",
    },
    Key {
        name: "output",
        takes: "a format",
        default: "",
        doc: "the format if neither `-o` nor `--out` chooses one",
    },
    Key {
        name: "csv",
        takes: "`{ bom, separator, formulas }`",
        default: "`false`, `,`, `keep`",
        doc: "options of `csv`, see [Choose a format](formats.md); overridden by `--csv`",
    },
    Key {
        name: "data",
        takes: "mapping",
        default: "",
        doc: "name → `{ query, vars }`: other queries, whose records `sql`, `report`, `expect` \
              and the request see by that name; see [Reports](../how-to/report.md)",
    },
    Key {
        name: "sql",
        takes: "text",
        default: "",
        doc: "instead of `endpoint`: one `SELECT` over `data`; vars as `:name`",
    },
    Key {
        name: "report",
        takes: "`{ template }` or `{ template_file }`",
        default: "",
        doc: "the document it ends in; `template_file` is a path or a list with one per kind \
              (`.md`, `.html`, `.txt`, each also with `.jinja`)",
    },
];

/// The keys of a var declaration.
pub const VAR: &[Key] = &[
    Key {
        name: "description",
        takes: "text",
        default: "",
        doc: "shown by `show`, and when it is missing",
    },
    Key {
        name: "type",
        takes: "see below",
        default: "`string`",
        doc: "",
    },
    Key {
        name: "default",
        takes: "a value or template",
        default: "",
        doc: "makes it optional; can use `env`, `git`, `now()` and the vars above. `null` is a default too",
    },
    Key {
        name: "required",
        takes: "bool",
        default: "if there is no default",
        doc: "",
    },
    Key {
        name: "enum",
        takes: "list",
        default: "",
        doc: "the allowed values; for a `list`, those of its items",
    },
    Key {
        name: "pattern",
        takes: "regular expression",
        default: "",
        doc: "the pattern that the whole text must match; for a `list`, each item",
    },
    Key {
        name: "min",
        takes: "a number, a duration",
        default: "",
        doc: "the smallest `int`, `number` or `duration`",
    },
    Key {
        name: "max",
        takes: "a number, a duration",
        default: "",
        doc: "the largest",
    },
    Key {
        name: "secret",
        takes: "bool",
        default: "`false`",
        doc: "masked wherever it is shown",
    },
    Key {
        name: "example",
        takes: "a value",
        default: "",
        doc: "shown by `show` and in hints",
    },
];

/// The keys of a column under `extract`.
pub const COLUMN: &[Key] = &[
    Key {
        name: "path",
        takes: "JSONPath or template",
        default: "needed",
        doc: "",
    },
    Key {
        name: "take",
        takes: "`first`, `one`, `all`, `count`",
        default: "`first` for a singular path, else `all`",
        doc: "the selection among the values found; with `one`, more than one is an error",
    },
    Key {
        name: "default",
        takes: "a value",
        default: "null",
        doc: "the value if it is missing or null; `default: null` declares that it may be absent",
    },
    Key {
        name: "required",
        takes: "bool",
        default: "`false`",
        doc: "must not be missing. A response that has a success status and lacks it fails with \
              exit code 1 and the message of the response",
    },
];

/// The keys of `body: { graphql }`.
pub const GRAPHQL: &[Key] = &[
    Key {
        name: "query",
        takes: "text",
        default: "needed, without `query_file`",
        doc: "the document, sent as written: it is no template",
    },
    Key {
        name: "query_file",
        takes: "path",
        default: "",
        doc: "a file with the document, relative to the query or to the project's folder, and \
              inside of it",
    },
    Key {
        name: "operation",
        takes: "name",
        default: "the only one",
        doc: "which operation of the document is carried out",
    },
    Key {
        name: "variables",
        takes: "mapping",
        default: "",
        doc: "values of the variables, as in `json`: a single `{{ expression }}` keeps its type",
    },
];

/// The keys of `poll`.
pub const POLL: &[Key] = &[
    Key {
        name: "until",
        takes: "expression",
        default: "needed",
        doc: "polls until it is true; can use the same names as `where`, and `rows`",
    },
    Key {
        name: "every",
        takes: "duration",
        default: "`2s`, growing to `30s`",
        doc: "the polling interval",
    },
    Key {
        name: "timeout",
        takes: "duration",
        default: "`30m`",
        doc: "the polling timeout",
    },
    Key {
        name: "endpoint",
        takes: "template",
        default: "the query's own",
        doc: "the path that is polled, with GET, after the query's own request was sent once; `row` is the response to that",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth;

    const RESOURCE_PAGE: &str = include_str!("../../docs/reference/resource-file.md");
    const QUERY_PAGE: &str = include_str!("../../docs/reference/query-file.md");

    /// Returns the first table of keys below a heading.
    fn shown<'p>(page: &'p str, heading: &str) -> Vec<&'p str> {
        let mut lines = page.lines().skip_while(|line| *line != heading);
        let head = lines.find(|line| line.starts_with("| key |"));
        assert_eq!(
            head,
            Some("| key | type | default | meaning |"),
            "{heading}"
        );
        let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
        rows.collect()
    }

    fn row(key: &Key) -> String {
        let cell = |text: &str| match text {
            "" => " ".to_owned(),
            text => format!(" {text} "),
        };
        let name = format!("`{}`", key.name);
        let cells = [&name, key.takes, key.default, key.doc].map(cell);
        format!("|{}|", cells.join("|"))
    }

    #[test]
    fn the_file_reference_has_the_same_tables() {
        let own = [
            (RESOURCE_PAGE, "# Resource file", RESOURCE),
            (QUERY_PAGE, "# Query file", QUERY),
            (QUERY_PAGE, "## Vars", VAR),
            (QUERY_PAGE, "## Extract", COLUMN),
            (QUERY_PAGE, "## Polling", POLL),
            (QUERY_PAGE, "### GraphQL", GRAPHQL),
        ];
        let of_auth = auth::grammars().map(|(heading, keys)| (RESOURCE_PAGE, heading, keys));
        for (page, heading, keys) in own.into_iter().chain(of_auth) {
            let rows: Vec<String> = keys.iter().map(row).collect();
            assert_eq!(shown(page, heading), rows, "{heading}");
        }
    }
}
