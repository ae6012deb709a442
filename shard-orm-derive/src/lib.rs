//! The derive macros of `shard-orm`: they turn structs into models, and types into column types.
//!
//! Use them through `shard_orm`, which exports each derive next to the trait of the same name. The
//! generated code is independent of the database: it consists of constants and calls of
//! `shard_orm::Field`.
//!
//! Each derive reads its input (`parse`), checks it (`check`) and generates the code (`expand`).
//! One compilation reports all errors of an input, each at its location.

mod attr;
mod check;
mod errors;
mod expand;
mod migrations;
mod names;
mod parse;
#[cfg(test)]
#[allow(clippy::unwrap_used)] // Test code.
mod snapshots;
mod types;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::errors::Errors;

/// Derives a model: each value of the struct is a row of one table.
///
/// ```
/// use shard_orm::ShardModel;
///
/// #[derive(Debug, Clone, ShardModel)]
/// #[shard(group = "shop", table = "orders")]
/// #[shard(index(user_id, item))]
/// pub struct Order {
///     #[shard(primary_key)]
///     pub id: i64,
///     #[shard(key)]
///     pub user_id: i64,
///     #[shard(length = 64)]
///     pub item: String,
///     #[shard(default = 1)]
///     pub quantity: i32,
///     #[shard(skip)]
///     pub selected: bool,
/// }
///
/// assert_eq!(Order::USER_ID.name(), "user_id");
/// ```
///
/// The derive generates one constant per column, named after the field in upper case and with the
/// visibility of the struct: `Order::USER_ID` is a `Column<Order, i64>`.
///
/// # Struct attributes
///
/// | attribute | |
/// |---|---|
/// | `group = "shop"` | rows are spread over the logical shards of this group; one field is the `key` |
/// | `group = "shop", isolated` | each logical shard of this group has its own rows, addressed by the shard's number |
/// | `database = "default"` | rows are stored in this named database, which is not sharded |
/// | `table = "orders"` | the table name; required |
/// | `index(a, b)` | an index over the columns of these fields, in this order; repeatable |
/// | `unique(a, b)` | a unique index, unique within each logical shard; repeatable |
/// | `has_many(lines = "Line", by = "order_id")` | a constant `LINES`: the rows of another model in the group that hold this model's id in that field |
/// | `has_one(invoice = "Invoice", by = "order_id")` | the same, for at most one row |
/// | `belongs_to(order = "Order", by = "order_id")` | a constant `ORDER`: the row of another model in the group whose id this model's field holds |
/// | `refers_to(country = "Country", by = "country_id")` | the same, for a static model or a model of a named database |
/// | `hooks` | the model implements `Hooks`, which run before and after its rows are written |
/// | `validate` | the model implements `Validate`, which checks rows before they are written |
/// | `crate = "path"` | the path of the `shard_orm` crate, if it is not `::shard_orm` |
///
/// Exactly one of `group` and `database` is required.
///
/// # Field attributes
///
/// | attribute | |
/// |---|---|
/// | `key` | the shard key: an integer, or a newtype that derives `ShardKey`; exactly one in a sharded model, not allowed in others |
/// | `region` | the region of the row, which selects the shards that the key is hashed within |
/// | `primary_key` | part of the primary key, in field order; at least one, and at most four besides `key` and `region` |
/// | `column = "name"` | the column name, if it differs from the field name |
/// | `generate = "snowflake"` | on one field of the primary key: an id of 0 is filled in by the insert; also `"table"`, `"nanosecond"`, and `"uuid_v7"` on a `uuid::Uuid` |
/// | `skip` | not a column; the field is set to its type's `Default` when a row is read |
/// | `default` | the DEFAULT of the column is the type's `Default` |
/// | `default = <expr>` | the DEFAULT of the column is this value; a string literal is converted to a `String` |
/// | `json` | stored as JSON: the type must implement serde's traits, and the column is a `Column<Order, Json<T>>` |
/// | `created_at` | set to the current time by the insert |
/// | `updated_at` | set to the current time by the insert and each update |
/// | `soft_delete` | an `Option` of a timestamp: `delete` sets it instead of deleting the row, and queries exclude the row |
/// | `index`, `unique` | an index over this column |
/// | `length = 64` | the maximum length: characters of a string, bytes of a byte string |
/// | `precision = 12`, `scale = 2` | the total digits of a decimal, and the digits after the decimal point (default 0); also `decimal(12, 2)`. A value with more digits is rejected, never rounded |
/// | `collation = "binary"` | strings are compared by bytes, which allows ordering across logical shards |
///
/// `key`, `region` and `primary_key` are not nullable, so their types cannot be an `Option`. Names
/// of tables and columns are case-insensitive, as on SQLite and MySQL, and limited to 63 bytes, as
/// on PostgreSQL.
#[proc_macro_derive(ShardModel, attributes(shard))]
pub fn shard_model(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    run(input, model)
}

/// Derives a static model: a reference table with a full copy on each server of its groups.
///
/// ```
/// use shard_orm::StaticModel;
///
/// #[derive(Debug, Clone, StaticModel)]
/// #[static_model(source = "default", groups = ["shop"], table = "airlines")]
/// #[static_model(criterion = "revision")]
/// pub struct Airline {
///     #[static_model(primary_key, length = 3)]
///     pub code: String,
///     pub name: String,
///     pub revision: i64,
/// }
///
/// assert_eq!(Airline::NAME.name(), "name");
/// ```
///
/// # Struct attributes
///
/// | attribute | |
/// |---|---|
/// | `source = "default"` | the named database in which the rows are written; `"default"` if omitted |
/// | `groups = ["shop"]` | the groups whose servers hold a copy; required |
/// | `groups = all` | the same, for all groups of the configuration |
/// | `table = "airlines"` | the table name, at the source and in the copies; required |
/// | `criterion = "revision"` | the watermark column, a growing value that identifies changed rows; never NULL |
/// | `transmit = false` | no source: each server has its own rows |
/// | `transmit_hooks` | the model implements `TransmitHooks`, which run when its rows are copied |
/// | `index(a, b)`, `unique(a, b)`, `hooks`, `validate`, `crate = "path"` | as on a [`ShardModel`](macro@crate::ShardModel) |
///
/// # Field attributes
///
/// `primary_key`, `column`, `skip`, `default`, `json`, `created_at`, `updated_at`, `index`,
/// `unique`, `length`, `precision`, `scale`, `decimal` and `collation`, as on a
/// [`ShardModel`](macro@crate::ShardModel). A static model is not sharded, so it has no `key`.
#[proc_macro_derive(StaticModel, attributes(static_model))]
pub fn static_model_derive(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    run(input, static_model)
}

/// Derives a shard key, and a column type, from a newtype over an integer.
///
/// ```
/// use shard_orm::ShardKey;
///
/// #[derive(Debug, Clone, Copy, PartialEq, ShardKey)]
/// pub struct UserId(pub i64);
///
/// assert_eq!(UserId(42).to_key()?, 42);
/// # Ok::<(), shard_orm::Error>(())
/// ```
///
/// The type must be `Clone`. Do not derive `ShardField` as well: this derive includes it.
/// `#[shard(crate = "path")]` sets the path of the `shard_orm` crate, if it is not `::shard_orm`.
#[proc_macro_derive(ShardKey, attributes(shard))]
pub fn shard_key(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    run(input, key)
}

/// Derives a column type from a newtype or an enum.
///
/// A newtype is stored as its inner value:
///
/// ```
/// use shard_orm::ShardField;
///
/// #[derive(Debug, Clone, PartialEq, ShardField)]
/// pub struct Email(pub String);
/// ```
///
/// An enum without fields is stored as the variant's name in snake case, or with `integer` as its
/// discriminant. A stored value that matches no variant is a `Decode` error.
///
/// ```
/// use shard_orm::ShardField;
///
/// #[derive(Debug, Clone, Copy, PartialEq, ShardField)]
/// pub enum Status {
///     New,
///     OutOfStock, // out_of_stock
///     #[shard(rename = "gone")]
///     Sent,
/// }
///
/// #[derive(Debug, Clone, Copy, PartialEq, ShardField)]
/// #[shard(integer = "i16")]
/// pub enum Level {
///     Low = 10,
///     High = 20,
/// }
/// ```
///
/// | type attribute | |
/// |---|---|
/// | `rename_all = "lowercase"` | the case of stored variant names: `snake_case`, `lowercase`, `SCREAMING_SNAKE_CASE` or `PascalCase` |
/// | `integer`, `integer = "i16"` | store the variant's discriminant, as an `i32` or as this integer type |
/// | `crate = "path"` | the path of the `shard_orm` crate, if it is not `::shard_orm` |
///
/// | variant attribute | |
/// |---|---|
/// | `rename = "gone"` | the stored string |
#[proc_macro_derive(ShardField, attributes(shard))]
pub fn shard_field(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    run(input, field)
}

/// Derives a projection: a struct that selects some of a model's columns.
///
/// ```
/// use shard_orm::{ShardModel, ShardProjection};
///
/// #[derive(Debug, ShardModel)]
/// #[shard(group = "shop", table = "orders")]
/// pub struct Order {
///     #[shard(primary_key)]
///     pub id: i64,
///     #[shard(key)]
///     pub user_id: i64,
///     pub item: String,
///     pub quantity: i32,
/// }
///
/// #[derive(Debug, ShardProjection)]
/// #[shard(model = Order)]
/// pub struct Line {
///     pub item: String,
///     #[shard(field = "quantity")]
///     pub pieces: i32,
/// }
/// ```
///
/// Each field selects the column of the model's field with the same name, and must have its type.
///
/// | struct attribute | |
/// |---|---|
/// | `model = Order` | the model; required |
/// | `crate = "path"` | the path of the `shard_orm` crate, if it is not `::shard_orm` |
///
/// | field attribute | |
/// |---|---|
/// | `field = "quantity"` | the model's field, if its name differs |
/// | `json` | the model's field is marked `json` |
#[proc_macro_derive(ShardProjection, attributes(shard))]
pub fn shard_projection(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    run(input, projection)
}

/// Embeds a folder of migrations in the program: `migrations!("migrations")`.
///
/// The path is relative to the folder of the crate's `Cargo.toml`. It expands to a
/// `Result<Migrations>`, whose error names a file without a valid name or phase. The compiler notices
/// changed files; for new ones, a build script has to print `cargo::rerun-if-changed=migrations`.
#[proc_macro]
pub fn migrations(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    syn::parse(input)
        .and_then(|folder| migrations::expand(&folder))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Runs a derive and converts its errors to `compile_error!`s.
fn run(
    input: proc_macro::TokenStream,
    derive: fn(&DeriveInput) -> syn::Result<TokenStream>,
) -> proc_macro::TokenStream {
    syn::parse(input)
        .and_then(|input| derive(&input))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

fn model(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let model = parse::model(input, &parse::SHARDED, &mut errors)
        .and_then(|parsed| check::model(parsed, &mut errors));
    errors.finish(model).map(|model| expand::model(&model))
}

fn static_model(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let model = parse::model(input, &parse::STATIC, &mut errors)
        .and_then(|parsed| check::model(parsed, &mut errors));
    errors.finish(model).map(|model| expand::model(&model))
}

fn key(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let wrapper = parse::wrapper(input, "ShardKey", &mut errors)
        .and_then(|parsed| check::key(parsed, &mut errors));
    errors.finish(wrapper).map(|wrapper| expand::key(&wrapper))
}

fn field(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    if matches!(input.data, syn::Data::Enum(_)) {
        let stored = parse::enumeration(input, &mut errors)
            .and_then(|parsed| check::enumeration(parsed, &mut errors));
        return errors
            .finish(stored)
            .map(|stored| expand::enumeration(&stored));
    }
    let wrapper = parse::wrapper(input, "ShardField", &mut errors)
        .and_then(|parsed| check::wrapper(parsed, &mut errors));
    errors
        .finish(wrapper)
        .map(|wrapper| expand::wrapper(&wrapper))
}

fn projection(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let projection = parse::projection(input, &mut errors);
    errors
        .finish(projection)
        .map(|projection| expand::projection(&projection))
}
