//! `--type`: the types of columns that a database does not tell, for moves and plans that lead to another kind of database.

use std::str::FromStr;

use shard_orm::schema::DataType;

/// The types of columns.
#[derive(Debug, clap::Args)]
pub(super) struct TypeArgs {
    /// The type of a column, if the servers are different kinds of databases and the column does not tell it, as
    /// TABLE.COLUMN=TYPE: `orders.placed_at=timestamp_utc`.
    #[arg(long = "type", value_name = "COLUMN=TYPE")]
    types: Vec<TypeOf>,
}

impl TypeArgs {
    /// Table, column and type.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &str, &DataType)> {
        let types = self.types.iter();
        types.map(|TypeOf { table, column, of }| (table.as_str(), column.as_str(), of))
    }
}

/// The type of a column of a table.
#[derive(Debug, Clone)]
struct TypeOf {
    table: String,
    column: String,
    of: DataType,
}

impl FromStr for TypeOf {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (name, of) = text.split_once('=').unwrap_or((text, ""));
        let (table, column) = name
            .split_once('.')
            .ok_or("name the column as TABLE.COLUMN, and its type behind `=`")?;
        Ok(Self {
            table: table.to_owned(),
            column: column.to_owned(),
            of: of
                .parse()
                .map_err(|error: shard_orm::Error| error.to_string())?,
        })
    }
}
