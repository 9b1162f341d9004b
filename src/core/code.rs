//! Error codes.

use std::fmt;

/// Declares [`Code`] with the text of each of its variants.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)+) => {
        /// The code of an error, as shown in `error[unknown-key]` and in JSON on standard error.
        /// The texts are an interface that scripts compare against: never change one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = concat!("`", $text, "`")] $(#[$doc])* $variant,)+
            /// `http-404`: the API returned this status.
            Http(u16),
        }

        impl Code {
            /// All codes but those of a status.
            #[cfg_attr(not(test), expect(dead_code, reason = "the pages are held to it"))]
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }

        impl serde::Serialize for Code {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl fmt::Display for Code {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => formatter.write_str($text),)+
                    Self::Http(status) => write!(formatter, "http-{status}"),
                }
            }
        }
    };
}

codes! {
    AlwaysDefined = "always-defined",
    AmbiguousName = "ambiguous-name",
    /// An answer that people write in a test.
    Answer = "answer",
    /// An answers file is invalid.
    Answers = "answers",
    /// The requests of an answer: `GET /workflow/*/job`.
    Ask = "ask",
    /// A member of a body that the API does not take.
    ApiBody = "api-body",
    /// The API deprecates an operation.
    ApiDeprecated = "api-deprecated",
    /// A word that a parameter does not take.
    ApiEnum = "api-enum",
    /// A member that no answer has.
    ApiField = "api-field",
    /// A parameter that the API does not have.
    ApiParam = "api-param",
    /// A parameter or member that the API requires.
    ApiRequired = "api-required",
    /// A declared type that no described value has.
    ApiType = "api-type",
    /// A route that the API does not have.
    ApiUnknownRoute = "api-unknown-route",
    /// A word that no answer has.
    ApiValue = "api-value",
    Assignment = "assignment",
    AuthWithoutScheme = "auth-without-scheme",
    BaseUrl = "base-url",
    Body = "body",
    BrokenConnection = "broken-connection",
    Cache = "cache",
    CannotRead = "cannot-read",
    CannotStart = "cannot-start",
    CannotWrite = "cannot-write",
    /// The name of a case.
    Case = "case",
    /// The declared type of a column contradicts its other keys.
    ColumnType = "column-type",
    Columns = "columns",
    Connect = "connect",
    ContentCoding = "content-coding",
    Csv = "csv",
    Curl = "curl",
    Cut = "cut",
    Cycle = "cycle",
    Declined = "declined",
    Decode = "decode",
    Demo = "demo",
    Dns = "dns",
    /// The API answers differently than recorded.
    Drift = "drift",
    DuplicateKey = "duplicate-key",
    DuplicateName = "duplicate-name",
    EmptyFile = "empty-file",
    Endpoint = "endpoint",
    /// A file that would be written exists.
    Exists = "exists",
    Expectation = "expectation",
    ExpressionInBraces = "expression-in-braces",
    FeedWrites = "feed-writes",
    Files = "files",
    FolderLoop = "folder-loop",
    ForEach = "for-each",
    ForeignFiles = "foreign-files",
    From = "from",
    /// Records in place of a query.
    Given = "given",
    /// A GraphQL document is invalid, or the API reported errors in its response.
    Graphql = "graphql",
    HeaderName = "header-name",
    HeaderValue = "header-value",
    Internal = "internal",
    Interrupted = "interrupted",
    InvalidName = "invalid-name",
    Jsonpath = "jsonpath",
    /// A case that starts from another one.
    Like = "like",
    Limit = "limit",
    Links = "links",
    Listing = "listing",
    LiteralSecret = "literal-secret",
    Locked = "locked",
    /// A query cannot be a tool of an assistant.
    Mcp = "mcp",
    MalformedAnswer = "malformed-answer",
    /// A metric is invalid, or a result has no valid text as metrics.
    Metric = "metric",
    /// A value is not of its column's declared type.
    Misfit = "misfit",
    MissingKey = "missing-key",
    MissingValue = "missing-value",
    MissingVar = "missing-var",
    NeedsEnvironment = "needs-environment",
    NeedsYes = "needs-yes",
    NoCredential = "no-credential",
    NoFile = "no-file",
    NoFiles = "no-files",
    NoProject = "no-project",
    /// No test case has this name.
    NoTest = "no-test",
    /// An HTTP archive cannot be used.
    Har = "har",
    /// The replay of a recording differs from the run.
    Replay = "replay",
    /// An answer that must not be recorded.
    SecretInAnswer = "secret-in-answer",
    NoQuery = "no-query",
    NoRecords = "no-records",
    NoRequest = "no-request",
    NoResource = "no-resource",
    NoStatement = "no-statement",
    NoTemplateHere = "no-template-here",
    NotAQuery = "not-a-query",
    /// A walk that cannot be divided among processes.
    NotInParts = "not-in-parts",
    NotJson = "not-json",
    Now = "now",
    OnStatus = "on-status",
    /// The description of an API cannot be used.
    OpenApi = "openapi",
    /// A recording or a snapshot without a case.
    Orphan = "orphan",
    Out = "out",
    Outside = "outside",
    Paginate = "paginate",
    Partial = "partial",
    /// A file of a part's records cannot be used.
    PartFile = "part-file",
    /// Parts are missing, doubled, foreign or incomplete.
    Parts = "parts",
    Pattern = "pattern",
    PlainHttp = "plain-http",
    /// The project has changed since a walk was planned.
    PlanChanged = "plan-changed",
    /// The plan of a divided walk cannot be used.
    PlanFile = "plan-file",
    Poll = "poll",
    PollTimeout = "poll-timeout",
    PollWrites = "poll-writes",
    Preview = "preview",
    /// The result of a previous run.
    Previous = "previous",
    ProjectFile = "project-file",
    Proxy = "proxy",
    RateLimit = "rate-limit",
    Raw = "raw",
    ReadOnly = "read-only",
    Redirect = "redirect",
    Report = "report",
    Require = "require",
    RequiredDefault = "required-default",
    ReservedName = "reserved-name",
    Retry = "retry",
    Rows = "rows",
    Runtime = "runtime",
    Settings = "settings",
    /// A share of a walk's items: `--shard`.
    Shard = "shard",
    Sql = "sql",
    State = "state",
    /// A store, or what a query says about it.
    Store = "store",
    /// A query contradicts its table.
    StoreSchema = "store-schema",
    /// A value does not fit its column.
    StoreValue = "store-value",
    Table = "table",
    TableFile = "table-file",
    Take = "take",
    Template = "template",
    TemplateFile = "template-file",
    TemplateReadsFile = "template-reads-file",
    TemplateSize = "template-size",
    TemplateSyntax = "template-syntax",
    TestFile = "test-file",
    /// `--timeout` expired.
    OutOfTime = "timeout",
    /// A request took longer than the resource's `timeout`.
    Timeout = "timeout",
    Tls = "tls",
    TooDeep = "too-deep",
    TooLarge = "too-large",
    TooManyFiles = "too-many-files",
    TooManyNodes = "too-many-nodes",
    /// An answer to a request that the query never sends.
    UnaskedAnswer = "unasked-answer",
    Unconfirmed = "unconfirmed",
    UndeclaredName = "undeclared-name",
    UnknownColumn = "unknown-column",
    UnknownEnvironment = "unknown-environment",
    UnknownFilter = "unknown-filter",
    UnknownKey = "unknown-key",
    UnknownQuery = "unknown-query",
    UnknownResource = "unknown-resource",
    UnknownTest = "unknown-test",
    UnknownVar = "unknown-var",
    Url = "url",
    UrlTooLong = "url-too-long",
    Usage = "usage",
    Var = "var",
    VarBounds = "var-bounds",
    VarType = "var-type",
    VarsFile = "vars-file",
    WriteOnly = "write-only",
    Writes = "writes",
    WrongType = "wrong-type",
    YamlKey = "yaml-key",
    YamlMerge = "yaml-merge",
    YamlSyntax = "yaml-syntax",
    YamlTag = "yaml-tag",
}
