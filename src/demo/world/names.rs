//! People, branches and commit messages of a fictitious organization.

/// Logins and names; the first is the owner of the token.
pub const PEOPLE: [(&str, &str); 7] = [
    ("mika", "Mika Lindqvist"),
    ("noor", "Noor El-Amin"),
    ("tomasz", "Tomasz Wróbel"),
    ("yuki", "Yuki Tanabe"),
    ("sofia", "Sofia Castellanos"),
    ("renovate[bot]", "renovate[bot]"),
    ("circleci-scheduler", "Scheduled pipelines"),
];

/// The index of the owner of the token.
pub const ME: usize = 0;
/// The index of the bot that updates dependencies.
pub const BOT: usize = 5;
/// The index of the actor of scheduled pipelines.
pub const SCHEDULER: usize = 6;

/// Branches other than `main`.
pub const BRANCHES: [&str; 14] = [
    "feature/checkout-redesign",
    "fix/login-redirect-loop",
    "feature/ACME-1234-dark-mode",
    "renovate/typescript-5.x",
    "refactor/api-client",
    "feature/search/facets",
    "fix/cart-rounding",
    "perf/lazy-images",
    "renovate/all-minor-patch",
    "docs/readme-badges",
    "fix/ünicode-slugs",
    "feature/saved-filters",
    "chore/bump-node-24",
    "hotfix/session-timeout",
];

/// First lines of commit messages.
pub const SUBJECTS: [&str; 20] = [
    "Keep the cart when the session ends",
    "Show prices with two decimals everywhere",
    "Retry the payment webhook on 5xx",
    "Move search facets into their own panel",
    "Stop the redirect loop after login",
    "Load images below the fold late",
    "Cache the product list for a minute",
    "Remove the old checkout flag",
    "Test: wait for the toast, not for a second",
    "Round half to even in the tax table",
    "Add dark mode to the settings page",
    "Log the request id with every error",
    "Split the API client by resource",
    "Name the migration after what it does",
    "Speed up the integration tests' set-up",
    "Refuse empty slugs with a message",
    "Tell the user which coupon has expired",
    "Fix \"undefined\" in the order mail's subject",
    "Keep the scroll position between pages",
    "Document how to run the tests",
];

/// Commit messages of the bot.
pub const BOT_SUBJECTS: [&str; 4] = [
    "chore(deps): update dependency vite to v7.1.2",
    "chore(deps): update all non-major dependencies",
    "fix(deps): update rust crate tokio to 1.54",
    "chore(deps): lock file maintenance",
];

/// Names that break careless programs.
pub const HOSTILE: [&str; 9] = [
    "<script>alert(\"1\")</script>",
    "a|b`c`*d*_e_~f~",
    "emoji/🚀-start-🧑🏽‍💻",
    "תיקון/\u{202e}fdp.exe",
    "red\u{1b}[31m-and-\u{1b}]0;title\u{7}",
    "=HYPERLINK(\"http://example.invalid\",\"x\")",
    "new\nline\ttab\r",
    "feature/a b&c#1+é%41?x=1",
    "'; DROP TABLE rows; --",
];

/// Files with tests, with their classes.
pub const SUITES: [(&str, &str); 8] = [
    ("src/cart/cart.test.ts", "cart.Cart"),
    ("src/cart/tax.test.ts", "cart.Tax"),
    ("src/checkout/payment.test.ts", "checkout.Payment"),
    ("src/checkout/coupon.test.ts", "checkout.Coupon"),
    ("src/search/facets.test.ts", "search.Facets"),
    ("src/session/login.test.ts", "session.Login"),
    ("src/session/timeout.test.ts", "session.Timeout"),
    ("src/mail/order.test.ts", "mail.Order"),
];

/// Names of tests.
pub const TESTS: [&str; 12] = [
    "accepts the usual case",
    "refuses an empty value",
    "keeps its state after a reload",
    "handles two requests at once",
    "rounds half to even",
    "survives a slow network",
    "shows a message on failure",
    "works without cookies",
    "reads dates in every time zone",
    "is idempotent",
    "sorts ties by name",
    "handles \"quotes\" & <markup>",
];
