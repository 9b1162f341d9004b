//! Names of credentials.
//!
//! A name is split into words: `PAGERDUTY_API_KEY`, `pagerduty-api-key`, `pagerdutyApiKeys` and
//! `PAGERDUTY_API_KEY_2` have the same three. So `TOKENIZERS_PARALLELISM` is no token and
//! `PAGERDUTY_TOKEN` no page.

/// Words that make a name secret in any position, also as the end of a longer word (`PGPASSWORD`,
/// `GITHUBTOKEN`).
const ANYWHERE: [&str; 18] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "credential",
    "cred",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "authkey",
    "webhook",
    "authorization",
    "bearer",
    "jwt",
    "signature",
];

/// Words that make a name secret in the last position.
const LAST: [&str; 11] = [
    "pass",
    "passw",
    "sshpass",
    "pwd",
    "pat",
    "auth",
    "oauth",
    "dsn",
    "bot",
    "cookie",
    "sessionid",
];

/// Words that, before a final `key`, make a name not secret.
const OPEN_KEYS: [&str; 8] = [
    "public",
    "primary",
    "foreign",
    "sort",
    "order",
    "cache",
    "group",
    "partition",
];

/// Adjacent words that make a name secret in any position.
const PAIRS: [[&str; 2]; 12] = [
    ["api", "key"],
    ["access", "key"],
    ["private", "key"],
    ["signing", "key"],
    ["encryption", "key"],
    ["routing", "key"],
    ["service", "key"],
    ["auth", "config"],
    ["basic", "auth"],
    ["connection", "string"],
    ["conn", "str"],
    ["session", "id"],
];

/// Services whose address usually contains a password, before `url` or `uri`.
const SERVICES: [&str; 20] = [
    "amqp",
    "broker",
    "cassandra",
    "clickhouse",
    "database",
    "db",
    "elasticsearch",
    "jdbc",
    "kafka",
    "mariadb",
    "mongo",
    "mongodb",
    "mysql",
    "nats",
    "pg",
    "postgres",
    "postgresql",
    "rabbitmq",
    "redis",
    "smtp",
];

/// Words before `token` or `key` that make a name a position in a listing.
const CURSORS: [&str; 9] = [
    "page",
    "next",
    "cursor",
    "continuation",
    "starting",
    "start",
    "previous",
    "prev",
    "resume",
];

/// First words of names that count secrets: `MAX_TOKENS`.
const COUNTS: [&str; 3] = ["max", "min", "num"];

/// Last words of names that describe a secret without containing it.
const ABOUT: [&str; 10] = [
    "id", "name", "type", "version", "count", "limit", "scope", "format", "expiry", "ttl",
];

/// Returns true if an environment variable or a header field of this name usually holds a
/// credential.
pub fn is_secret_name(name: &str) -> bool {
    is_secret(&words(name))
}

/// As [`is_secret_name`], for names chosen by an API or by a query: URL parameters, vars, keys.
/// There, a `page_token` is a position in a listing, and a `webhook_id` or `token_type` is not
/// secret.
pub fn is_secret_param(name: &str) -> bool {
    let words = words(name);
    let is_cursor = matches!(words.as_slice(), [.., before, last]
        if is_one_of(&["token", "key"], last) && is_one_of(&CURSORS, before));
    let is_about = words.last().is_some_and(|last| is_one_of(&ABOUT, last));
    !is_cursor && !is_about && is_secret(&words)
}

fn is_secret(words: &[String]) -> bool {
    let (Some(first), Some(last)) = (words.first(), words.last()) else {
        return false;
    };
    if is_one_of(&COUNTS, first) {
        return false;
    }
    let is_key = matches!(words, [.., before, last]
        if is("key", last) && !is_one_of(&OPEN_KEYS, before));
    is_key
        || is_one_of(&LAST, last)
        || words.iter().any(|word| {
            let one = word.strip_suffix('s').unwrap_or(word);
            let ends = |end: &&str| word.ends_with(end) || one.ends_with(end);
            ANYWHERE.iter().any(ends)
        })
        || words.windows(2).any(|pair| {
            let [first, second] = [&pair[0], &pair[1]];
            PAIRS
                .iter()
                .any(|[one, two]| is(one, first) && is(two, second))
                || (is_one_of(&["url", "uri"], second) && is_one_of(&SERVICES, first))
        })
}

fn is_one_of(known: &[&str], word: &str) -> bool {
    known.iter().any(|known| is(known, word))
}

/// Returns true if a word is the known one, in the singular or plural.
fn is(known: &str, word: &str) -> bool {
    word == known || word.strip_suffix('s') == Some(known)
}

/// Splits a name into lower-case words, without numbers.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let characters: Vec<char> = name.chars().collect();
    for (at, character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| characters[before]);
        let after = characters.get(at + 1);
        // `apiKey`, and the last capital of `HTTPToken`.
        let is_hump = character.is_uppercase()
            && (before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit())
                || before.is_some_and(char::is_uppercase)
                    && after.is_some_and(|after| after.is_lowercase() && *after != 's'));
        if is_hump || !character.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && character.is_alphanumeric()
        {
            word.extend(character.to_lowercase());
        }
    }
    words
        .iter()
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_by_whole_words() {
        for name in [
            "CIRCLE_TOKEN",
            "PAGERDUTY_TOKEN",
            "PAGERDUTY_API_KEY",
            "PAGERDUTY_ROUTING_KEY",
            "NEXTCLOUD_PASSWORD",
            "NEXTAUTH_SECRET",
            "NEXT_PUBLIC_TOKEN",
            "CURSOR_API_KEY",
            "STATUSPAGE_API_KEY",
            "STATUSPAGE_TOKEN",
            "GH_PAGES_TOKEN",
            "HOMEPAGE_TOKEN",
            "FACEBOOK_PAGE_TOKEN",
            "PAGE_ACCESS_TOKEN",
            "OPENPAGE_SECRET",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ACCESS_KEY_ID",
            "DATABASE_URL",
            "REDIS_URL",
            "MONGODB_URI",
            "API_KEYS",
            "API_KEY_2",
            "SESSION_ID",
            "HTTP_COOKIE",
            "DOCKER_AUTH_CONFIG",
            "CONNECTION_STRING",
            "SENTRY_DSN",
            "PGPASSWORD",
            "MYSQL_PWD",
            "GITHUBTOKEN",
            "SLACK_WEBHOOK_URL",
            "SLACK_BOT",
            "GITHUB_PAT",
            "NPM_CONFIG__AUTH",
            "TOKEN2",
            "TOKENS",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "X-Api-Key",
            "apiKey",
            "apiKeys",
            "accessToken",
            "HTTPToken",
            "OAuthToken",
            "client_secret",
            "Authorization",
            "Cookie",
            "Set-Cookie",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "HOME",
            "PATH",
            "TOKENIZERS_PARALLELISM",
            "MAX_TOKENS",
            "SECRETARY",
            "COMPASS",
            "BYPASS",
            "KEYBOARD",
            "MONKEY",
            "KEY",
            "PUBLIC_KEY",
            "sort_key",
            "primaryKey",
            "AUTHOR",
            "AUTHOR_EMAIL",
            "COOKIE_DOMAIN",
            "CI_JOB_URL",
            "BASE_URL",
            "ROBOT",
            "PATTERN",
            "",
            "_",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn a_position_in_a_listing_is_no_secret_of_a_request() {
        for name in [
            "page-token",
            "page_token",
            "next_page_token",
            "nextPageToken",
            "NextToken",
            "continuation-token",
            "startKey",
            "max_tokens",
            "webhook_id",
            "token_type",
            "access_key_id",
            "session_id",
        ] {
            assert!(!is_secret_param(name), "{name}");
        }
        for name in [
            "token",
            "access_token",
            "page_access_token",
            "api-key",
            "apikey",
            "routing_key",
            "password",
            "sig_token",
        ] {
            assert!(is_secret_param(name), "{name}");
        }
        assert!(is_secret_name("PAGE_TOKEN"));
    }
}
