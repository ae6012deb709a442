//! Checks one field of a model: its column, and the combination of its attributes.

use syn::{Expr, Ident, Type};

use super::decimal;
use super::generate::{self, Generate};
use super::name_problem;
use crate::attr::OptionalValue;
use crate::errors::Errors;
use crate::{names, parse, types};

/// A field with a column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) field: Ident,
    /// The field's type, with `Self` spelled out.
    pub(crate) ty: Type,
    pub(crate) constant: Ident,
    pub(crate) name: String,
    pub(crate) json: bool,
    pub(crate) length: Option<u32>,
    /// The precision and scale of a decimal.
    pub(crate) decimal: Option<(u8, u8)>,
    /// Whether strings are compared by bytes.
    pub(crate) binary: bool,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) stamp: Option<Stamp>,
    /// The generator of its value, for an id that is not set.
    pub(crate) generate: Option<Generate>,
    /// Whether it is marked `soft_delete`.
    pub(crate) soft_delete: bool,
}

/// The DEFAULT of a column.
#[derive(Debug)]
pub(crate) enum DefaultValue {
    /// The `Default` of the field's type.
    OfType,
    /// This value.
    Value(Expr),
}

/// The writes that set a field to the current time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamp {
    CreatedAt,
    UpdatedAt,
}

/// Checks one field that is not skipped.
pub(super) fn column(field: &parse::Field, model: &parse::Model, errors: &mut Errors) -> Column {
    exclusive(field, errors);
    soft_delete_conflicts(field, errors);
    not_nullable(field, errors);
    let generate = generate::generate(field, errors);
    if let Some((token, _)) = &field.length
        && let Some(ty) = types::without_length(&field.ty)
    {
        errors.at(
            token,
            format!("`length` applies to strings and byte strings; this field is `{ty}`"),
        );
    }
    Column {
        field: field.ident.clone(),
        ty: types::without_self(&field.ty, &model.ident),
        constant: names::constant(&field.ident),
        name: name(field, model.derive.attribute, errors),
        json: field.json.is_some(),
        length: field.length.as_ref().map(|(_, length)| *length),
        decimal: decimal::decimal(field, errors),
        binary: binary(field, errors),
        default: field.default.as_ref().map(|(_, value)| match value {
            OptionalValue::Absent => DefaultValue::OfType,
            OptionalValue::Value(value) => DefaultValue::Value(value.clone()),
        }),
        stamp: match (&field.created_at, &field.updated_at) {
            (Some(_), _) => Some(Stamp::CreatedAt),
            (None, Some(_)) => Some(Stamp::UpdatedAt),
            (None, None) => None,
        },
        generate,
        soft_delete: field.soft_delete.is_some(),
    }
}

/// Whether strings are compared by bytes.
fn binary(field: &parse::Field, errors: &mut Errors) -> bool {
    let Some(token) = &field.collation else {
        return false;
    };
    if token.value() != "binary" {
        errors.at(
            token,
            "unknown collation; use `collation = \"binary\"` to compare strings by bytes, or \
             remove it",
        );
    } else if let Some(ty) = types::without_length(&field.ty) {
        errors.at(
            token,
            format!("`collation` applies to strings; this field is `{ty}`"),
        );
    }
    true
}

fn name(field: &parse::Field, attribute: &str, errors: &mut Errors) -> String {
    let name = match &field.column {
        Some(token) => token.value(),
        None => names::plain(&field.ident),
    };
    if let Some(problem) = name_problem(&name) {
        match &field.column {
            Some(token) => errors.at(token, problem),
            None => errors.at(
                &field.ident,
                format!("{problem}; name the column with `#[{attribute}(column = \"..\")]`"),
            ),
        }
    }
    name
}

/// Rejects arguments that require a column on a field with `skip`.
pub(super) fn skipped(field: &parse::Field, errors: &mut Errors) {
    const REQUIRE_COLUMN: [&str; 16] = [
        "key",
        "region",
        "primary_key",
        "default",
        "json",
        "created_at",
        "updated_at",
        "soft_delete",
        "index",
        "unique",
        "length",
        "precision",
        "scale",
        "decimal",
        "generate",
        "column",
    ];
    for (name, token) in field.given(&REQUIRE_COLUMN) {
        errors.at(
            token,
            format!("`{name}` cannot be combined with `skip`: the field has no column"),
        );
    }
}

/// Rejects attributes that exclude each other.
fn exclusive(field: &parse::Field, errors: &mut Errors) {
    if let (Some(_), Some(region)) = (&field.key, &field.region) {
        errors.at(region, "one field cannot be both `key` and `region`");
    }
    if let (Some(_), Some(unique)) = (&field.index, &field.unique) {
        errors.at(unique, "`unique` already creates an index; remove `index`");
    }
    let identifying = field.given(&["key", "region", "primary_key"]).next();
    if let Some(json) = &field.json {
        if let Some((name, _)) = identifying {
            errors.at(
                json,
                format!("a `{name}` cannot be JSON: databases compare JSON differently"),
            );
        }
        for (_, token) in field.given(&["index", "unique"]) {
            errors.at(
                token,
                "a JSON column cannot be indexed: not every database supports it",
            );
        }
        for (name, token) in field.given(&["length", "precision", "scale", "decimal", "collation"])
        {
            errors.at(token, format!("a JSON column cannot have `{name}`"));
        }
    }
    if let (Some(_), Some(updated)) = (&field.created_at, &field.updated_at) {
        errors.at(
            updated,
            "`updated_at` is also set by the insert; use either `created_at` or `updated_at`",
        );
    }
    if let Some(time) = field.created_at.as_ref().or(field.updated_at.as_ref()) {
        if let Some((name, _)) = identifying {
            errors.at(
                time,
                format!("a `{name}` is provided by the caller; it cannot be set by the write"),
            );
        }
        for (name, token) in field.given(&["default", "length", "json"]) {
            errors.at(
                token,
                format!("a field that is set by the write cannot have `{name}`"),
            );
        }
    }
}

/// Rejects attributes that cannot be combined with `soft_delete`.
fn soft_delete_conflicts(field: &parse::Field, errors: &mut Errors) {
    const CONFLICTING: [&str; 8] = [
        "key",
        "region",
        "primary_key",
        "created_at",
        "updated_at",
        "default",
        "json",
        "length",
    ];
    if field.soft_delete.is_none() {
        return;
    }
    for (name, token) in field.given(&CONFLICTING) {
        errors.at(
            token,
            format!(
                "`{name}` cannot be combined with `soft_delete`, which is NULL until the row is \
                 deleted"
            ),
        );
    }
}

/// Rejects nullable keys, regions and primary keys.
fn not_nullable(field: &parse::Field, errors: &mut Errors) {
    if types::option_of(&field.ty).is_none() {
        return;
    }
    let what = match (&field.key, &field.region, &field.primary_key) {
        (Some(_), ..) => "a shard key",
        (_, Some(_), _) => "a region",
        (_, _, Some(_)) => "a primary key",
        (None, None, None) => return,
    };
    errors.at(
        &field.ty,
        format!("{what} cannot be NULL: remove the `Option` from its type"),
    );
}

#[cfg(test)]
mod tests {
    use syn::{Attribute, Type, parse_quote};

    use crate::errors::messages;
    use crate::model;

    /// Returns the errors of one field of an isolated model.
    fn errors_of(attribute: &Attribute, ty: &Type) -> Vec<String> {
        messages(
            model,
            &parse_quote! {
                #[shard(group = "shop", isolated, table = "t")]
                struct A { #[shard(primary_key)] id: i64, #attribute a: #ty }
            },
        )
    }

    #[test]
    fn a_skipped_field_has_no_column_attributes() {
        let found = errors_of(
            &parse_quote!(#[shard(skip, primary_key, json, column = "b", index, length = 3)]),
            &parse_quote!(String),
        );
        assert_eq!(
            found,
            [
                "`primary_key` cannot be combined with `skip`: the field has no column",
                "`json` cannot be combined with `skip`: the field has no column",
                "`index` cannot be combined with `skip`: the field has no column",
                "`length` cannot be combined with `skip`: the field has no column",
                "`column` cannot be combined with `skip`: the field has no column",
            ]
        );
    }

    #[test]
    fn a_json_column_has_no_key_index_or_length() {
        let found = errors_of(
            &parse_quote!(#[shard(json, primary_key, unique, length = 3)]),
            &parse_quote!(Tags),
        );
        assert_eq!(
            found,
            [
                "a `primary_key` cannot be JSON: databases compare JSON differently",
                "a JSON column cannot be indexed: not every database supports it",
                "a JSON column cannot have `length`",
            ]
        );
    }

    #[test]
    fn a_write_time_excludes_other_attributes() {
        let found = errors_of(
            &parse_quote!(#[shard(created_at, updated_at, default)]),
            &parse_quote!(DateTime<Utc>),
        );
        assert_eq!(
            found,
            [
                "`updated_at` is also set by the insert; use either `created_at` or `updated_at`",
                "a field that is set by the write cannot have `default`",
            ]
        );
    }

    #[test]
    fn soft_delete_excludes_other_attributes() {
        let found = errors_of(
            &parse_quote!(#[shard(soft_delete, updated_at, default)]),
            &parse_quote!(Option<DateTime<Utc>>),
        );
        assert_eq!(
            found,
            [
                "a field that is set by the write cannot have `default`",
                "`updated_at` cannot be combined with `soft_delete`, which is NULL until the row is deleted",
                "`default` cannot be combined with `soft_delete`, which is NULL until the row is deleted",
            ]
        );
    }

    #[test]
    fn deleted_at_suggests_soft_delete() {
        let found = errors_of(
            &parse_quote!(#[shard(deleted_at)]),
            &parse_quote!(Option<DateTime<Utc>>),
        );
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("did you mean `soft_delete`?"),
            "{}",
            found[0]
        );
    }

    #[test]
    fn a_primary_key_is_not_nullable() {
        let found = errors_of(
            &parse_quote!(#[shard(primary_key)]),
            &parse_quote!(Option<i64>),
        );
        assert_eq!(
            found,
            ["a primary key cannot be NULL: remove the `Option` from its type"]
        );
    }

    #[test]
    fn a_length_applies_to_strings() {
        let found = errors_of(
            &parse_quote!(#[shard(length = 3)]),
            &parse_quote!(Option<i64>),
        );
        assert_eq!(
            found,
            ["`length` applies to strings and byte strings; this field is `Option<i64>`"]
        );
    }

    #[test]
    fn a_column_name_is_valid_on_every_database() {
        let found = errors_of(
            &parse_quote!(#[shard(column = "a_name_of_sixty_four_bytes_is_one_more_than_postgresql_will_keep")]),
            &parse_quote!(i64),
        );
        assert_eq!(
            found,
            ["the name has 64 bytes; PostgreSQL allows at most 63"]
        );
        let found = errors_of(&parse_quote!(#[shard(column = "")]), &parse_quote!(i64));
        assert_eq!(found, ["the name is empty"]);
    }
}
