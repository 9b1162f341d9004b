//! The keys of resource, query, project and test files, one table per mapping. Readers refuse every other key,
//! and the file reference has the same tables.
//!
//! The texts are Markdown, as the pages have them.

use crate::core::document::keys;

keys! {
    /// The keys of a resource file.
    pub const RESOURCE {
        name: "text", "the file's stem", "the name in queries; letters, digits, `-`, `_`, `.`";
        folder: "text", "the sub-folder of `resources/`", "the group in `list`";
        description: "text", "", "a description for people";
        type: "`circleci` or `rest`", "required", "the kind of API, see [Presets](#presets)";
        api: "`v2`, `v3`, `v1.1` or `artifacts`", "`v2`", "for `circleci`: the version of the API";
        base_url: "template", "the preset's",
            "the URL to which endpoints are appended, including its path; `http` or `https`, without user, `?` and `#`";
        auth: "see [Auth](#auth)", "the preset's", "authentication";
        headers: "mapping of templates", "",
            "header fields of every request; overridden by those of a query, where `null` removes one";
        params: "mapping of templates", "",
            "URL parameters of every request; overridden by those of a query, where `null` removes one";
        access: "`read-write`, `read-only` or `write-only`", "`read-write`",
            "`read-only` refuses every request that is not [safe](query-file.md#requests-that-change-nothing); `write-only`, for webhooks, refuses safe requests, and `ping` skips it";
        timeout: "duration", "`30s`", "timeout of a complete response; with `decode` and `download`, of each 16 KiB of it";
        connect_timeout: "duration", "`10s`", "timeout of a connection";
        max_body: "size: `64MiB`, `10MB`, bytes", "`64MiB`",
            "maximum size of a decompressed response; with `decode`, of what is held in memory";
        retry: "see [Retries](#retries)", "", "when a request is retried";
        rate_limit: "see [Rate limits](#rate-limits)", "none", "how fast requests are sent";
        concurrency: "1 to 1024", "`8`", "maximum number of concurrent requests";
        paginate: "see [Pagination](query-file.md#pagination)", "`auto`", "the default for its queries";
        links: "list of hosts", "the preset's",
            "hosts other than the resource's own origin to which a URL in a response may lead: `host`, `host:port` or `*.domain`; see [Addresses](query-file.md#addresses-from-responses)";
        redact: "mapping", "the preset's",
            "JSONPath → `hide` or `alias`: values of responses that recordings do not keep; see [Redaction](#redaction)";
        tls: "see [TLS](#tls)", "", "certificates";
        proxy: "template", "the [environment](environment.md)'s",
            "`http`, `https`, `socks5` or `socks5h` URL";
        environments: "mapping", "",
            "name → differences; see [Use several environments](../how-to/connect.md#use-several-environments)";
    }

    /// The keys of `retry`.
    pub const RETRY {
        max_attempts: "1 to 100", "`5`", "the maximum number of attempts, including the first one";
        base_delay: "duration", "`100ms`", "the upper bound of the first delay, which then doubles";
        max_delay: "duration", "`30s`", "the maximum of that bound";
        statuses: "status or list, 400 to 599", "", "additional statuses that are retried";
    }

    /// The keys of `rate_limit`.
    pub const RATE_LIMIT {
        requests: "1 to 1000000", "required", "the maximum number of requests within `per`";
        per: "duration", "`1s`", "the period of the limit";
        burst: "1 to 1000000", "`1`", "the number of requests that can be sent at once";
    }

    /// The keys of `tls`.
    pub const TLS {
        ca_file: "path", "", "additional trusted certificate authorities, as PEM";
        client_cert: "path", "",
            "the client certificate with its chain, as PEM";
        client_key: "path", "", "the key of the client certificate, as PEM; required with `client_cert`";
        system_certs: "bool", "`false`", "also trusts the certificate authorities of the operating system";
    }

    /// The keys of the project file.
    pub const PROJECT {
        vars: "mapping", "",
            "defaults for vars of these names in all queries, instead of the queries' own defaults; they can be templates over `env`, `git` and `now()`. In order of precedence: the command line, `RUNNER_VAR_NAME`, this file, the query's own default. A value that the declaration of a var does not allow is an error in this file, even if the value is overridden";
        environment: "name", "",
            "the environment, unless it is set by `--env` or `RUNNER_ENV`";
        tests: "see [Tests](#tests)", "", "the folder of the [test files](test-file.md)";
    }

    /// The keys of `tests` in the project file.
    pub const TESTS {
        folder: "path", "`tests`",
            "the folder, inside the project; every YAML file below it is a test file";
        max_age: "duration", "", "the age at which `runner test` warns about a recording: `180d`";
    }

    /// The keys of a query file.
    pub const QUERY {
        name: "text", "the file's stem", "the name on the command line and in other queries";
        folder: "text", "the sub-folder of `queries/`", "the group in `list`";
        description: "text", "", "a description for people";
        resource: "name", "required with `endpoint`", "the connection";
        vars: "mapping", "", "inputs, see [Vars](#vars)";
        method: "`GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`",
            "`GET`; `POST` for GraphQL", "";
        safe: "`true` or `false`", "depends on the method",
            "`true`: the request changes nothing, regardless of its method; see [Requests that change nothing](#requests-that-change-nothing)";
        undocumented: "`true` or `false`", "`false`",
            "`true`: `check` does not compare the request and its response with the API's description; see [Operations](operations.md)";
        endpoint: "template", "required unless there is `url`, `sql` or `report`",
            "the path below the resource's `base_url`; see [How values are sent](templates.md#how-values-are-sent)";
        url: "template", "",
            "instead of `endpoint`: a complete URL from a response, such as `\"{{ artifact.url }}\"`; see [Addresses](#addresses-from-responses)";
        params: "mapping", "", "URL parameters: a list repeats the name, null omits it";
        headers: "mapping of templates", "", "header fields of the request; `null` removes one of the resource's";
        body: "see [Body](#body)", "", "not with GET and HEAD";
        for_each: "see [For each](#for-each), [Walks](../how-to/walk.md)", "",
            "sends one request for every record of another query or file, or item of a list";
        poll: "see [Polling](#polling)", "", "repeats the request until a condition holds";
        retry: "see [Retries](resource-file.md#retries)", "the resource's",
            "when a request is retried; each key replaces that of the resource";
        cache: "duration or `finished`", "",
            "responses that later runs reuse, see [Caching](#caching)";
        paginate: "see [Pagination](#pagination)", "the resource's", "how to get the next page";
        decode: "`json`, `ndjson`, `csv`, `tsv`, `lines`, `text`, `bytes`, or `{ as, last }`", "`json`",
            "the format of the response body; see [Content other than JSON](#content-other-than-json)";
        download: "template", "",
            "the path of the file to which the response body is written; see [Downloads](#downloads)";
        rows: "JSONPath", "", "the path of the records; without it, the response is one record";
        extract: "mapping", "",
            "columns, see [Extract](#extract); without it, records are unchanged";
        where: "expression", "", "the condition that selects records";
        stop_when: "expression", "",
            "the condition that ends the list at the first record that meets it";
        sort: "column, expression, or a list", "",
            "a leading `-` sorts in descending order. Null is always last; numbers are sorted by value, strings by character";
        limit: "number or template", "", "the maximum number of records; overridden by `--limit`";
        unique: "`true`, a column, or a list", "`false`",
            "keeps only the first of equal records (equal in those columns)";
        require: "like `expect`", "",
            "conditions on the vars, checked before anything is sent: exit code 2 with the message of each condition that fails. They also apply if other queries use this one, and can use `vars`, `env`, `git`, `now()`";
        expect: "expression, `{ that, message }`, or a list", "",
            "conditions on the result; if one fails, the records are still printed, with exit code 1. They also apply if other queries use this one, see [Expectations of inner queries](#expectations-of-inner-queries). `message` is a template over the same names: `\"{{ branch }} is not green\"`";
        on_status: "mapping", "",
            "status → `ok` (a normal response), `empty` (no records) or `fail`. By default 2xx are ok, 204 and 304 empty, all others fail";
        confirm: "template", "`Send this?`; for a walk, the method, the path and the number",
            "the confirmation prompt of a request that writes (a `safe` one has none); for a walk, it can use `items`";
        output: "a format", "", "the format if neither `-o` nor `--out` chooses one";
        csv: "see [CSV](#csv)", "", "options of the format `csv`; overridden by `--csv`";
        data: "mapping", "",
            "name → `{ query, vars }` or `{ file }`: other queries, or [files](#files-as-data), whose records are available by that name in `sql`, `report`, `expect` and the request; see [Reports](../how-to/report.md)";
        sql: "text", "", "instead of `endpoint`: one `SELECT` over `data`; vars as `:name`";
        report: "`{ template }` or `{ template_file }`", "",
            "the document to render; `template_file` is a path, or a list with one path per kind (`.md`, `.html`, `.txt`, each also with `.jinja`)";
    }

    /// The keys of `decode`.
    pub const DECODE {
        as: "`json`, `ndjson`, `csv`, `tsv`, `lines`, `text`, `bytes`", "required", "the format of the body";
        last: "1 to 1,000,000", "all", "for `lines` and `text`: the number of lines at the end to return";
    }

    /// The keys of a var declaration.
    pub const VAR {
        description: "text", "", "shown by `show`, and in the error if a value is missing";
        type: "see below", "`string`", "";
        default: "a value or template", "",
            "the default value, which makes the var optional; can use `env`, `git`, `now()` and the vars above. `null` is a default too";
        required: "bool", "if there is no default", "";
        enum: "list", "", "the allowed values; for a `list`, those of its items";
        pattern: "regular expression", "",
            "must match the whole text; for a `list`, each item";
        min: "a number, a duration", "", "the smallest `int`, `number` or `duration`";
        max: "a number, a duration", "", "the largest";
        secret: "bool", "`false`", "masked in all output";
        example: "a value", "", "shown by `show` and in hints";
    }

    /// The keys of a column under `extract`.
    pub const COLUMN {
        path: "JSONPath or template", "required", "";
        take: "`first`, `one`, `all`, `count`", "`first` for a singular path, else `all`",
            "the selection among the values found; with `one`, more than one is an error";
        default: "a value", "null",
            "the value if the member is missing or null; `default: null` declares that the member may be absent";
        required: "bool", "`false`",
            "must not be missing. If it is, although the response has a success status, the run fails with exit code 1 and the message of the response";
    }

    /// The keys of `body: { graphql }`.
    pub const GRAPHQL {
        query: "text", "required unless there is `query_file`",
            "the document, sent as written: it is not a template";
        query_file: "path", "",
            "a file with the document, inside the project's folder; relative to the query or to that folder";
        operation: "name", "the only one", "the operation of the document to carry out";
        variables: "mapping", "",
            "the values of the variables, as in `json`: a single `{{ expression }}` keeps its type";
    }

    /// The keys of an item's source under `for_each`.
    pub const FOR_EACH {
        query: "name", "required unless there is `file` or `in`",
            "another query, whose records are the items; it receives the vars of the same name";
        vars: "mapping", "", "other values for the vars of that query, as templates";
        file: "path or pattern", "required unless there is `query` or `in`",
            "[files](#files-as-data), whose records are the items";
        in: "list or template", "required unless there is `query` or `file`",
            "the items, or a template that evaluates to a list";
        where: "expression", "",
            "the condition for an item, for example `workflow.branch == \"main\"`. It can use the item, `vars` and earlier items";
        limit: "number or template", "",
            "the maximum number of items, for each item of the names before it";
    }

    /// The keys of `csv`.
    pub const CSV {
        bom: "bool", "`false`",
            "begins the file with a byte order mark, by which Excel recognizes UTF-8";
        separator: "character", "`,`",
            "any ASCII character such as `;`, except letters, digits and quotes";
        formulas: "`keep` or `escape`", "`keep`",
            "`escape` puts an apostrophe before strings that a spreadsheet would run as formulas";
    }

    /// The keys of `poll`.
    pub const POLL {
        until: "expression", "required",
            "polls until it is true; can use the same names as `where`, and `rows`";
        every: "duration", "`2s`, growing to `30s`", "the polling interval";
        timeout: "duration", "`30m`", "the polling timeout";
        endpoint: "template", "the query's own",
            "the path that is polled, with GET, after the query's own request was sent once; `row` is the response to that request";
    }

    /// The keys of a test file.
    pub const TEST_FILE {
        query: "name or path", "the file's path below the folder",
            "the tested query: its name, or its path from the project's folder";
        cases: "mapping", "required", "name → case; see [Cases](#cases)";
    }

    /// The keys of a case.
    pub const CASE {
        vars: "mapping", "", "values of the query's vars; a string is read as on the command line";
        now: "time", "when the answers were recorded", "the time of the run: RFC 3339, or a date in UTC";
        env: "mapping", "", "the environment variables that the files can read; no others are set";
        git: "mapping", "", "`branch`, `sha`, `project_slug`";
        environment: "name", "the project's", "the environment of the resources";
        like: "name of a case", "", "the case of the same file that this one starts from, see [Like](#like)";
        given: "mapping", "",
            "name of a query → list of records that stand in for its result; columns that are not written are null";
        previous: "mapping", "",
            "the result of the last run, as `previous` in the report: names of `data`, `rows`, `started`";
        answers: "list", "",
            "answers in place of recorded ones, see [Answers](#answers); the first that matches a request is used";
        exit: "0 to 130", "`0`", "the expected [exit code](exit-codes.md)";
        expect: "like `expect` of a query", "", "conditions on the result, see [Expectations](#expectations)";
        show: "format or list", "", "formats of additional snapshots; not `raw`";
        limit: "1 or more", "", "the maximum number of records, as with `--limit`";
    }

    /// The keys of an answer.
    pub const ANSWER {
        ask: "text", "required", "the requests: `GET /workflow/*/job`, see [Requests](#requests)";
        sent: "a value", "", "the JSON body that the request must have";
        sent_text: "text", "", "the body that the request must have, if it is not JSON";
        nth: "1 or more", "all", "which of these requests is answered so, counted from 1";
        status: "100 to 599", "`200`", "the status";
        headers: "mapping", "", "header fields; a list repeats the name";
        body: "a value", "", "the body, sent as JSON";
        text: "text", "", "instead of `body`: any other text";
        base64: "text", "", "instead of `body`: any bytes";
        delay: "duration", "`0s`", "the time until the answer arrives; tests do not wait for it";
        broken: "`connection` or `half`", "",
            "instead of a body: the connection cannot be opened, or ends in the middle of the answer";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth;
    use crate::core::document::Key;

    const RESOURCE_PAGE: &str = include_str!("../../docs/reference/resource-file.md");
    const PROJECT_PAGE: &str = include_str!("../../docs/reference/project-file.md");
    const TEST_PAGE: &str = include_str!("../../docs/reference/test-file.md");
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
            (RESOURCE_PAGE, "## Retries", RETRY),
            (RESOURCE_PAGE, "## Rate limits", RATE_LIMIT),
            (RESOURCE_PAGE, "## TLS", TLS),
            (PROJECT_PAGE, "# Project file", PROJECT),
            (PROJECT_PAGE, "## Tests", TESTS),
            (TEST_PAGE, "# Test file", TEST_FILE),
            (TEST_PAGE, "## Cases", CASE),
            (TEST_PAGE, "## Answers", ANSWER),
            (QUERY_PAGE, "# Query file", QUERY),
            (QUERY_PAGE, "## Vars", VAR),
            (QUERY_PAGE, "## Extract", COLUMN),
            (QUERY_PAGE, "## For each", FOR_EACH),
            (QUERY_PAGE, "## Polling", POLL),
            (QUERY_PAGE, "## CSV", CSV),
            (QUERY_PAGE, "### GraphQL", GRAPHQL),
        ];
        let of_auth = auth::grammars().map(|(heading, keys)| (RESOURCE_PAGE, heading, keys));
        for (page, heading, keys) in own.into_iter().chain(of_auth) {
            let rows: Vec<String> = keys.iter().map(row).collect();
            assert_eq!(shown(page, heading), rows, "{heading}");
        }
    }
}
