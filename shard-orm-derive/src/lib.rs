//! The derive macros of `shard-orm`: a struct becomes a model, a type becomes a column.
//!
//! Use them through `shard_orm`, which exports each beside the trait of the same name. Nothing
//! here names a database: the generated code is constants and calls of `shard_orm::Field`.
//!
//! Each derive reads its input (`parse`), finds every mistake in it (`check`) and writes the code
//! (`expand`). All mistakes of one input are reported by one compile, each where it stands.

mod attr;
mod check;
mod errors;
mod expand;
mod names;
mod parse;
mod types;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::errors::Errors;

/// Makes a struct a model: each value is a row of one table.
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
/// For each column there is a constant, named like the field in capitals: `Order::USER_ID` is a
/// `Column<Order, i64>`. They are as visible as the struct.
///
/// # On the struct
///
/// | attribute | |
/// |---|---|
/// | `group = "shop"` | the rows are spread over the logical shards of this group; one field is the `key` |
/// | `group = "shop", isolated` | each logical shard of this group has rows of its own, addressed by its number |
/// | `database = "default"` | the rows live in this one database, not sharded |
/// | `table = "orders"` | the name of the table; always said |
/// | `index(a, b)` | an index over the columns of these fields, in this order; may be repeated |
/// | `unique(a, b)` | the same, and unique within each logical shard; may be repeated |
/// | `has_many(lines = "Line", by = "order_id")` | a constant `LINES`: the rows of another model of the group that hold this one's id in that field |
/// | `has_one(invoice = "Invoice", by = "order_id")` | the same, for at most one row |
/// | `belongs_to(order = "Order", by = "order_id")` | a constant `ORDER`: the row of another model of the group whose id is in this one's field |
/// | `refers_to(country = "Country", by = "country_id")` | the same, of a model of a named database |
/// | `hooks` | the model's own `Hooks` run before and after its rows are written |
/// | `validate` | the model's own `Validate` refuses rows before they are written |
/// | `crate = "path"` | where `shard_orm` is found, if not at `::shard_orm` |
///
/// One of `group` and `database` is said, never both.
///
/// # On a field
///
/// | attribute | |
/// |---|---|
/// | `key` | the shard key: an integer, or a newtype that derives `ShardKey`; exactly one in a sharded model, none in others |
/// | `region` | the region of the row, which picks the shards that the key hashes within |
/// | `primary_key` | part of the primary key, in the order of the fields; at least one, and at most four beside `key` and `region` |
/// | `column = "name"` | the name of the column, if it is not the name of the field |
/// | `generate = "snowflake"` | on one field of the primary key: an id of 0 is filled when the row is inserted; also `"table"`, `"nanosecond"`, and on a `uuid::Uuid` `"uuid_v7"` |
/// | `skip` | no column; a row that is read gets the type's `Default` |
/// | `default` | the column's DEFAULT is the type's `Default` |
/// | `default = <expr>` | the column's DEFAULT is this value; a literal text is made a `String` |
/// | `json` | stored as JSON: the type needs serde's traits, and the column is a `Column<Order, Json<T>>` |
/// | `created_at` | filled with the time of the insert |
/// | `updated_at` | filled with the time of the insert and of each update |
/// | `soft_delete` | an `Option` of a timestamp: `delete` sets it instead of deleting the row, and queries leave the row out |
/// | `index`, `unique` | an index over this column alone |
/// | `length = 64` | the longest text or byte string, in characters or bytes |
/// | `precision = 12`, `scale = 2` | the digits of a decimal, and how many of them are after the point (0, unless said); also `decimal(12, 2)`. A value with more is refused, never rounded |
/// | `collation = "binary"` | a text that is compared by its bytes, so that it can be ordered by over several logical shards |
///
/// `key`, `region` and `primary_key` are never NULL, so their types are not an `Option`. Names of
/// tables and columns are compared without regard to case, as SQLite and MySQL do, and have at
/// most 63 bytes, as PostgreSQL does.
#[proc_macro_derive(ShardModel, attributes(shard))]
pub fn shard_model(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    run(input, model)
}

/// Makes a struct a static model: a reference table, of which each server of its groups holds a
/// full copy.
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
/// # On the struct
///
/// | attribute | |
/// |---|---|
/// | `source = "default"` | the named database in which the rows are written; `"default"` where it is not said |
/// | `groups = ["shop"]` | the groups whose servers hold a copy; always said |
/// | `groups = all` | the same, for all groups of the configuration |
/// | `table = "airlines"` | the name of the table, at the source and in the copies; always said |
/// | `criterion = "revision"` | the field that says which rows have changed; never NULL |
/// | `transmit = false` | there is no source: each server has rows of its own |
/// | `transmit_hooks` | the model's own `TransmitHooks` run where its rows are copied |
/// | `index(a, b)`, `unique(a, b)`, `hooks`, `validate`, `crate = "path"` | as of a [`ShardModel`](macro@crate::ShardModel) |
///
/// # On a field
///
/// `primary_key`, `column`, `skip`, `default`, `json`, `created_at`, `updated_at`, `index`, `unique`,
/// `length`, `precision`, `scale`, `decimal` and `collation`, each as of a [`ShardModel`](macro@crate::ShardModel). A static model is
/// not sharded, so it has no `key`.
#[proc_macro_derive(StaticModel, attributes(static_model))]
pub fn static_model_derive(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    run(input, static_model)
}

/// Makes a tuple struct around one integer a shard key, and a field.
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
/// The type has to be `Clone`. Do not derive `ShardField` on it too: this derive has it in it.
/// `#[shard(crate = "path")]` says where `shard_orm` is found, if not at `::shard_orm`.
#[proc_macro_derive(ShardKey, attributes(shard))]
pub fn shard_key(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    run(input, key)
}

/// Makes a type of your own one that a column holds.
///
/// On a struct around one field, the column is that field's:
///
/// ```
/// use shard_orm::ShardField;
///
/// #[derive(Debug, Clone, PartialEq, ShardField)]
/// pub struct Email(pub String);
/// ```
///
/// On an enum of variants without fields, the column holds the variant's name in snake case, or
/// with `integer` its number. A value that is no variant's is a `Decode` error.
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
/// | on the type | |
/// |---|---|
/// | `rename_all = "lowercase"` | how a variant's name is stored: `snake_case`, `lowercase`, `SCREAMING_SNAKE_CASE` or `PascalCase` |
/// | `integer`, `integer = "i16"` | store the number of the variant, as an `i32` or as this integer |
/// | `crate = "path"` | where `shard_orm` is found, if not at `::shard_orm` |
///
/// | on a variant | |
/// |---|---|
/// | `rename = "gone"` | the text that is stored |
#[proc_macro_derive(ShardField, attributes(shard))]
pub fn shard_field(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    run(input, field)
}

/// Makes a struct a selection of a model's columns.
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
/// Each field takes the column of the model's field of the same name, and has its type.
///
/// | on the struct | |
/// |---|---|
/// | `model = Order` | the model; always said |
/// | `crate = "path"` | where `shard_orm` is found, if not at `::shard_orm` |
///
/// | on a field | |
/// |---|---|
/// | `field = "quantity"` | the model's field, if it is named otherwise |
/// | `json` | the model's field is marked `json` |
#[proc_macro_derive(ShardProjection, attributes(shard))]
pub fn shard_projection(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    run(input, projection)
}

/// Runs one derive; its mistakes become `compile_error!`s.
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
