//! The database drivers: the one module that matches on the database, and the SQL that differs.
//!
//! [`Args`] and [`Row`] are the arguments and rows of a statement. They are opaque over the
//! compiled drivers, so that models and the modules above name no database. `Conn` runs a
//! statement. Called by `connect` and `exec`, and through [`Field`](crate::Field) by every model.

// A build without one of the drivers does not use the code for that database.
#![cfg_attr(
    not(all(feature = "sqlite", feature = "postgres", feature = "mysql")),
    allow(dead_code, unused_imports, unused_mut)
)]

#[cfg(feature = "reshard")]
mod active;
#[cfg(feature = "reshard")]
pub(crate) mod adopt;
mod advisory;
pub(crate) mod alter;
mod args;
mod arithmetic;
mod array;
mod attached;
mod begin;
mod bulk;
pub(crate) mod canonical;
pub(crate) mod change_log;
mod clock;
mod codec;
mod collation;
mod column_type;
mod compare;
mod conn;
#[cfg(feature = "migrate")]
mod constant;
#[cfg(feature = "reshard")]
pub(crate) mod counterpart;
mod data_type;
mod date_part;
pub(crate) mod ddl;
#[cfg(feature = "decimal")]
mod decimal;
mod digits;
#[cfg(feature = "reshard")]
mod divide;
mod driver_error;
mod encoding;
mod facts;
mod failure;
#[cfg(feature = "reshard")]
pub(crate) mod fence;
mod field;
mod fingerprint;
mod grants;
#[cfg(feature = "migrate")]
pub(crate) mod hazard;
mod identifier;
pub(crate) mod inspect;
mod integer;
#[cfg(feature = "migrate")]
mod layout;
mod lexer;
mod listener;
mod literal;
#[cfg(feature = "migrate")]
pub(crate) mod migration;
#[cfg(feature = "migrate")]
mod model_type;
#[cfg(feature = "reshard")]
pub(crate) mod move_log;
#[cfg(feature = "reshard")]
mod move_objects;
#[cfg(feature = "reshard")]
mod move_rights;
#[cfg(feature = "reshard")]
mod move_session;
#[cfg(feature = "mysql")]
mod mysql;
mod namespaces;
mod observed;
mod opener;
mod password;
#[cfg(feature = "migrate")]
pub(crate) mod placeholder;
mod position;
#[cfg(feature = "postgres")]
mod postgres;
mod probe;
#[cfg(feature = "sqlite")]
mod read_ahead;
mod render;
mod response;
mod row;
mod row_hash;
mod row_part;
pub(crate) mod row_stamp;
#[cfg(feature = "reshard")]
mod row_sum;
mod rows;
mod run;
mod scalar;
#[cfg(feature = "migrate")]
pub(crate) mod scratch;
// Without migrations, only its tokens are read, for fingerprints.
#[cfg_attr(not(feature = "migrate"), allow(dead_code))]
pub(crate) mod script;
mod session;
pub(crate) mod settings;
mod sizes;
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "migrate")]
mod statement_list;
#[cfg(feature = "reshard")]
pub(crate) mod structure;
pub(crate) mod system_table;
#[cfg(any(feature = "chrono", feature = "time"))]
mod temporal;
mod text_result;
mod url;
#[cfg(feature = "migrate")]
pub(crate) mod words;

#[cfg(feature = "reshard")]
pub(crate) use active::{active_statements, read_active_statements};
pub(crate) use advisory::AdvisoryLock;
pub use args::Args;
pub(crate) use args::Declared;
pub(crate) use arithmetic::{double, exact_sum, floor_quotient, integer_type, positive_remainder};
pub(crate) use array::{element_type, insert_arrays};
pub(crate) use attached::Attached;
#[cfg(feature = "reshard")]
pub(crate) use attached::attach_for_reading;
pub(crate) use begin::begin;
pub(crate) use bulk::{Transfer, transfer};
pub(crate) use clock::now;
pub(crate) use codec::Codec;
#[cfg(feature = "migrate")]
pub(crate) use collation::continues_after;
pub(crate) use collation::{by_bytes, collation_by_bytes, has_common_order, in_byte_order};
pub use column_type::ColumnType;
pub(crate) use compare::{compare, compare_present};
pub(crate) use conn::{AbandonedSession, Conn};
#[cfg(feature = "migrate")]
pub(crate) use constant::{Constant, is_null};
pub use data_type::{Collation, DataType, OpaqueForm, SqlFragment};
pub(crate) use date_part::DatePart;
#[cfg(feature = "decimal")]
pub(crate) use decimal::decimal_of;
pub use digits::Digits;
#[cfg(feature = "reshard")]
pub(crate) use divide::{Divided, PackedRow, Undivided, divide};
pub(crate) use encoding::decode_any;
pub(crate) use encoding::{decode_value, encode_value};
pub(crate) use facts::Facts;
pub(crate) use failure::{Failure, Stale};
#[cfg(feature = "json")]
pub use field::Json;
pub(crate) use field::read_value;
pub use field::{DeletionTime, Field, Timestamp};
pub(crate) use fingerprint::fingerprint;
pub(crate) use grants::{
    AccountRights, Grantee, account_exists, create_account, grants, grants_on_database,
};
pub(crate) use identifier::unambiguous_names;
pub(crate) use integer::integer_of;
pub(crate) use integer::shown;
#[cfg(feature = "migrate")]
pub(crate) use layout::in_lines;
pub(crate) use lexer::{ends_in_name, verbatim};
pub(crate) use listener::{Listener, notify};
pub(crate) use literal::literal;
#[cfg(feature = "migrate")]
pub(crate) use model_type::{ignores_declared_types, model_type};
#[cfg(feature = "reshard")]
pub(crate) use move_objects::{analyze, drop_namespace, objects_of_namespace};
#[cfg(feature = "reshard")]
pub(crate) use move_rights::{Hindrance, hindrances};
#[cfg(feature = "reshard")]
pub(crate) use move_session::{commit_durably, durability, move_session};
pub(crate) use namespaces::{
    current_database, current_namespace, identity_of_server, namespaces_with_table,
    tables_of_namespace, use_namespace,
};
pub(crate) use observed::Observed;
pub(crate) use opener::{Opener, is_shared_session};
pub(crate) use password::Credential;
pub(crate) use position::Position;
#[cfg(test)]
pub(crate) use position::Wal;
pub(crate) use probe::{Probe, observe};
pub(crate) use render::{
    big_integer, create_namespace, long_text, quote, render, render_alter, render_index,
    render_table, short_text, signature, user_sql,
};
pub(crate) use response::{NotedResponse, OnRow};
pub use row::Row;
pub(crate) use row_hash::RowHash;
pub(crate) use row_part::{has_part_search, part_search};
#[cfg(feature = "reshard")]
pub(crate) use row_sum::row_sum;
pub(crate) use rows::Rows;
pub(crate) use run::Run;
pub(crate) use session::Session;
pub(crate) use sizes::{arguments_of_sizes, exact_size, sizes_of_namespaces, sizes_of_tables};
pub(crate) use sql::Sql;
#[cfg(any(feature = "chrono", feature = "time"))]
pub(crate) use temporal::earlier;
pub(crate) use text_result::TextResult;
pub(crate) use url::UrlForm;
/// Without a type for times no value is one.
#[cfg(not(any(feature = "chrono", feature = "time")))]
pub(crate) fn earlier(
    _value: &sea_query::Value,
    _by: std::time::Duration,
) -> Option<sea_query::Value> {
    None
}

#[doc(hidden)]
pub use scalar::{bind_str, read_string};

#[cfg(feature = "json")]
#[doc(hidden)]
pub use scalar::bind_json;
