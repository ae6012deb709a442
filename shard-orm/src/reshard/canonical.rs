//! The values of rows that pass between kinds of databases: read so that nothing of them is lost, and refused with their
//! primary key where one end has a value that the other one cannot hold.

use sea_query::{Alias, Expr, IntoTableRef as _, Value};

use super::failure::{Misfit, may_pass};
use super::place::Place;
use super::rows::MovedTable;
use crate::backend::counterpart::{has_long_fraction, json_as_text, longest, reads_any_type};
use crate::backend::{ColumnType, Field as _, Row, shown};
use crate::connect::State;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::replicate::Cells;

impl MovedTable {
    /// All columns, in the form in which [`cells`](Self::cells) reads them.
    pub(super) fn canonical_columns(&self, dialect: Dialect) -> impl Iterator<Item = Expr> {
        self.def.columns.iter().map(move |column| {
            let reference = Expr::col(Alias::new(&column.name));
            match column.data_type.column_type() {
                Some(ColumnType::Json) => json_as_text(dialect, reference),
                _ => reference,
            }
        })
    }

    /// The values of a row, all of which the types of the columns hold exactly.
    pub(super) fn canonical_cells(&self, dialect: Dialect, row: &Row<'_>) -> Result<Cells> {
        let columns = self.def.columns.iter().enumerate();
        columns
            .map(|(ordinal, column)| {
                let inexact =
                    |what: &str| Error::decode(format!("column `{}` {what}", column.name));
                if row.is_null(ordinal)? {
                    return if column.nullable {
                        column.null()
                    } else {
                        Err(inexact("is NULL"))
                    };
                }
                match column.data_type.column_type() {
                    #[cfg(feature = "json")]
                    Some(ColumnType::Json) => {
                        let text = String::read(row, ordinal)?;
                        if !super::exact_json::is_exact(&text) {
                            return Err(inexact(
                                "holds JSON with a number of more digits than all databases keep",
                            ));
                        }
                        let json = serde_json::from_str(&text);
                        json.map(|json| Value::Json(Some(Box::new(json))))
                            .map_err(|source| inexact("holds no JSON").with_source(source))
                    }
                    Some(ColumnType::Bool) if reads_any_type(dialect, ColumnType::Bool) => {
                        match i8::read(row, ordinal)? {
                            number @ (0 | 1) => Ok(Value::Bool(Some(number == 1))),
                            _ => Err(inexact("is neither true nor false")),
                        }
                    }
                    Some(ColumnType::F32) if reads_any_type(dialect, ColumnType::F32) => {
                        let wide = f64::read(row, ordinal)?;
                        let narrow = f32::read(row, ordinal)?;
                        if f64::from(narrow).to_bits() != wide.to_bits() {
                            return Err(inexact("has more digits than its type"));
                        }
                        Ok(Value::Float(Some(narrow)))
                    }
                    Some(ColumnType::TimestampUtc | ColumnType::Timestamp | ColumnType::Time)
                        if reads_any_type(dialect, ColumnType::Time) =>
                    {
                        if has_long_fraction(&String::read(row, ordinal)?) {
                            return Err(inexact("has more than six digits of a second"));
                        }
                        column.read(row, ordinal)
                    }
                    _ => column.read(row, ordinal),
                }
            })
            .collect()
    }

    /// Refuses texts and byte strings that are longer than their columns: databases cut spaces at their end silently.
    pub(super) fn check_lengths(&self, dialect: Dialect, rows: &[Cells]) -> Result<()> {
        if !self.is_canonical {
            return Ok(());
        }
        for (ordinal, column) in self.def.columns.iter().enumerate() {
            let Some(longest) = longest(dialect, &column.data_type, self.def.is_in_key(ordinal))
            else {
                continue;
            };
            let is_longer = |row: &Cells| match &row[ordinal] {
                Value::String(Some(text)) => text.chars().count() > longest as usize,
                Value::Bytes(Some(bytes)) => bytes.len() > longest as usize,
                _ => false,
            };
            if rows.iter().any(is_longer) {
                return Err(Error::unsupported(format!(
                    "column `{}` holds a value that is longer than {longest}",
                    column.name
                )));
            }
        }
        Ok(())
    }

    /// Whether an error may be that of a value.
    fn may_be_of_value(&self, error: &Error) -> bool {
        let other = [
            ErrorKind::Unique,
            ErrorKind::Fenced,
            ErrorKind::ShardMoved,
            ErrorKind::UndefinedTable,
        ];
        self.is_canonical && !may_pass(error) && !other.contains(&error.kind())
    }

    /// The error of a row with a value that cannot pass.
    fn unheld(&self, key: &[Value], error: &Error) -> Error {
        let key: Vec<String> = key.iter().map(shown).collect();
        Error::new(
            ErrorKind::Unsupported,
            format!(
                "table `{}` has a row with a value that one end of the move cannot hold, with the primary key {}: {}; \
                 correct the row and run the job again, or abort it",
                self.def.name,
                key.join("/"),
                error.message()
            ),
        )
        .with_source(Misfit)
    }
}

impl Place {
    /// A page of rows, or the error with the first one that cannot be read.
    pub(super) async fn page_to_move(
        &mut self,
        table: &MovedTable,
        after: Option<&[Value]>,
        most: u64,
    ) -> Result<Vec<Cells>> {
        match self.page(table, after, most).await {
            Err(error) => Err(self.unread_page(table, after, most, error).await),
            read => read,
        }
    }

    /// Inserts rows in a transaction that was begun, or gives the error with the first one that cannot be written.
    pub(super) async fn put_moved(
        &mut self,
        table: &MovedTable,
        state: State,
        rows: &[Cells],
    ) -> Result<()> {
        match self.put_rows(table, rows).await {
            Err(error) => Err(self.unwritten(table, state, rows, error).await),
            written => written,
        }
    }

    /// The error with which a page could not be read, with the first row that cannot.
    async fn unread_page(
        &mut self,
        table: &MovedTable,
        after: Option<&[Value]>,
        most: u64,
        error: Error,
    ) -> Error {
        if !table.may_be_of_value(&error) {
            return error;
        }
        // All before `low` can be read; not all before `high`.
        let (mut low, mut high) = (0, most);
        while low + 1 < high {
            let middle = low.midpoint(high);
            match self.page(table, after, middle).await {
                Ok(_) => low = middle,
                Err(_) => high = middle,
            }
        }
        let name = Alias::new(&table.name).into_table_ref();
        match self.end_of_page(table, name, after, high).await {
            Ok(Some(key)) => table.unheld(&key, &error),
            _ => error,
        }
    }

    /// The error with which rows of these keys could not be read, with the first one that cannot.
    pub(super) async fn unread_rows(
        &mut self,
        table: &MovedTable,
        keys: &[Vec<Value>],
        error: Error,
    ) -> Error {
        if !table.may_be_of_value(&error) {
            return error;
        }
        for key in keys {
            if self
                .rows_of(table, std::slice::from_ref(key))
                .await
                .is_err()
            {
                return table.unheld(key, &error);
            }
        }
        error
    }

    /// The error with which rows could not be written, with the first one that cannot. The transaction of the attempt
    /// is rolled back.
    pub(super) async fn unwritten(
        &mut self,
        table: &MovedTable,
        state: State,
        rows: &[Cells],
        error: Error,
    ) -> Error {
        if !table.may_be_of_value(&error) {
            return error;
        }
        self.rollback().await;
        let (mut rows, mut found) = (rows, error);
        while rows.len() > 1 {
            let (first, second) = rows.split_at(rows.len() / 2);
            rows = match self.tried(table, state, first).await {
                Err(error) => {
                    found = error;
                    first
                }
                Ok(()) => second,
            };
        }
        match rows {
            [row] => match self.tried(table, state, rows).await {
                Err(error) if table.may_be_of_value(&error) => {
                    table.unheld(&crate::replicate::key_of(&table.def, row), &error)
                }
                _ => found,
            },
            _ => found,
        }
    }

    /// Writes rows in a transaction that is rolled back.
    async fn tried(&mut self, table: &MovedTable, state: State, rows: &[Cells]) -> Result<()> {
        self.begin_as(state).await?;
        let written = self.put_rows(table, rows).await;
        self.rollback().await;
        written
    }
}
