//! The values of rows that pass between kinds of databases: read so that nothing of them is lost, and refused with their
//! primary key where one end has a value that the other one cannot hold.

use std::sync::Arc;

use sea_query::{Alias, Expr, IntoTableRef as _, Value};

use super::failure::{Misfit, may_pass};
use super::place::Place;
use super::rows::MovedTable;
use crate::backend::counterpart::{has_long_fraction, json_as_text, longest, reads_any_type};
use crate::backend::{ColumnType, Field as _, Row, shown};
use crate::connect::State;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::replicate::{Cells, key_of};
use crate::schema::{ColumnDef, TableDef};

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

    /// The error of a row with a value that cannot pass, in this column, if that is known.
    fn unheld(&self, key: &[Value], column: Option<&str>, error: &Error) -> Error {
        let key: Vec<String> = key.iter().map(shown).collect();
        let is_named = |column: &&str| error.message().contains(&format!("`{column}`"));
        let column = column.filter(|column| !is_named(column));
        let column = column.map_or_else(String::new, |column| format!("column `{column}`: "));
        Error::new(
            ErrorKind::Unsupported,
            format!(
                "table `{}` has a row with a value that one end of the move cannot hold, with the primary key {}: {column}{}; \
                 correct the row and run the job again; without that, it can only be aborted before its switch, or finished \
                 after it",
                self.def.name,
                key.join("/"),
                error.message()
            ),
        )
        .with_source(Misfit)
    }

    /// The columns that are not in the primary key.
    fn others(&self) -> impl Iterator<Item = (usize, &ColumnDef)> {
        let columns = self.def.columns.iter().enumerate();
        columns.filter(|(ordinal, _)| !self.def.primary_key.contains(ordinal))
    }

    /// The same table with the primary key and one other column.
    fn with_column(&self, ordinal: usize) -> Self {
        let kept = self.def.primary_key.iter().chain([&ordinal]);
        let columns = kept.map(|at| self.def.columns[*at].clone()).collect();
        let mut def = TableDef::new(self.def.name.clone(), columns);
        def.primary_key = (0..self.def.primary_key.len()).collect();
        Self {
            def: Arc::new(def),
            ..self.clone()
        }
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
            Ok(Some(key)) => self.unread(table, &key, &error).await,
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
                return self.unread(table, key, &error).await;
            }
        }
        error
    }

    /// The error of a row that cannot be read, with the first column that cannot.
    async fn unread(&mut self, table: &MovedTable, key: &[Value], error: &Error) -> Error {
        let keys = [key.to_vec()];
        for (ordinal, column) in table.others() {
            let alone = table.with_column(ordinal);
            if let Err(error) = self.rows_of(&alone, &keys).await
                && table.may_be_of_value(&error)
            {
                return table.unheld(key, Some(&column.name), &error);
            }
        }
        table.unheld(key, None, error)
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
                    let key = key_of(&table.def, row);
                    let column = self.unwritten_column(table, state, row).await;
                    table.unheld(&key, column.as_deref(), &error)
                }
                _ => found,
            },
            _ => found,
        }
    }

    /// The column of a row that cannot be written: without its value, the row can.
    async fn unwritten_column(
        &mut self,
        table: &MovedTable,
        state: State,
        row: &Cells,
    ) -> Option<String> {
        for (ordinal, column) in table.others() {
            let mut without = row.clone();
            without[ordinal] = match &row[ordinal] {
                _ if column.nullable => column.null().ok()?,
                Value::String(Some(_)) => String::new().into(),
                Value::Bytes(Some(_)) => Vec::<u8>::new().into(),
                _ => continue,
            };
            match self.tried(table, state, &[without]).await {
                Err(error) if table.may_be_of_value(&error) => {}
                _ => return Some(column.name.clone()),
            }
        }
        None
    }

    /// Writes rows in a transaction that is rolled back.
    async fn tried(&mut self, table: &MovedTable, state: State, rows: &[Cells]) -> Result<()> {
        self.begin_as(state).await?;
        // When changes are applied, the rows may exist already.
        let written = match self.delete_rows(table, &table.keys(rows)).await {
            Ok(()) => self.put_rows(table, rows).await,
            Err(error) => Err(error),
        };
        self.rollback().await;
        written
    }
}
