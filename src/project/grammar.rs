//! The keys of resource, query, project and test files, one table per mapping. Readers refuse every other key,
//! and the file reference has the same tables.
//!
//! The texts are Markdown, as the pages have them.

mod forms;
mod patterns;
mod words;

use self::forms::{FLAT, LABELS, LIMIT, NOT_A_MAPPING, WITH_TIME};
use self::patterns::{METRIC_NAME, NAME, PATH_OR_TEMPLATE, SEPARATOR, SIZE, TIME, WITH_TEMPLATE};
use self::words::{
    accesses, apis, column_types, contents, meanings, metric_types, misfits, takes, types,
    var_types,
};
use crate::auth;
use crate::core::key::{
    DURATION, Key, NameKind, POSITIVE_DURATION, Rule, TEMPLATES, UNBOUNDED, ValueForm, keys,
};
use crate::paginate;

/// The methods of a request.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Conditions, each with or without a message.
const REQUIREMENTS: ValueForm = ValueForm::OneOrMore(&ValueForm::Either(&[
    ValueForm::Expression,
    ValueForm::Keys(REQUIREMENT, &[]),
]));

/// A resource file.
pub const RESOURCE_FILE: ValueForm = ValueForm::Keys(
    RESOURCE,
    &[
        // An environment can define what the file itself lacks.
        Rule::AnyOf(&["type", "environments"]),
        Rule::ExcludesFor("type", "rest", &["api"]),
        Rule::NeedsAnyFor("type", "rest", &["base_url", "environments"]),
    ],
);

/// A query file.
pub const QUERY_FILE: ValueForm = ValueForm::Keys(
    QUERY,
    &[
        Rule::AnyOf(&["endpoint", "url", "sql", "report"]),
        Rule::AtMostOne(&["endpoint", "url", "sql"]),
        Rule::Needs("endpoint", &["resource"]),
        Rule::Needs("url", &["resource"]),
        Rule::OnlyWith(&["endpoint", "url"], &OF_REQUESTS),
    ],
);

/// The keys that only apply to requests.
pub const OF_REQUESTS: [&str; 16] = [
    "decode",
    "download",
    "retry",
    "cache",
    "method",
    "safe",
    "undocumented",
    "params",
    "headers",
    "body",
    "paginate",
    "for_each",
    "poll",
    "on_status",
    "confirm",
    "rows",
];

/// The project file.
pub const PROJECT_FILE: ValueForm = ValueForm::Keys(PROJECT, &[]);

/// A file of test cases.
pub const FILE_OF_TESTS: ValueForm = ValueForm::Keys(TEST_FILE, &[]);

const TLS_RULES: &[Rule] = &[
    Rule::Needs("client_cert", &["client_key"]),
    Rule::Needs("client_key", &["client_cert"]),
];

const FOR_EACH_RULES: &[Rule] = &[
    Rule::AnyOf(&["query", "file", "in"]),
    Rule::AtMostOne(&["query", "file", "in"]),
    Rule::OnlyWith(&["query"], &["vars"]),
];

const DATA_RULES: &[Rule] = &[
    Rule::AnyOf(&["query", "file", "store"]),
    Rule::AtMostOne(&["query", "file", "store"]),
    Rule::OnlyWith(&["query"], &["vars"]),
    Rule::OnlyWith(&["store"], &["since", "until", "as_of"]),
];

const COLUMN_RULES: &[Rule] = &[Rule::OnlyWith(&["type"], &["on_misfit"])];

const REPORT_RULES: &[Rule] = &[
    Rule::AnyOf(&["template", "template_file"]),
    Rule::AtMostOne(&["template", "template_file"]),
];

const GRAPHQL_RULES: &[Rule] = &[
    Rule::AnyOf(&["query", "query_file"]),
    Rule::AtMostOne(&["query", "query_file"]),
];

const ANSWER_RULES: &[Rule] = &[
    Rule::AtMostOne(&["body", "text", "base64"]),
    Rule::AtMostOne(&["sent", "sent_text"]),
    Rule::Excludes("broken", &["body", "text", "base64"]),
];

fn bodies() -> Vec<Key> {
    BODY.to_vec()
}

/// The keys of an environment: those of a resource file, each optional.
fn of_environment() -> Vec<Key> {
    let is_own = |key: &&Key| !["name", "environments", "openapi"].contains(&key.name);
    let optional = |key: &Key| Key {
        default: "",
        ..*key
    };
    RESOURCE.iter().filter(is_own).map(optional).collect()
}

keys! {
    /// The keys of a resource file.
    pub const RESOURCE {
        name: NAME, "text", "the file's stem", "the name in queries; letters, digits, `-`, `_`, `.`";
        folder: ValueForm::Text, "text", "the sub-folder of `resources/`", "the group in `list`";
        description: ValueForm::Text, "text", "", "a description for people";
        type: ValueForm::WordsOf(types), "`circleci` or `rest`", "required", "the kind of API, see [Presets](#presets)";
        api: ValueForm::WordsOf(apis), "`v2`, `v3`, `v1.1` or `artifacts`", "`v2`", "for `circleci`: the version of the API";
        openapi: ValueForm::Either(&[ValueForm::Text, ValueForm::Keys(OPENAPI, &[])]), "path or `{ file, overlay }`", "",
            "for `rest`: the OpenAPI description of the API, 3.0 or 3.1, as JSON or YAML, and a file of corrections; see [Operations](operations.md#describe-another-api)";
        base_url: ValueForm::Template, "template", "the preset's",
            "the URL to which endpoints are appended, including its path; `http` or `https`, without user, `?` and `#`";
        auth: auth::VALUE, "see [Auth](#auth)", "the preset's", "authentication";
        headers: TEMPLATES, "mapping of templates", "",
            "header fields of every request; overridden by those of a query, where `null` removes one";
        params: TEMPLATES, "mapping of templates", "",
            "URL parameters of every request; overridden by those of a query, where `null` removes one";
        access: ValueForm::WordsOf(accesses), "`read-write`, `read-only` or `write-only`", "`read-write`",
            "`read-only` refuses every request that is not [safe](query-file.md#requests-that-change-nothing); `write-only`, for webhooks, refuses safe requests, and `ping` skips it";
        timeout: POSITIVE_DURATION, "duration", "`30s`", "timeout of a complete response; with `decode` and `download`, of each 16 KiB of it";
        connect_timeout: POSITIVE_DURATION, "duration", "`10s`", "timeout of a connection";
        max_body: SIZE, "size: `64MiB`, `10MB`, bytes", "`64MiB`",
            "maximum size of a decompressed response; with `decode`, of what is held in memory";
        retry: ValueForm::Keys(RETRY, &[]), "see [Retries](#retries)", "", "when a request is retried";
        rate_limit: ValueForm::Keys(RATE_LIMIT, &[]), "see [Rate limits](#rate-limits)", "none", "how fast requests are sent";
        concurrency: ValueForm::Integer(1, 1024), "1 to 1024", "`8`", "maximum number of concurrent requests";
        budget: ValueForm::Template, "template", "",
            "`postgres://user@host/database`: several processes share the limits of this resource, see [One limit for several processes](#one-limit-for-several-processes)";
        paginate: paginate::VALUE, "see [Pagination](query-file.md#pagination)", "`auto`", "the default for its queries";
        links: ValueForm::OneOrMore(&ValueForm::Text), "list of hosts", "the preset's",
            "hosts other than the resource's own origin to which a URL in a response may lead: `host`, `host:port` or `*.domain`; see [Addresses](query-file.md#addresses-from-responses)";
        redact: ValueForm::Map(&ValueForm::Either(&[ValueForm::Words(&["hide", "alias"]), ValueForm::Null])), "mapping", "the preset's",
            "JSONPath → `hide` or `alias`: values of responses that recordings and a store do not keep; see [Redaction](#redaction)";
        tls: ValueForm::Keys(TLS, TLS_RULES), "see [TLS](#tls)", "", "certificates";
        proxy: ValueForm::Template, "template", "the [environment](environment.md)'s",
            "`http`, `https`, `socks5` or `socks5h` URL";
        environments: ValueForm::Map(&ValueForm::AllKeys(of_environment, &[])), "mapping", "",
            "name → differences; see [Use several environments](../how-to/connect.md#use-several-environments)";
    }

    /// The keys of `openapi`.
    pub const OPENAPI {
        file: ValueForm::Text, "path", "required", "the description; relative to the resource file or to the project's folder";
        overlay: ValueForm::Text, "path", "", "corrections, see [Corrections](operations.md#corrections)";
    }

    /// The keys of `retry`.
    pub const RETRY {
        max_attempts: ValueForm::Integer(1, 100), "1 to 100", "`5`", "the maximum number of attempts, including the first one";
        base_delay: DURATION, "duration", "`100ms`", "the upper bound of the first delay, which then doubles";
        max_delay: DURATION, "duration", "`30s`", "the maximum of that bound";
        statuses: ValueForm::OneOrMore(&ValueForm::Integer(400, 599)), "status or list, 400 to 599", "", "additional statuses that are retried";
    }

    /// The keys of `rate_limit`.
    pub const RATE_LIMIT {
        requests: ValueForm::Integer(1, 1_000_000), "1 to 1000000", "required", "the maximum number of requests within `per`";
        per: POSITIVE_DURATION, "duration", "`1s`", "the period of the limit";
        burst: ValueForm::Integer(1, 1_000_000), "1 to 1000000", "`1`", "the number of requests that can be sent at once";
    }

    /// The keys of `tls`.
    pub const TLS {
        ca_file: ValueForm::Text, "path", "", "additional trusted certificate authorities, as PEM";
        client_cert: ValueForm::Text, "path", "",
            "the client certificate with its chain, as PEM";
        client_key: ValueForm::Text, "path", "", "the key of the client certificate, as PEM; required with `client_cert`";
        system_certs: ValueForm::Bool, "bool", "`false`", "also trusts the certificate authorities of the operating system";
    }

    /// The keys of the project file.
    pub const PROJECT {
        vars: ValueForm::Map(&ValueForm::Any), "mapping", "",
            "defaults for vars of these names in all queries, instead of the queries' own defaults; they can be templates over `env`, `git` and `now()`. In order of precedence: the command line, `RUNNER_VAR_NAME`, this file, the query's own default. A value that the declaration of a var does not allow is an error in this file, even if the value is overridden";
        environment: ValueForm::Name(NameKind::Environment), "name", "",
            "the environment, unless it is set by `--env` or `RUNNER_ENV`";
        tests: ValueForm::Keys(TESTS, &[]), "see [Tests](#tests)", "", "the folder of the [test files](test-file.md)";
        store: ValueForm::Either(&[ValueForm::Template, ValueForm::Keys(PROJECT_STORE, &[])]), "path, URL, or see [Store](#store)", "`.runner/store.db`",
            "where `runner sync` keeps records, unless `--store` or `RUNNER_STORE` says otherwise: a file, or `postgres://user@host/database`";
    }

    /// The keys of `store` in the project file.
    pub const PROJECT_STORE {
        url: ValueForm::Template, "template", "required", "the path or the URL";
        password: ValueForm::Template, "template", "`PGPASSWORD`", "the password of the database: `\"{{ env.STORE_PASSWORD }}\"`";
        command: ValueForm::NonEmptyList(&ValueForm::Text), "list", "", "a program and its arguments; its standard output is the password";
    }

    /// The keys of `tests` in the project file.
    pub const TESTS {
        folder: ValueForm::Text, "path", "`tests`",
            "the folder, inside the project; every YAML file below it is a test file";
        max_age: DURATION, "duration", "", "the age at which `runner test` warns about a recording: `180d`";
    }

    /// The keys of a query file.
    pub const QUERY {
        name: NAME, "text", "the file's stem", "the name on the command line and in other queries";
        folder: ValueForm::Text, "text", "the sub-folder of `queries/`", "the group in `list`";
        description: ValueForm::Text, "text", "", "a description for people";
        resource: ValueForm::Name(NameKind::Resource), "name", "required with `endpoint`", "the connection";
        vars: ValueForm::Map(&ValueForm::Either(&[ValueForm::Keys(VAR, &[]), NOT_A_MAPPING])), "mapping", "", "inputs, see [Vars](#vars)";
        method: ValueForm::Words(&METHODS), "`GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`",
            "`GET`; `POST` for GraphQL", "";
        safe: ValueForm::Bool, "`true` or `false`", "depends on the method",
            "`true`: the request changes nothing, regardless of its method; see [Requests that change nothing](#requests-that-change-nothing)";
        undocumented: ValueForm::Bool, "`true` or `false`", "`false`",
            "`true`: `check` does not compare the request and its response with the API's description; see [Operations](operations.md)";
        endpoint: ValueForm::Template, "template", "required unless there is `url`, `sql` or `report`",
            "the path below the resource's `base_url`; see [How values are sent](templates.md#how-values-are-sent)";
        url: ValueForm::Template, "template", "",
            "instead of `endpoint`: a complete URL from a response, such as `\"{{ artifact.url }}\"`; see [Addresses](#addresses-from-responses)";
        params: ValueForm::Map(&FLAT), "mapping", "", "URL parameters: a list repeats the name, null omits it";
        headers: TEMPLATES, "mapping of templates", "", "header fields of the request; `null` removes one of the resource's";
        body: ValueForm::OneKey(bodies), "see [Body](#body)", "", "not with GET and HEAD";
        for_each: ValueForm::Map(&ValueForm::Keys(FOR_EACH, FOR_EACH_RULES)), "see [For each](#for-each), [Walks](../how-to/walk.md)", "",
            "sends one request for every record of another query or file, or item of a list";
        poll: ValueForm::Keys(POLL, &[]), "see [Polling](#polling)", "", "repeats the request until a condition holds";
        retry: ValueForm::Keys(RETRY, &[]), "see [Retries](resource-file.md#retries)", "the resource's",
            "when a request is retried; each key replaces that of the resource";
        cache: ValueForm::Either(&[ValueForm::Words(&["finished"]), DURATION]), "duration or `finished`", "",
            "responses that later runs reuse, see [Caching](#caching)";
        paginate: paginate::VALUE, "see [Pagination](#pagination)", "the resource's", "how to get the next page";
        decode: ValueForm::Either(&[ValueForm::WordsOf(contents), ValueForm::Keys(DECODE, &[])]), "`json`, `ndjson`, `csv`, `tsv`, `lines`, `text`, `bytes`, or `{ as, last }`", "`json`",
            "the format of the response body; see [Content other than JSON](#content-other-than-json)";
        download: ValueForm::Template, "template", "",
            "the path of the file to which the response body is written; see [Downloads](#downloads)";
        rows: ValueForm::Path, "JSONPath", "", "the path of the records; without it, the response is one record";
        extract: ValueForm::Map(&ValueForm::Either(&[PATH_OR_TEMPLATE, ValueForm::Keys(COLUMN, COLUMN_RULES)])), "mapping", "",
            "columns, see [Extract](#extract); without it, records are unchanged";
        where: ValueForm::Expression, "expression", "", "the condition that selects records";
        stop_when: ValueForm::Expression, "expression", "",
            "the condition that ends the list at the first record that meets it";
        sort: ValueForm::OneOrMore(&ValueForm::Text), "column, expression, or a list", "",
            "a leading `-` sorts in descending order. Null is always last; numbers are sorted by value, strings by character";
        limit: LIMIT, "number or template", "", "the maximum number of records; overridden by `--limit`";
        unique: ValueForm::Either(&[ValueForm::Bool, ValueForm::OneOrMore(&ValueForm::Text)]), "`true`, a column, or a list", "`false`",
            "keeps only the first of equal records (equal in those columns)";
        require: REQUIREMENTS, "like `expect`", "",
            "conditions on the vars, checked before anything is sent: exit code 2 with the message of each condition that fails. They also apply if other queries use this one, and can use `vars`, `env`, `git`, `now()`";
        expect: REQUIREMENTS, "expression, `{ that, message }`, or a list", "",
            "conditions on the result; if one fails, the records are still printed, with exit code 1. They also apply if other queries use this one, see [Expectations of inner queries](#expectations-of-inner-queries). `message` is a template over the same names: `\"{{ branch }} is not green\"`";
        on_status: ValueForm::MapOf("^[1-5][0-9][0-9]$", &ValueForm::WordsOf(meanings)), "mapping", "",
            "status → `ok` (a normal response), `empty` (no records) or `fail`. By default 2xx are ok, 204 and 304 empty, all others fail";
        confirm: ValueForm::Template, "template", "`Send this?`; for a walk, the method, the path and the number",
            "the confirmation prompt of a request that writes (a `safe` one has none); for a walk, it can use `items`";
        output: ValueForm::Name(NameKind::Format), "a format", "", "the format if neither `-o` nor `--out` chooses one";
        csv: ValueForm::Keys(CSV, &[]), "see [CSV](#csv)", "", "options of the format `csv`; overridden by `--csv`";
        data: ValueForm::Map(&ValueForm::Either(&[ValueForm::Keys(DATA, DATA_RULES), ValueForm::Null])), "mapping", "",
            "name → `{ query, vars }`, `{ file }` or `{ store, since }`: other queries, [files](#files-as-data), or [kept rows](#store), whose records are available by that name in `sql`, `report`, `expect` and the request; see [Reports](../how-to/report.md)";
        sql: ValueForm::Text, "text", "", "instead of `endpoint`: one `SELECT` over `data`; vars as `:name`";
        report: ValueForm::Keys(REPORT, REPORT_RULES), "`{ template }` or `{ template_file }`", "",
            "the document to render; `template_file` is a path, or a list with one path per kind (`.md`, `.html`, `.txt`, each also with `.jinja`)";
        store: ValueForm::Keys(STORE, &[]), "see [Store](#store)", "", "how [`runner sync`](../how-to/keep-records.md) keeps the records";
        mcp: ValueForm::Bool, "`true` or `false`", "`true`",
            "`false`: [`runner mcp`](../how-to/assistants.md) does not serve it as a tool. A request that is only safe because of `safe: true` is served with `mcp: true`";
    }

    /// The keys of `store`.
    pub const STORE {
        key: ValueForm::OneOrMore(&ValueForm::Text), "a column, or a list", "required",
            "the columns that identify a row; a record in which they are all null is one that the API has forgotten";
        at: ValueForm::Text, "a column", "", "the time of a row";
        done: ValueForm::Expression, "expression", "`true`",
            "the condition under which a row no longer changes; it can use the columns. Every sync asks for the other rows again";
        revisit: DURATION, "duration", "", "the age up to which items of `for_each` are requested again, less often with age";
        history: ValueForm::Bool, "bool", "`false`", "also keeps former versions of rows, for `--as-of`";
        gone: ValueForm::Words(&["keep", "mark"]), "`keep` or `mark`", "`keep`",
            "rows that a complete listing no longer has stay unchanged, or get the time in `_gone_at`";
    }

    /// The keys of `decode`.
    pub const DECODE {
        as: ValueForm::WordsOf(contents), "`json`, `ndjson`, `csv`, `tsv`, `lines`, `text`, `bytes`", "required", "the format of the body";
        last: ValueForm::Integer(1, 1_000_000), "1 to 1,000,000", "all", "for `lines` and `text`: the number of lines at the end to return";
    }

    /// The keys of a var declaration.
    pub const VAR {
        description: ValueForm::Text, "text", "", "shown by `show`, and in the error if a value is missing";
        type: ValueForm::WordsOf(var_types), "see below", "`string`", "";
        default: ValueForm::Any, "a value or template", "",
            "the default value, which makes the var optional; can use `env`, `git`, `now()` and the vars above. `null` is a default too";
        required: ValueForm::Bool, "bool", "if there is no default", "";
        enum: ValueForm::NonEmptyList(&ValueForm::Any), "list", "", "the allowed values; for a `list`, those of its items";
        pattern: ValueForm::Text, "regular expression", "",
            "must match the whole text; for a `list`, each item";
        min: ValueForm::Scalar, "a number, a duration", "", "the smallest `int`, `number` or `duration`";
        max: ValueForm::Scalar, "a number, a duration", "", "the largest";
        secret: ValueForm::Bool, "bool", "`false`", "masked in all output";
        example: ValueForm::Any, "a value", "", "shown by `show` and in hints";
    }

    /// The keys of a column under `extract`.
    pub const COLUMN {
        path: PATH_OR_TEMPLATE, "JSONPath or template", "required", "";
        take: ValueForm::WordsOf(takes), "`first`, `one`, `all`, `count`", "`first` for a singular path, else `all`",
            "the selection among the values found; with `one`, more than one is an error";
        default: ValueForm::Any, "a value", "null",
            "the value if the member is missing or null; `default: null` declares that the member may be absent";
        required: ValueForm::Bool, "bool", "`false`",
            "must not be missing. If it is, although the response has a success status, the run fails with exit code 1 and the message of the response";
        type: ValueForm::WordsOf(column_types), "`text`, `int`, `number`, `bool`, `time`, `json`", "values are unchanged",
            "the type of the values, see [Types of columns](#types-of-columns)";
        on_misfit: ValueForm::WordsOf(misfits), "`fail`, `empty`", "`fail`",
            "beside `type`: the consequence of a value of another type. `fail` ends the run with exit code 1, `empty` makes the value null and prints their number at the end";
        metric: ValueForm::Keys(METRIC, &[]), "see [Metrics](#metrics)", "", "the metric that `-o openmetrics` makes of the column";
    }

    /// The keys of `metric`.
    pub const METRIC {
        name: METRIC_NAME, "text", "required",
            "the name of the metric: letters, digits and `_`, a letter first. A counter gets the suffix `_total`";
        help: ValueForm::Text, "text", "required", "the description; double quotes are not allowed";
        type: ValueForm::WordsOf(metric_types), "`gauge` or `counter`", "`gauge`", "a `counter` only grows, from 0, until it starts again";
        unit: METRIC_NAME, "text", "", "the unit, with which the name must end: `seconds`";
        labels: LABELS, "list of columns, or mapping", "none",
            "the labels of a sample: names of columns, or name of a label → column, or template over the vars";
    }

    /// The keys of `body: { graphql }`.
    pub const GRAPHQL {
        query: ValueForm::Text, "text", "required unless there is `query_file`",
            "the document, sent as written: it is not a template";
        query_file: ValueForm::Text, "path", "",
            "a file with the document, inside the project's folder; relative to the query or to that folder";
        operation: ValueForm::Text, "name", "the only one", "the operation of the document to carry out";
        variables: ValueForm::Map(&ValueForm::Any), "mapping", "",
            "the values of the variables, as in `json`: a single `{{ expression }}` keeps its type";
    }

    /// The keys of an item's source under `for_each`.
    pub const FOR_EACH {
        query: ValueForm::Name(NameKind::Query), "name", "required unless there is `file` or `in`",
            "another query, whose records are the items; it receives the vars of the same name";
        vars: ValueForm::Map(&ValueForm::Any), "mapping", "", "other values for the vars of that query, as templates";
        file: ValueForm::Text, "path or pattern", "required unless there is `query` or `in`",
            "[files](#files-as-data), whose records are the items";
        in: ValueForm::Either(&[ValueForm::List(&ValueForm::Any), WITH_TEMPLATE]), "list or template", "required unless there is `query` or `file`",
            "the items, or a template that evaluates to a list";
        where: ValueForm::Expression, "expression", "",
            "the condition for an item, for example `workflow.branch == \"main\"`. It can use the item, `vars` and earlier items";
        limit: LIMIT, "number or template", "",
            "the maximum number of items, for each item of the names before it";
    }

    /// The keys of `csv`.
    pub const CSV {
        bom: ValueForm::Bool, "bool", "`false`",
            "begins the file with a byte order mark, by which Excel recognizes UTF-8";
        separator: SEPARATOR, "character", "`,`",
            "any ASCII character such as `;`, except letters, digits and quotes";
        formulas: ValueForm::Words(&["keep", "escape"]), "`keep` or `escape`", "`keep`",
            "`escape` puts an apostrophe before strings that a spreadsheet would run as formulas";
    }

    /// The keys of `poll`.
    pub const POLL {
        until: ValueForm::Expression, "expression", "required",
            "polls until it is true; can use the same names as `where`, and `rows`";
        every: POSITIVE_DURATION, "duration", "`2s`, growing to `30s`", "the polling interval";
        timeout: POSITIVE_DURATION, "duration", "`30m`", "the polling timeout";
        endpoint: ValueForm::Template, "template", "the query's own",
            "the path that is polled, with GET, after the query's own request was sent once; `row` is the response to that request";
    }

    /// The keys of `report`.
    pub const REPORT {
        template: ValueForm::Text, "template", "", "the template of the document";
        template_file: ValueForm::OneOrMore(&ValueForm::Text), "path or list", "",
            "the file of the template, or one for each kind of document: `.md`, `.html`, `.txt`, each also with `.jinja`";
    }

    /// The keys of an entry of `data`.
    pub const DATA {
        query: ValueForm::Name(NameKind::Query), "name", "required unless there is `file` or `store`", "another query";
        vars: ValueForm::Map(&ValueForm::Any), "mapping", "", "values for the vars of that query, as templates";
        file: ValueForm::Text, "path or pattern", "required unless there is `query` or `store`", "files of records";
        store: ValueForm::Name(NameKind::Query), "name", "required unless there is `query` or `file`",
            "a query with `store`: the rows that [`runner sync`](../how-to/keep-records.md) has kept of it";
        since: WITH_TIME, "time or template", "the query's var `since`", "only rows whose `at` is not before";
        until: WITH_TIME, "time or template", "the query's var `until`", "only rows whose `at` is before";
        as_of: WITH_TIME, "time or template", "the query's var `as_of`", "the rows as they were then; the table needs `history: true`";
    }

    /// The keys of a condition of `require` and `expect`.
    pub const REQUIREMENT {
        that: ValueForm::Expression, "expression", "required", "the condition";
        message: ValueForm::Text, "template", "", "the message if it is not met";
    }

    /// The kinds of `body`.
    pub const BODY {
        json: ValueForm::Any, "any value", "", "a JSON body; a string that is a single `{{ expression }}` keeps the type of its value";
        form: ValueForm::Map(&FLAT), "mapping", "", "form fields, URL-encoded; a list repeats the name";
        multipart: ValueForm::Map(&ValueForm::Either(&[FLAT, ValueForm::Keys(MULTIPART_FILE, &[])])), "mapping", "",
            "fields of `multipart/form-data`: a value, or `{ file, file_name, content_type }`";
        text: ValueForm::Scalar, "template", "", "any text";
        file: ValueForm::Template, "path", "", "the contents of a file";
        graphql: ValueForm::Keys(GRAPHQL, GRAPHQL_RULES), "see [GraphQL](#graphql)", "", "a GraphQL document and its variables";
    }

    /// The keys of a file in a `multipart` body.
    pub const MULTIPART_FILE {
        file: ValueForm::Template, "path", "required", "the file that is sent";
        file_name: ValueForm::Template, "template", "the name of the file", "the name that is sent";
        content_type: ValueForm::Template, "template", "", "the media type that is sent";
    }

    /// The keys of `git` in a case.
    pub const GIT {
        branch: ValueForm::Scalar, "text", "", "the current branch";
        sha: ValueForm::Scalar, "text", "", "the current commit";
        project_slug: ValueForm::Scalar, "text", "", "the project slug of the repository";
    }

    /// The keys of a test file.
    pub const TEST_FILE {
        query: ValueForm::Name(NameKind::Query), "name or path", "the file's path below the folder",
            "the tested query: its name, or its path from the project's folder";
        cases: ValueForm::NonEmptyMap(&ValueForm::Either(&[ValueForm::Keys(CASE, &[]), ValueForm::Null])), "mapping", "required", "name → case; see [Cases](#cases)";
    }

    /// The keys of a case.
    pub const CASE {
        vars: ValueForm::Map(&ValueForm::Any), "mapping", "", "values of the query's vars; a string is read as on the command line";
        now: TIME, "time", "when the answers were recorded", "the time of the run: RFC 3339, or a date in UTC";
        env: ValueForm::Map(&ValueForm::Scalar), "mapping", "", "the environment variables that the files can read; no others are set";
        git: ValueForm::Keys(GIT, &[]), "mapping", "", "`branch`, `sha`, `project_slug`";
        environment: ValueForm::Name(NameKind::Environment), "name", "the project's", "the environment of the resources";
        like: ValueForm::Text, "name of a case", "", "the case of the same file that this one starts from, see [Like](#like)";
        given: ValueForm::Map(&ValueForm::List(&ValueForm::Any)), "mapping", "",
            "name of a query → list of records that stand in for its result; columns that are not written are null";
        previous: ValueForm::Map(&ValueForm::Any), "mapping", "",
            "the result of the last run, as `previous` in the report: names of `data`, `rows`, `started`";
        answers: ValueForm::OneOrMore(&ValueForm::Keys(ANSWER, ANSWER_RULES)), "list", "",
            "answers in place of recorded ones, see [Answers](#answers); the first that matches a request is used";
        exit: ValueForm::Integer(0, 130), "0 to 130", "`0`", "the expected [exit code](exit-codes.md)";
        expect: REQUIREMENTS, "like `expect` of a query", "", "conditions on the result, see [Expectations](#expectations)";
        show: ValueForm::OneOrMore(&ValueForm::Name(NameKind::SnapshotFormat)), "format or list", "", "formats of additional snapshots; not `raw`";
        limit: ValueForm::Integer(1, UNBOUNDED), "1 or more", "", "the maximum number of records, as with `--limit`";
        keep: ValueForm::Integer(1, UNBOUNDED), "1 or more", "",
            "the maximum number of elements of each list in a new recording, as with `--keep` of `runner record`";
    }

    /// The keys of an answer.
    pub const ANSWER {
        ask: ValueForm::Text, "text", "required", "the requests: `GET /workflow/*/job`, see [Requests](#requests)";
        sent: ValueForm::Any, "a value", "", "the JSON body that the request must have";
        sent_text: ValueForm::Text, "text", "", "the body that the request must have, if it is not JSON";
        nth: ValueForm::Integer(1, 4_294_967_295), "1 or more", "all", "which of these requests is answered so, counted from 1";
        status: ValueForm::Integer(100, 599), "100 to 599", "`200`", "the status";
        headers: ValueForm::Map(&ValueForm::Either(&[ValueForm::OneOrMore(&ValueForm::Scalar), ValueForm::Null])), "mapping", "", "header fields; a list repeats the name";
        body: ValueForm::Any, "a value", "", "the body, sent as JSON";
        text: ValueForm::Text, "text", "", "instead of `body`: any other text";
        base64: ValueForm::Text, "text", "", "instead of `body`: any bytes";
        delay: DURATION, "duration", "`0s`", "the time until the answer arrives; tests do not wait for it";
        broken: ValueForm::Words(&["connection", "half"]), "`connection` or `half`", "",
            "instead of a body: the connection cannot be opened, or ends in the middle of the answer";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (PROJECT_PAGE, "## Store", PROJECT_STORE),
            (TEST_PAGE, "# Test file", TEST_FILE),
            (TEST_PAGE, "## Cases", CASE),
            (TEST_PAGE, "## Answers", ANSWER),
            (QUERY_PAGE, "# Query file", QUERY),
            (QUERY_PAGE, "## Vars", VAR),
            (QUERY_PAGE, "## Extract", COLUMN),
            (QUERY_PAGE, "### Metrics", METRIC),
            (QUERY_PAGE, "## For each", FOR_EACH),
            (QUERY_PAGE, "## Polling", POLL),
            (QUERY_PAGE, "## CSV", CSV),
            (QUERY_PAGE, "### GraphQL", GRAPHQL),
            (QUERY_PAGE, "## Store", STORE),
        ];
        let of_auth = auth::grammars().map(|(heading, keys)| (RESOURCE_PAGE, heading, keys));
        for (page, heading, keys) in own.into_iter().chain(of_auth) {
            let rows: Vec<String> = keys.iter().map(row).collect();
            assert_eq!(shown(page, heading), rows, "{heading}");
        }
    }
}
