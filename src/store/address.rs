//! The address of a store: a file, or a PostgreSQL database.

use std::fmt;
use std::path::{Path, PathBuf};

use postgres::Config;
use postgres::config::{Host, SslMode};

use crate::core::secret::Secret;
use crate::http::TrustedRoots;
use crate::store::connection::Connection;
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::format;
use crate::store::handle::{OpenStore, Store};
use crate::store::postgres::{Postgres, ServerName};
use crate::store::sqlite::{Opening, Sqlite};

/// The address of a store. Its [`Display`](fmt::Display) has no password.
#[derive(Debug, Clone)]
pub enum StoreAddress {
    /// A file with an SQLite database.
    File(PathBuf),
    /// A PostgreSQL database.
    Server(Box<ServerAddress>),
}

/// The use of a database on a server, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A store.
    Store,
    /// A budget that several processes share.
    Budget,
}

impl Purpose {
    /// Returns the noun.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Budget => "shared budget",
        }
    }

    /// Returns the places of a password.
    pub fn password_help(self) -> &'static str {
        match self {
            Self::Store => {
                "set `PGPASSWORD`, or `password` or `command` under `store` in `runner.yaml`"
            }
            Self::Budget => {
                "set `PGPASSWORD`, or write it into the address: \
                `postgres://user:{{ env.BUDGET_PASSWORD }}@host/database`"
            }
        }
    }
}

/// The address of a PostgreSQL database.
#[derive(Clone)]
pub struct ServerAddress {
    config: Config,
    purpose: Purpose,
    shown: String,
    /// The file of `sslrootcert`.
    root_file: Option<PathBuf>,
}

impl fmt::Debug for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("ServerAddress")
            .field(&self.shown)
            .finish()
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Server(server) => formatter.write_str(&server.shown),
        }
    }
}

impl StoreAddress {
    /// Reads an address: a URL `postgres://…`, or a path below a folder.
    ///
    /// # Errors
    ///
    /// If the URL cannot be used.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, StoreError> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            Some("postgres" | "postgresql") => {
                let server = ServerAddress::parse(text, Purpose::Store)?;
                Ok(Self::Server(Box::new(server)))
            }
            Some(other) => {
                let words = format!("a store is a file or `postgres://…`, not `{other}://…`");
                Err(StoreError::new(StoreErrorKind::Usage, words))
            }
            None if text.is_empty() => {
                let words = "the address of the store is empty";
                Err(StoreError::new(StoreErrorKind::Usage, words))
            }
            None => Ok(Self::File(folder.join(text))),
        }
    }

    /// Returns the file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }

    /// Returns the database, if it is on a server.
    pub fn server(&self) -> Option<&ServerAddress> {
        match self {
            Self::File(_) => None,
            Self::Server(server) => Some(server),
        }
    }

    /// Returns the database, if it is on a server.
    pub fn server_mut(&mut self) -> Option<&mut ServerAddress> {
        match self {
            Self::File(_) => None,
            Self::Server(server) => Some(server),
        }
    }

    /// Opens the store. `roots` are the trusted certificates of a server that TLS is used with.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or was written by a later version.
    pub fn open(&self, opening: Opening, roots: Option<TrustedRoots>) -> Result<Store, StoreError> {
        let mut db: Box<dyn Connection> = match self {
            Self::File(path) => Box::new(Sqlite::open(path, opening)?),
            Self::Server(server) => server.connect(roots)?,
        };
        match opening {
            Opening::Create => format::prepare(&mut *db)?,
            Opening::Existing => format::check(&mut *db)?,
        }
        Ok(Store { db })
    }
}

/// All that is needed to open a store.
#[derive(Debug, Clone)]
pub struct StoreAccess {
    /// The address.
    pub address: StoreAddress,
    /// The trusted certificates of a server that TLS is used with.
    pub roots: Option<TrustedRoots>,
}

impl OpenStore for StoreAccess {
    fn open(&self) -> Result<Store, StoreError> {
        if let Some(path) = self.file().filter(|path| !path.exists()) {
            let words = format!("there is no store `{}`", path.display());
            return Err(
                StoreError::new(StoreErrorKind::Usage, words).help("fill it with `runner sync`")
            );
        }
        self.address.open(Opening::Existing, self.roots.clone())
    }

    fn file(&self) -> Option<&Path> {
        self.address.file()
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl ServerAddress {
    /// Reads a URL `postgres://…`.
    ///
    /// # Errors
    ///
    /// If it cannot be used.
    pub fn parse(text: &str, purpose: Purpose) -> Result<Self, StoreError> {
        let fault = |why: &str| {
            let noun = purpose.noun();
            let words = format!("the address of the {noun} is not a PostgreSQL URL: {why}");
            StoreError::new(StoreErrorKind::Usage, words)
                .help("for example `postgres://user@db.example.com/ci`")
        };
        let mut url = url::Url::parse(text).map_err(|error| fault(&error.to_string()))?;
        let mut shown = url.clone();
        if url.password().is_some() && shown.set_password(None).is_err() {
            return Err(fault("it has a password and no host"));
        }
        let mut root_file = None;
        let mut mode = None;
        let mut pairs = Vec::new();
        for (name, value) in url.query_pairs() {
            match &*name {
                "sslrootcert" => root_file = Some(PathBuf::from(&*value)),
                "sslmode" => mode = Some(value.into_owned()),
                "password" => {
                    return Err(fault(
                        "a password belongs before the host, or in `PGPASSWORD`",
                    ));
                }
                _ => pairs.push((name.into_owned(), value.into_owned())),
            }
        }
        if pairs.is_empty() {
            url.set_query(None);
        } else {
            url.query_pairs_mut().clear().extend_pairs(pairs);
        }
        let mut config: Config = url.as_str().parse().map_err(|error: postgres::Error| {
            // Its own text names options and never values.
            fault(
                &std::error::Error::source(&error)
                    .map_or_else(|| error.to_string(), ToString::to_string),
            )
        })?;
        config.ssl_mode(match mode.as_deref() {
            None if is_local(&config) => SslMode::Disable,
            // Every certificate is verified: a connection that would fall back to plain text on
            // an attacker's word is no better than none.
            None | Some("require" | "verify-ca" | "verify-full" | "prefer") => SslMode::Require,
            Some("disable") => SslMode::Disable,
            Some(other) => {
                return Err(fault(&format!(
                    "`sslmode` is `disable` or `verify-full`, not `{other}`"
                )));
            }
        });
        config.application_name("runner");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(std::time::Duration::from_secs(10));
        }
        if config.get_user().is_none() {
            return Err(fault("it names no user"));
        }
        Ok(Self {
            config,
            purpose,
            shown: shown.to_string(),
            root_file,
        })
    }

    /// Connects. With roots, TLS is used.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached or refuses the credentials.
    pub fn connect(&self, roots: Option<TrustedRoots>) -> Result<Box<dyn Connection>, StoreError> {
        let server = ServerName {
            noun: self.purpose.noun(),
            shown: self.shown.clone(),
            password_help: self.purpose.password_help(),
            repeats: self.purpose == Purpose::Budget,
        };
        Ok(Box::new(Postgres::connect(&self.config, roots, server)?))
    }

    /// Notices a lost connection within this time, and connects within it.
    pub fn set_patience(&mut self, patience: std::time::Duration) {
        self.config
            .connect_timeout(patience)
            .tcp_user_timeout(patience)
            .keepalives_idle(patience)
            .keepalives_interval(patience);
    }

    /// Returns true if TLS is used.
    pub fn uses_tls(&self) -> bool {
        self.config.get_ssl_mode() == SslMode::Require
    }

    /// Returns the file of trusted certificates, if the address names one.
    pub fn root_file(&self) -> Option<&Path> {
        self.root_file.as_deref()
    }

    /// Returns the password in the address.
    pub fn password(&self) -> Option<Secret> {
        let password = self.config.get_password()?;
        Some(Secret::new(String::from_utf8_lossy(password).into_owned()))
    }

    /// Sets the password.
    pub fn set_password(&mut self, password: &Secret) {
        self.config.password(password.expose());
    }
}

/// Returns true if all hosts are this machine.
fn is_local(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            let address: Result<std::net::IpAddr, _> = name.parse();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> StoreAddress {
        StoreAddress::parse(text, Path::new("/project")).unwrap_or_else(|error| panic!("{error:?}"))
    }

    #[test]
    fn no_password_is_shown() {
        let address = parsed("postgres://ci:canary@db.example.com/ci?sslmode=verify-full");
        assert!(!format!("{address} {address:?}").contains("canary"));
        let server = address.server().expect("a server");
        assert!(server.uses_tls());
        assert_eq!(server.password(), Some(Secret::new("canary")));
    }

    #[test]
    fn only_this_machine_is_reached_without_tls() {
        let uses_tls = |text| parsed(text).server().expect("a server").uses_tls();
        assert!(uses_tls("postgres://ci@db.example.com/ci"));
        assert!(uses_tls("postgres://ci@db.example.com/ci?sslmode=prefer"));
        assert!(!uses_tls("postgres://ci@127.0.0.1:5433/ci"));
        assert!(!uses_tls("postgres://ci@localhost/ci"));
        assert!(!uses_tls("postgres://ci@%2Fvar%2Frun%2Fpostgresql/ci"));
        assert!(!uses_tls("postgres://ci@db.example.com/ci?sslmode=disable"));
    }

    #[test]
    fn other_addresses_are_refused() {
        for text in [
            "mysql://h/d",
            "",
            "postgres://h/d",
            "postgres://ci@h/d?sslmode=allow",
            "postgres://ci@h/d?password=canary",
        ] {
            let error = StoreAddress::parse(text, Path::new("/")).expect_err(text);
            assert_eq!(error.kind, StoreErrorKind::Usage, "{text}");
            assert!(!error.message.contains("canary"));
        }
    }

    #[test]
    fn a_path_is_relative_to_the_project() {
        let address = parsed(".runner/store.db");
        assert_eq!(address.file(), Some(Path::new("/project/.runner/store.db")));
    }
}
