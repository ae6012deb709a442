//! The description of one model: a constant that the derive writes.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use sea_query::Value;

use super::{Generated, StaticDef};
use crate::backend::{
    Args, Codec, ColumnType, Declared, DeletionTime, Digits, Field, Row, Timestamp,
};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::schema::{
    Collation, ColumnDef, CreateTable, DataType, DefaultValue, IndexDef, IndexPart, TableDef,
    index_name,
};
use crate::topology::StatementSlot;

/// Where the rows of a model live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelLocation {
    /// Spread over the logical shards of this group by the shard key.
    Sharded(&'static str),
    /// In each logical shard of this group, addressed by the number of the shard.
    Isolated(&'static str),
    /// In this named database, not sharded.
    Database(&'static str),
    /// Copied to the servers of groups.
    Static(&'static StaticDef),
}

/// One model: its table, its columns and where it lives.
#[derive(Debug)]
pub struct ModelDef {
    /// The name of the struct, for messages.
    pub name: &'static str,
    /// The name of the table.
    pub table: &'static str,
    /// Where the rows live.
    pub location: ModelLocation,
    /// The columns, in the order of the fields.
    pub columns: &'static [FieldDef],
    /// The ordinals of the primary key's columns.
    pub primary_key: &'static [usize],
    /// The ordinal of the shard key's column.
    pub key: Option<usize>,
    /// The ordinal of the region's column.
    pub region: Option<usize>,
    /// The ordinal of the column that holds when a row was deleted, NULL until then.
    pub soft_delete: Option<usize>,
    /// The column whose values the library makes.
    pub generated: Option<Generated>,
    /// The indexes that `CREATE TABLE` makes beside the primary key.
    pub indexes: &'static [ModelIndex],
    /// The model's place in the tables of SQL texts.
    pub slot: Slot,
}

/// One column of a model, described by its field.
#[derive(Debug)]
pub struct FieldDef {
    /// The name of the column.
    pub name: &'static str,
    /// What it holds.
    pub column_type: ColumnType,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// The longest text or byte string, in characters or bytes, where one is set.
    pub length: Option<u32>,
    /// The digits of a decimal, where they are declared.
    pub decimal: Option<Digits>,
    /// Whether its texts are compared by their bytes (`collation = "binary"`).
    pub binary: bool,
    /// Binds the column's DEFAULT, where it has one.
    pub default: Option<fn(&mut Args) -> Result<()>>,
    /// Binds the time of a write, for `created_at` and `updated_at`.
    pub now: Option<fn(SystemTime, &mut Args) -> Result<()>>,
    /// Whether an update leaves the column alone (`created_at`).
    pub keep: bool,
    /// Binds the time of a deletion, for `soft_delete`.
    pub deleted: Option<fn(SystemTime, &mut Args) -> Result<()>>,
}

impl FieldDef {
    /// A column for a field of type `T`.
    #[must_use]
    pub const fn of<T: Field>(name: &'static str) -> Self {
        Self {
            name,
            column_type: T::TYPE,
            nullable: T::NULLABLE,
            length: None,
            decimal: None,
            binary: false,
            default: None,
            now: None,
            keep: false,
            deleted: None,
        }
    }

    /// Limits the length of a text (in characters) or a byte string (in bytes).
    #[must_use]
    pub const fn length(mut self, length: u32) -> Self {
        self.length = Some(length);
        self
    }

    /// Gives the column a DEFAULT in `CREATE TABLE`.
    #[must_use]
    pub const fn default(mut self, bind: fn(&mut Args) -> Result<()>) -> Self {
        self.default = Some(bind);
        self
    }

    /// Filled with the time of the insert, and left alone by updates.
    #[must_use]
    pub const fn created_at<T: Timestamp>(mut self) -> Self {
        self.now = Some(|time, args| T::at(time).bind(args));
        self.keep = true;
        self
    }

    /// NULL until the row is deleted, then the time of that.
    #[must_use]
    pub const fn soft_delete<T: DeletionTime>(mut self) -> Self {
        self.deleted = Some(|time, args| T::deleted(time).bind(args));
        self
    }

    /// Filled with the time of the insert and of each update.
    #[must_use]
    pub const fn updated_at<T: Timestamp>(mut self) -> Self {
        self.now = Some(|time, args| T::at(time).bind(args));
        self
    }
}

impl FieldDef {
    /// How its values are read and bound.
    pub(crate) fn codec(&self) -> Codec<'static> {
        Codec::known(self.name, self.column_type, self.decimal, self.nullable)
    }

    /// Reads the column of a result at a position, as a value of the column's type.
    pub(crate) fn read(&self, row: &Row<'_>, ordinal: usize) -> Result<Value> {
        self.codec().read(row, ordinal)
    }

    /// NULL in the column's type.
    pub(crate) fn null(&self) -> Result<Value> {
        self.codec().null()
    }

    /// A value as this column has it: a decimal with its digits.
    ///
    /// # Errors
    /// [`Check`](crate::ErrorKind::Check) for a decimal that has more.
    pub(crate) fn typed(&self, value: Value) -> Result<Value> {
        self.codec().typed(value)
    }
}

/// One index of a model.
#[derive(Debug)]
pub struct ModelIndex {
    /// The ordinals of its columns.
    pub columns: &'static [usize],
    /// Whether it is unique, in each logical shard by itself.
    pub unique: bool,
}

/// The state of a model in this process: its slot in statement caches, and the description of its
/// table.
#[derive(Debug, Default)]
pub struct Slot {
    statements: StatementSlot,
    table: OnceLock<Arc<TableDef>>,
}

impl Slot {
    /// Creates the state of an unused model.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            statements: StatementSlot::new(),
            table: OnceLock::new(),
        }
    }

    pub(crate) fn number(&self) -> u32 {
        self.statements.number()
    }
}

impl ModelDef {
    /// The description of the table, made once.
    pub fn table_def(&'static self) -> &'static Arc<TableDef> {
        self.slot.table.get_or_init(|| Arc::new(lowered(self)))
    }

    /// The statements that create the table.
    ///
    /// # Errors
    /// When the default of a column cannot be stored on this database.
    pub(crate) fn create_table(&'static self, dialect: Dialect) -> Result<CreateTable> {
        let defaults = self.columns.iter().filter_map(|column| column.default);
        defaults
            .map(Args::value)
            .try_for_each(|value| value.map(drop))?;
        CreateTable::new(self.table_def(), dialect)
    }

    /// The ordinals of the columns that a row is looked up by: region, key, then what remains of
    /// the primary key.
    pub(crate) fn lookup(&self) -> impl Iterator<Item = usize> + '_ {
        self.routing().chain(self.rest())
    }

    /// The ordinals of the columns that route a row: region, then key.
    pub(crate) fn routing(&self) -> impl Iterator<Item = usize> + use<> {
        self.region.into_iter().chain(self.key)
    }

    /// The ordinals of the primary key's columns that do not route.
    pub(crate) fn rest(&self) -> impl Iterator<Item = usize> + '_ {
        self.primary_key
            .iter()
            .copied()
            .filter(|ordinal| Some(*ordinal) != self.key && Some(*ordinal) != self.region)
    }

    /// The ordinals of the columns that a deletion sets where rows are marked as deleted: the mark,
    /// then those marked `updated_at`.
    pub(crate) fn marking(&self) -> impl Iterator<Item = usize> + '_ {
        self.soft_delete.into_iter().chain(self.updated())
    }

    /// The ordinals of the columns marked `updated_at`.
    pub(crate) fn updated(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.columns.len()).filter(|ordinal| {
            let column = &self.columns[*ordinal];
            column.now.is_some() && !column.keep
        })
    }

    /// The ordinals of the columns that an update of the whole row sets.
    pub(crate) fn settable(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.columns.len()).filter(|ordinal| {
            !self.primary_key.contains(ordinal)
                && Some(*ordinal) != self.key
                && Some(*ordinal) != self.region
                && Some(*ordinal) != self.soft_delete
                && !self.columns[*ordinal].keep
        })
    }

    /// The group or database that the model belongs to; of a static model the source, and nothing
    /// where it has none.
    pub(crate) fn location_name(&self) -> &'static str {
        match self.location {
            ModelLocation::Sharded(name)
            | ModelLocation::Isolated(name)
            | ModelLocation::Database(name) => name,
            ModelLocation::Static(copied) => copied.source.unwrap_or_default(),
        }
    }

    /// Whether its rows are in logical shards, and move with them.
    pub(crate) fn is_in_shards(&self) -> bool {
        match self.location {
            ModelLocation::Sharded(_) | ModelLocation::Isolated(_) => true,
            ModelLocation::Database(_) | ModelLocation::Static(_) => false,
        }
    }

    /// What the model says of its copies, if it is static.
    pub(crate) fn copied(&self) -> Option<&'static StaticDef> {
        match self.location {
            ModelLocation::Static(copied) => Some(copied),
            ModelLocation::Sharded(_) | ModelLocation::Isolated(_) | ModelLocation::Database(_) => {
                None
            }
        }
    }
}

fn lowered(def: &ModelDef) -> TableDef {
    let columns = def.columns.iter().map(|field| {
        let data_type = DataType::Known {
            column_type: field.column_type,
            length: field.length,
            digits: field.decimal,
            declared: None,
        };
        let mut column = ColumnDef::new(field.name, data_type);
        column.nullable = field.nullable;
        if field.binary {
            column.collation = Collation::Binary;
        }
        // One that cannot be bound is an error of `create_table`.
        let default = field.default.and_then(|bind| Args::value(bind).ok());
        column.default = default.map(DefaultValue::Value);
        column
    });
    let mut table = TableDef::new(def.table, columns.collect());
    table.primary_key = def.primary_key.to_vec();
    table.indexes = def
        .indexes
        .iter()
        .map(|index| {
            let names = index.columns.iter().map(|at| def.columns[*at].name);
            let names: Vec<&str> = names.collect();
            IndexDef {
                name: index_name(def.table, &names, index.unique),
                parts: index
                    .columns
                    .iter()
                    .copied()
                    .map(IndexPart::Column)
                    .collect(),
                unique: index.unique,
                condition: None,
                definition: None,
            }
        })
        .collect();
    table
}

/// Binds a value of a column whose digits are declared.
#[doc(hidden)]
pub fn bind_decimal(
    column: &'static str,
    digits: Digits,
    args: &mut Args,
    bind: impl FnOnce(&mut Args) -> Result<()>,
) -> Result<()> {
    args.declared(Some(Declared { column, digits }), bind)
}

/// The same row, whose decimals have these digits.
#[doc(hidden)]
#[must_use]
pub fn row_of_decimals<'r>(row: &Row<'r>, digits: Digits) -> Row<'r> {
    row.of_decimals(digits)
}

/// What a model answers that is asked for a column which it does not have.
#[doc(hidden)]
pub fn no_such_column(ordinal: usize) -> Result<()> {
    Err(Error::unsupported(format!(
        "the model has no column at position {ordinal}"
    )))
}

/// What an enum answers that reads a value which stands for none of its variants.
#[doc(hidden)]
#[must_use]
pub fn unknown_variant(name: &str, value: &dyn std::fmt::Display) -> Error {
    Error::decode(format!("`{value}` stands for no variant of `{name}`"))
}
