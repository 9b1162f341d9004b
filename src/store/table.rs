//! The tables of a store, one for each query, and how they follow the queries.

use serde_json::{Value, json};

use crate::core::column::ColumnType;
use crate::store::cell::Cell;
use crate::store::connection::{Connection, quoted};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::names::{HISTORY, check_column, check_name};
use crate::store::times;

/// The largest integer up to which a column of numbers holds every one.
const MOST_EXACT: i64 = 1 << 53;

/// The definition of a table by its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDefinition {
    /// The name in SQL.
    pub name: String,
    /// The query's name.
    pub query: String,
    /// The columns, with their types as far as they are known.
    pub columns: Vec<(String, Option<ColumnType>)>,
    /// The columns that identify a row.
    pub key: Vec<String>,
    /// The column with the time of a row.
    pub at: Option<String>,
    /// True to keep former versions of rows.
    pub history: bool,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredColumn {
    /// The name.
    pub name: String,
    /// The type; `None` until the first value that is not null, which decides it.
    pub kind: Option<ColumnType>,
    /// True if the type was taken from the values.
    pub is_inferred: bool,
}

/// A table as it is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTable {
    /// The name in SQL.
    pub name: String,
    /// The query's name.
    pub query: String,
    /// The columns, in the order in which they were added.
    pub columns: Vec<StoredColumn>,
    /// The columns that identify a row.
    pub key: Vec<String>,
    /// The column with the time of a row.
    pub at: Option<String>,
    /// True if former versions of rows are kept.
    pub history: bool,
}

/// Returns the name in SQL of a query's table.
pub fn table_name(query: &str) -> String {
    let letters = query.chars();
    letters
        .map(|letter| {
            if letter.is_alphanumeric() {
                letter
            } else {
                '_'
            }
        })
        .collect()
}

impl StoredTable {
    /// Returns the index of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Returns the columns that exist in the database: those with a type.
    pub fn existing(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        let columns = self.columns.iter();
        columns.filter_map(|column| Some((column.name.as_str(), column.kind?)))
    }

    /// Returns the name of the table with former versions.
    pub fn history_name(&self) -> String {
        format!("{}{HISTORY}", self.name)
    }

    fn to_cells(&self) -> [Cell; 6] {
        let columns = self.columns.iter().map(|column| {
            json!([
                column.name,
                column.kind.map(ColumnType::name),
                column.is_inferred
            ])
        });
        [
            Cell::from(self.name.as_str()),
            Cell::from(self.query.as_str()),
            Cell::Text(Value::Array(columns.collect()).to_string()),
            Cell::Text(json!(self.key).to_string()),
            Cell::from(self.at.clone()),
            Cell::from(self.history),
        ]
    }

    fn from_cells(cells: &[Cell]) -> Option<Self> {
        let [name, query, columns, key, at, history] = cells else {
            return None;
        };
        let columns: Vec<(String, Option<String>, bool)> =
            serde_json::from_str(columns.as_text()?).ok()?;
        let columns = columns
            .into_iter()
            .map(|(name, kind, is_inferred)| StoredColumn {
                name,
                kind: kind.as_deref().and_then(ColumnType::named),
                is_inferred,
            });
        Some(Self {
            name: name.as_text()?.to_owned(),
            query: query.as_text()?.to_owned(),
            columns: columns.collect(),
            key: serde_json::from_str(key.as_text()?).ok()?,
            at: at.as_text().map(str::to_owned),
            history: history.is_true(),
        })
    }

    /// Saves what the store knows about the table.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn save(&self, db: &mut dyn Connection) -> Result<(), StoreError> {
        db.execute(
            "INSERT INTO runner_tables (name, query, columns, key, at, history) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO UPDATE SET \
             query = excluded.query, columns = excluded.columns, key = excluded.key, \
             at = excluded.at, history = excluded.history",
            &self.to_cells(),
        )?;
        Ok(())
    }

    /// Gives a column its type, and adds it to the database.
    ///
    /// # Errors
    ///
    /// If another column differs from it in case only, or any error of the database.
    pub fn add(
        &mut self,
        name: &str,
        kind: ColumnType,
        is_inferred: bool,
        db: &mut dyn Connection,
    ) -> Result<(), StoreError> {
        self.check_column(name)?;
        let sql_type = type_name(db, kind);
        db.run(&format!(
            "ALTER TABLE {} ADD COLUMN {} {sql_type}",
            quoted(&self.name),
            quoted(name)
        ))?;
        if self.history {
            db.run(&format!(
                "ALTER TABLE {} ADD COLUMN {} {sql_type}",
                quoted(&self.history_name()),
                quoted(name)
            ))?;
        }
        match self.columns.iter_mut().find(|column| column.name == name) {
            Some(column) => {
                column.kind = Some(kind);
                column.is_inferred = is_inferred;
            }
            None => self.columns.push(StoredColumn {
                name: name.to_owned(),
                kind: Some(kind),
                is_inferred,
            }),
        }
        self.save(db)
    }

    /// Refuses a column that the table cannot have.
    fn check_column(&self, name: &str) -> Result<(), StoreError> {
        let columns = self.columns.iter().map(|column| column.name.as_str());
        check_column(&self.name, columns, name)
    }

    /// Lets a column of integers hold all numbers.
    ///
    /// # Errors
    ///
    /// If a value would change, or any error of the database.
    pub fn widen(&mut self, index: usize, db: &mut dyn Connection) -> Result<(), StoreError> {
        let name = self.columns[index].name.clone();
        self.check_widened(&name, db)?;
        self.columns[index].kind = Some(ColumnType::Number);
        db.widen(&self.name, &name)?;
        if self.history {
            db.widen(&self.history_name(), &name)?;
        }
        self.save(db)
    }

    /// Checks that a column of integers has none, now or before, that a number does not hold.
    fn check_widened(&self, column: &str, db: &mut dyn Connection) -> Result<(), StoreError> {
        for name in self.names() {
            let statement = format!(
                "SELECT _key, {0} FROM {1} WHERE {0} > {MOST_EXACT} OR {0} < -{MOST_EXACT} LIMIT 1",
                quoted(column),
                quoted(&name)
            );
            let Some(row) = db.first(&statement, &[])? else {
                continue;
            };
            let words = format!(
                "`{column}` of the table `{}` is `int` and would become `number`, which cannot hold \
                 {} of the row `{}`",
                self.name,
                row[1].to_json(ColumnType::Int),
                row[0].as_text().unwrap_or_default()
            );
            let help = format!(
                "make the column `json` in the query, and drop its values with \
                 `runner store forget {} --column {column}`",
                self.name
            );
            return Err(StoreError::new(StoreErrorKind::Misfit, words).help(help));
        }
        Ok(())
    }

    /// Returns the names in SQL of the table, and of the one with former versions if there is one.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let history = self.history.then(|| self.history_name());
        std::iter::once(self.name.clone()).chain(history)
    }

    /// Creates the table with former versions of rows.
    fn create_history(&self, db: &mut dyn Connection) -> Result<(), StoreError> {
        let types = db.types();
        let mut columns = vec![
            format!("_key {} NOT NULL", types.text),
            format!("_from {} NOT NULL", types.time),
            format!("_to {} NOT NULL", types.time),
        ];
        for (name, kind) in self.existing() {
            columns.push(format!("{} {}", quoted(name), type_name(db, kind)));
        }
        columns.extend(["_at", "_done", "_first_seen"].map(|name| {
            let kind = match name {
                "_at" => types.int,
                "_done" => types.bool,
                _ => types.time,
            };
            format!("{name} {kind}")
        }));
        let name = self.history_name();
        refuse_taken(&name, db)?;
        db.run(&format!(
            "CREATE TABLE {} ({})",
            quoted(&name),
            columns.join(", ")
        ))?;
        db.run(&format!(
            "CREATE INDEX {} ON {} (_key)",
            quoted(&format!("{name}.key")),
            quoted(&name)
        ))
    }

    fn create(&self, db: &mut dyn Connection) -> Result<(), StoreError> {
        let types = db.types();
        let mut columns = vec![format!("_key {} NOT NULL PRIMARY KEY", types.text)];
        for (name, kind) in self.existing() {
            columns.push(format!("{} {}", quoted(name), type_name(db, kind)));
        }
        columns.extend([
            format!("_partition {} NOT NULL", types.int),
            format!("_item {}", types.text),
            format!("_at {}", types.int),
            format!("_done {} NOT NULL", types.bool),
            format!("_sync {} NOT NULL", types.int),
            format!("_first_seen {} NOT NULL", types.time),
            format!("_changed_at {} NOT NULL", types.time),
            format!("_gone_at {}", types.time),
        ]);
        refuse_taken(&self.name, db)?;
        let table = quoted(&self.name);
        db.run(&format!("CREATE TABLE {table} ({})", columns.join(", ")))?;
        // No table has such a name.
        let index = |ending: &str| quoted(&format!("{}.{ending}", self.name));
        db.run(&format!(
            "CREATE INDEX {} ON {table} (_partition, _item); \
             CREATE INDEX {} ON {table} (_partition, _sync); \
             CREATE INDEX {} ON {table} (_at); \
             CREATE INDEX {} ON {table} (_partition, _at) WHERE NOT _done",
            index("item"),
            index("sync"),
            index("at"),
            index("open"),
        ))?;
        if self.history {
            self.create_history(db)?;
        }
        self.save(db)
    }
}

/// Refuses a name that another program uses in the database.
fn refuse_taken(name: &str, db: &mut dyn Connection) -> Result<(), StoreError> {
    if !db.is_taken(name)? {
        return Ok(());
    }
    let words = format!("the database has a table `{name}` that the store has not created");
    let help = "rename the query, or use a database of its own for the store";
    Err(StoreError::new(StoreErrorKind::Schema, words).help(help))
}

/// Returns all tables of the store, by name.
///
/// # Errors
///
/// Any error of the database.
pub fn all(db: &mut dyn Connection) -> Result<Vec<StoredTable>, StoreError> {
    let rows = db.all(
        "SELECT name, query, columns, key, at, history FROM runner_tables ORDER BY name",
        &[],
    )?;
    let tables = rows.iter().map(|row| {
        StoredTable::from_cells(row).ok_or_else(|| {
            let words = "the store's list of tables is damaged";
            StoreError::new(StoreErrorKind::Database, words)
        })
    });
    tables.collect()
}

/// Returns a table as its query defines it now: created, or with new columns.
///
/// # Errors
///
/// If the definition contradicts the table, or any error of the database.
pub fn follow(
    definition: &TableDefinition,
    db: &mut dyn Connection,
) -> Result<StoredTable, StoreError> {
    check_name(&definition.name)?;
    let known = all(db)?;
    let clashing = known.iter().find(|table| {
        table.name.to_lowercase() == definition.name.to_lowercase()
            && table.query != definition.query
    });
    if let Some(other) = clashing {
        let words = format!(
            "the table `{}` belongs to the query `{}`, not to `{}`",
            other.name, other.query, definition.query
        );
        let help = format!(
            "rename one of them, or remove the table with `runner store forget {}`",
            other.name
        );
        return Err(StoreError::new(StoreErrorKind::Schema, words).help(help));
    }
    let found = known
        .into_iter()
        .find(|table| table.name == definition.name);
    if let Some(table) = found {
        return evolve(table, definition, db);
    }
    let mut table = StoredTable {
        name: definition.name.clone(),
        query: definition.query.clone(),
        columns: Vec::new(),
        key: definition.key.clone(),
        at: definition.at.clone(),
        history: definition.history,
    };
    for (name, kind) in &definition.columns {
        table.check_column(name)?;
        table.columns.push(StoredColumn {
            name: name.clone(),
            kind: *kind,
            is_inferred: false,
        });
    }
    table.create(db)?;
    Ok(table)
}

fn evolve(
    mut table: StoredTable,
    definition: &TableDefinition,
    db: &mut dyn Connection,
) -> Result<StoredTable, StoreError> {
    let name = table.name.clone();
    let anew = format!("remove it with `runner store forget {name}`, and sync again");
    if table.key != definition.key {
        let words = format!(
            "the key of the table `{name}` is {}, and the query says {}",
            listed(&table.key),
            listed(&definition.key)
        );
        return Err(StoreError::new(StoreErrorKind::Schema, words).help(anew));
    }
    for (column, kind) in &definition.columns {
        let position = table.position(column);
        match (position.map(|index| table.columns[index].kind), kind) {
            (None, None) => {
                table.check_column(column)?;
                table.columns.push(StoredColumn {
                    name: column.clone(),
                    kind: None,
                    is_inferred: false,
                });
            }
            (None | Some(None), Some(kind)) => table.add(column, *kind, false, db)?,
            (Some(Some(ColumnType::Int)), Some(ColumnType::Number)) => {
                table.widen(position.unwrap_or_default(), db)?;
            }
            (Some(Some(stored)), Some(kind)) if stored != *kind => {
                let words = format!(
                    "the column `{column}` of the table `{name}` is `{stored}`, and the query says `{kind}`"
                );
                let help = format!(
                    "give the column another name, or drop its values with \
                     `runner store forget {name} --column {column}`: the next syncs fill it again in the rows \
                     that they request"
                );
                return Err(StoreError::new(StoreErrorKind::Schema, words).help(help));
            }
            (Some(_), None) | (Some(Some(_)), Some(_)) => {}
        }
    }
    if definition.history && !table.history {
        table.create_history(db)?;
    }
    // Former versions that exist are kept even if no more are added.
    table.history |= definition.history;
    if table.at != definition.at {
        table.at.clone_from(&definition.at);
        let at = table.at.as_deref();
        let column = table.existing().find(|(name, _)| Some(*name) == at);
        times::read_again(table.names(), column, db)?;
    }
    table.save(db)?;
    Ok(table)
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Returns the type of a column in the database's words.
pub fn type_name(db: &dyn Connection, kind: ColumnType) -> &'static str {
    let types = db.types();
    match kind {
        ColumnType::Text => types.text,
        ColumnType::Int => types.int,
        ColumnType::Number => types.number,
        ColumnType::Bool => types.bool,
        ColumnType::Time => types.time,
        ColumnType::Json => types.json,
    }
}
