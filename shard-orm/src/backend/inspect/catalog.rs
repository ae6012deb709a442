//! The rows of a catalog that describe tables, in one form for all databases.
//!
//! Filled by `exec`, and made into tables by `schema`.

use super::{About, column, types};
use crate::backend::{Collation, ColumnType, DataType, Field as _, Row, SqlFragment};
use crate::dialect::Dialect;
use crate::error::Result;

/// The description of one table, or of all tables of a namespace.
#[derive(Debug)]
pub(crate) struct Catalog {
    dialect: Dialect,
    pub(crate) columns: Vec<ColumnRow>,
    pub(crate) indexes: Vec<IndexRow>,
    pub(crate) foreign_keys: Vec<ForeignKeyRow>,
    /// Table, name and condition.
    pub(crate) checks: Vec<(String, Option<String>, SqlFragment)>,
}

/// A column of a table.
#[derive(Debug)]
pub(crate) struct ColumnRow {
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) nullable: bool,
    pub(crate) collation: Collation,
    pub(crate) default: Option<SqlFragment>,
    pub(crate) identity: bool,
    pub(crate) generated: Option<(SqlFragment, bool)>,
}

/// A part of an index.
#[derive(Debug)]
pub(crate) struct IndexRow {
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) primary: bool,
    pub(crate) unique: bool,
    pub(crate) part: PartRow,
    pub(crate) condition: Option<SqlFragment>,
    /// What columns, expressions and the condition do not say.
    pub(crate) definition: Option<SqlFragment>,
}

/// What a part of an index is.
#[derive(Debug)]
pub(crate) enum PartRow {
    /// A column of this name, and whether it descends.
    Column(String, bool),
    /// The beginning of a column.
    Prefix(String, u32),
    Expression(SqlFragment),
}

/// A column of a foreign key.
#[derive(Debug)]
pub(crate) struct ForeignKeyRow {
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) schema: Option<String>,
    pub(crate) other: String,
    pub(crate) column: String,
    pub(crate) referenced: Option<String>,
    /// The rules in the words of the database; PostgreSQL has letters for them.
    pub(crate) on_delete: String,
    pub(crate) on_update: String,
}

impl Catalog {
    /// The questions whose answers a catalog is made of.
    pub(crate) const QUESTIONS: [About; 4] = [
        About::Columns,
        About::Indexes,
        About::OwnForeignKeys,
        About::Checks,
    ];

    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            columns: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// Drops the answers to a question that is sent again.
    pub(crate) fn forget(&mut self, about: About) {
        match about {
            // On SQLite the checks come with the columns.
            About::Columns => {
                self.columns.clear();
                self.checks.clear();
            }
            About::Keys | About::Indexes => self.indexes.clear(),
            About::ForeignKeys | About::OwnForeignKeys => self.foreign_keys.clear(),
            About::Checks if self.dialect == Dialect::Sqlite => {}
            About::Checks => self.checks.clear(),
        }
    }

    fn sql(&self, text: String) -> SqlFragment {
        SqlFragment {
            dialect: self.dialect,
            text,
        }
    }

    /// Takes a row of the answer to a question.
    pub(crate) fn add(&mut self, about: About, row: &Row<'_>) -> Result<()> {
        match about {
            About::Columns => self.add_column(row),
            About::Keys | About::Indexes => self.add_index(row),
            About::ForeignKeys | About::OwnForeignKeys => self.add_foreign_key(row),
            About::Checks => {
                let (table, name) = (String::read(row, 0)?, String::read(row, 1)?);
                let check = String::read(row, 2)?;
                // MariaDB keeps JSON as a text with this check.
                let json = |column: &&mut ColumnRow| {
                    column.table == table && check == format!("json_valid(`{}`)", column.name)
                };
                match self.columns.iter_mut().find(json) {
                    Some(column) if self.dialect == Dialect::MySql => {
                        column.collation = Collation::Default;
                        column.data_type = DataType::known(ColumnType::Json);
                        if let DataType::Known { declared, .. } = &mut column.data_type {
                            *declared = Some(SqlFragment {
                                dialect: self.dialect,
                                text: "json".to_owned(),
                            });
                        }
                    }
                    _ => {
                        let check = self.sql(check);
                        self.checks.push((table, Some(name), check));
                    }
                }
                Ok(())
            }
        }
    }

    fn add_column(&mut self, row: &Row<'_>) -> Result<()> {
        let (shape, _) = column(self.dialect, row)?;
        let table = String::read(row, 13)?;
        let data_type = types::data_type(self.dialect, &shape, String::read(row, 14)?);
        let default = Option::<String>::read(row, 15)?;
        let mut identity = i64::read(row, 16)? != 0;
        let mut generated = Option::<String>::read(row, 17)?;
        let stored = i64::read(row, 18)? != 0;
        let mut collation = match self.dialect {
            Dialect::Postgres if shape.collation.as_deref() == Some("default") => None,
            Dialect::Sqlite => None,
            _ => shape.collation.clone(),
        };
        #[cfg(feature = "sqlite")]
        if let Some(text) = Option::<String>::read(row, 19)? {
            let (columns, checks) = super::sqlite::table(&text);
            if !self.columns.iter().any(|column| column.table == table) {
                let checks = checks.into_iter().map(|(name, check)| {
                    let check = self.sql(check);
                    (table.clone(), name, check)
                });
                let checks: Vec<_> = checks.collect();
                self.checks.extend(checks);
            }
            let mut columns = columns.into_iter();
            if let Some(written) = columns.find(|column| column.name == shape.name) {
                identity = written.identity;
                generated = written.generated;
                collation = written.collation.map(|name| name.to_uppercase());
            }
        }
        let is_text = matches!(
            data_type,
            DataType::Opaque { .. }
                | DataType::Known {
                    column_type: ColumnType::Text,
                    ..
                }
        );
        let collation = match collation.filter(|_| is_text) {
            None => Collation::Default,
            Some(name) if name == "BINARY" => Collation::Default,
            Some(_) if self.dialect != Dialect::Sqlite && shape.by_bytes => Collation::Binary,
            Some(name) => {
                let qualified = Option::<String>::read(row, 20)?;
                Collation::Named(self.sql(qualified.unwrap_or(name)))
            }
        };
        self.columns.push(ColumnRow {
            table,
            name: shape.name,
            data_type,
            nullable: shape.nullable,
            collation,
            default: default.filter(|_| !identity).map(|text| self.sql(text)),
            identity,
            generated: generated.map(|text| (self.sql(text), stored)),
        });
        Ok(())
    }

    fn add_index(&mut self, row: &Row<'_>) -> Result<()> {
        let name = Option::<String>::read(row, 2)?;
        let mut expression = Option::<String>::read(row, 5)?;
        let mut condition = Option::<String>::read(row, 6)?;
        #[cfg(feature = "sqlite")]
        if let Some(text) = Option::<String>::read(row, 7)? {
            let (parts, found) = super::sqlite::index(&text);
            condition = found;
            let number = usize::try_from(i64::read(row, 8)?).unwrap_or_default();
            let written = parts.get(number.wrapping_sub(1)).cloned();
            let has_collation = |text: &String| text.to_lowercase().contains(" collate ");
            expression = written.filter(|text| name.is_none() || has_collation(text));
        }
        let prefix = Option::<i64>::read(row, 10)?.and_then(|length| u32::try_from(length).ok());
        let part = match (expression, name, prefix) {
            (None, Some(name), Some(length)) => PartRow::Prefix(name, length),
            (None, Some(name), None) => PartRow::Column(name, i64::read(row, 9)? != 0),
            (expression, _, _) => PartRow::Expression(self.sql(expression.unwrap_or_default())),
        };
        self.indexes.push(IndexRow {
            table: String::read(row, 4)?,
            name: String::read(row, 0)?,
            primary: i64::read(row, 1)? != 0,
            unique: i64::read(row, 3)? != 0,
            part,
            condition: condition.take().map(|text| self.sql(text)),
            definition: Option::<String>::read(row, 11)?.map(|text| self.sql(text)),
        });
        Ok(())
    }

    fn add_foreign_key(&mut self, row: &Row<'_>) -> Result<()> {
        if i64::read(row, 3)? == 1 {
            return Ok(());
        }
        self.foreign_keys.push(ForeignKeyRow {
            name: String::read(row, 0)?,
            schema: Option::read(row, 1)?,
            other: String::read(row, 2)?,
            column: String::read(row, 4)?,
            referenced: Option::read(row, 5)?,
            table: String::read(row, 6)?,
            on_delete: String::read(row, 7)?,
            on_update: String::read(row, 8)?,
        });
        Ok(())
    }
}
