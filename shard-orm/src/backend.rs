//! The databases: the one place that matches on which of them is meant.
//!
//! [`Args`] and [`Row`] are what a statement takes and gives, opaque over the backends that are
//! compiled in, so that neither a model nor the code above names one. `Conn` runs a statement.
//! Called by `connect` and `exec`, and through [`Field`](crate::Field) by every model.

// A build without one of the databases has no use for what is there for it alone.
#![cfg_attr(
    not(all(feature = "sqlite", feature = "postgres", feature = "mysql")),
    allow(dead_code, unused_imports)
)]

mod advisory;
mod ahead;
mod answer;
mod args;
mod arithmetic;
mod array;
mod backticks;
mod begin;
mod beside;
mod bulk;
pub(crate) mod change_log;
#[cfg(any(feature = "chrono", feature = "time"))]
mod checked;
mod clock;
mod codec;
mod collation;
mod column_type;
mod compare;
mod conn;
mod data_type;
mod date_part;
pub(crate) mod ddl;
#[cfg(feature = "decimal")]
mod decimal;
mod digits;
mod dynamic;
mod failure;
mod field;
mod fragments;
pub(crate) mod inspect;
mod lexer;
mod listener;
mod literal;
#[cfg(feature = "mysql")]
mod mysql;
mod namespaces;
mod opener;
mod position;
#[cfg(feature = "postgres")]
mod postgres;
mod probe;
mod row;
mod row_hash;
mod row_part;
pub(crate) mod row_stamp;
mod rows;
mod scalar;
pub(crate) mod settings;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "chrono", feature = "time"))]
mod temporal;
mod url;
mod wire;

pub(crate) use advisory::AdvisoryLock;
pub(crate) use answer::{OnRow, Reading};
pub use args::Args;
pub(crate) use arithmetic::{double, exact_sum, floor_quotient, positive_remainder};
pub(crate) use array::{element_type, insert_arrays};
pub(crate) use backticks::unambiguous_names;
pub(crate) use begin::begin;
pub(crate) use beside::Beside;
pub(crate) use bulk::{Passed, has_bulk, pass};
pub(crate) use clock::now;
pub(crate) use codec::{Codec, read_value};
pub(crate) use collation::by_bytes;
pub use column_type::ColumnType;
pub(crate) use compare::compare;
pub(crate) use conn::{Abandoned, Conn, Sql};
pub use data_type::{DataType, OpaqueForm, SqlFragment};
pub(crate) use date_part::DatePart;
#[cfg(feature = "decimal")]
pub(crate) use decimal::decimal_of;
pub(crate) use digits::Declared;
pub use digits::Digits;
pub(crate) use dynamic::{
    big_integer, create_namespace, long_text, quote, render, render_alter, render_index,
    render_table, short_text, signature, users_own,
};
pub(crate) use failure::{Failure, Stale};
#[cfg(feature = "json")]
pub use field::Json;
pub use field::{DeletionTime, Field, Timestamp};
pub(crate) use fragments::{collation_by_bytes, has_common_order, in_byte_order, integer_type};
pub(crate) use lexer::{ends_in_name, verbatim};
pub(crate) use listener::Listener;
pub(crate) use literal::literal;
pub(crate) use namespaces::{identity_of_server, namespaces_with_table, tables_of_namespace};
pub(crate) use opener::{Opener, Session};
pub(crate) use position::Position;
#[cfg(test)]
pub(crate) use position::Wal;
pub(crate) use probe::{Observed, Probe, observe};
pub(crate) use row::OwnedRow;
pub use row::Row;
pub(crate) use row_hash::RowHash;
pub(crate) use row_part::{has_part_search, part_search};
pub(crate) use rows::Rows;
#[cfg(any(feature = "chrono", feature = "time"))]
pub(crate) use temporal::earlier;
/// Without a type for times there is none that is earlier.
#[cfg(not(any(feature = "chrono", feature = "time")))]
pub(crate) fn earlier(
    _value: &sea_query::Value,
    _by: std::time::Duration,
) -> Option<sea_query::Value> {
    None
}
pub(crate) use url::UrlForm;
pub(crate) use wire::{decode_value, encode_value};

#[doc(hidden)]
pub use field::{bind_str, read_string};

#[cfg(feature = "json")]
#[doc(hidden)]
pub use scalar::bind_json;
