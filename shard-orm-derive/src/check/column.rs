//! One field of a model: its column, and which attributes go together.

use syn::{Expr, Ident, Type};

use super::decimal;
use super::generate::{self, Generate};
use super::name_mistake;
use crate::attr::MaybeValue;
use crate::errors::Errors;
use crate::{names, parse, types};

/// A field that has a column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) field: Ident,
    /// The field's type, with `Self` spelled out.
    pub(crate) ty: Type,
    pub(crate) constant: Ident,
    pub(crate) name: String,
    pub(crate) json: bool,
    pub(crate) length: Option<u32>,
    /// The precision and the scale of a decimal.
    pub(crate) decimal: Option<(u8, u8)>,
    /// Whether its texts are compared by their bytes.
    pub(crate) binary: bool,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) stamp: Option<Stamp>,
    /// How its value is made, when it has none.
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

/// Which writes fill a field with their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamp {
    CreatedAt,
    UpdatedAt,
}

/// Checks one field that is not skipped.
pub(super) fn column(field: &parse::Field, model: &parse::Model, errors: &mut Errors) -> Column {
    together(field, errors);
    beside_soft_delete(field, errors);
    never_null(field, errors);
    let generate = generate::generate(field, errors);
    if let Some((said, _)) = &field.length
        && let Some(ty) = types::without_length(&field.ty)
    {
        errors.at(
            said,
            format!("`length` limits a text or a byte string; this field is `{ty}`"),
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
            MaybeValue::Alone => DefaultValue::OfType,
            MaybeValue::Value(value) => DefaultValue::Value(value.clone()),
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

/// Whether its texts are compared by their bytes.
fn binary(field: &parse::Field, errors: &mut Errors) -> bool {
    let Some(said) = &field.collation else {
        return false;
    };
    if said.value() != "binary" {
        errors.at(
            said,
            "there is one collation that all databases have: write `collation = \"binary\"` for a \
             text that is compared by its bytes, or leave it out",
        );
    } else if let Some(json) = &field.json {
        errors.at(json, "a JSON column has no collation");
    } else if let Some(ty) = types::without_length(&field.ty) {
        errors.at(
            said,
            format!("a collation compares texts; this field is `{ty}`"),
        );
    }
    true
}

fn name(field: &parse::Field, attribute: &str, errors: &mut Errors) -> String {
    let name = match &field.column {
        Some(said) => said.value(),
        None => names::plain(&field.ident),
    };
    if let Some(mistake) = name_mistake(&name) {
        match &field.column {
            Some(said) => errors.at(said, mistake),
            None => errors.at(
                &field.ident,
                format!("{mistake}; name the column with `#[{attribute}(column = \"..\")]`"),
            ),
        }
    }
    name
}

/// Refuses every attribute beside `skip`.
pub(super) fn skipped(field: &parse::Field, errors: &mut Errors) {
    let words = [
        field.key.as_ref(),
        field.region.as_ref(),
        field.primary_key.as_ref(),
        field.default.as_ref().map(|(said, _)| said),
        field.json.as_ref(),
        field.created_at.as_ref(),
        field.updated_at.as_ref(),
        field.soft_delete.as_ref(),
        field.index.as_ref(),
        field.unique.as_ref(),
        field.length.as_ref().map(|(said, _)| said),
    ];
    for said in words.into_iter().flatten() {
        errors.at(
            said,
            format!("a field with `skip` has no column, so it has no `{said}`"),
        );
    }
    decimal::skipped(field, errors);
    if let Some(generate) = &field.generate {
        errors.at(
            generate,
            "a field with `skip` has no column, so it has no `generate`",
        );
    }
    if let Some(column) = &field.column {
        errors.at(
            column,
            "a field with `skip` has no column, so the column has no name",
        );
    }
}

/// Refuses attributes that exclude each other.
fn together(field: &parse::Field, errors: &mut Errors) {
    let length = field.length.as_ref().map(|(said, _)| said);
    let default = field.default.as_ref().map(|(said, _)| said);
    let routes = [field.key.as_ref(), field.region.as_ref()];
    let named = [routes[0], routes[1], field.primary_key.as_ref()];
    let indexed = [field.index.as_ref(), field.unique.as_ref()];

    if let (Some(_), Some(region)) = (&field.key, &field.region) {
        errors.at(region, "one field cannot be both `key` and `region`");
    }
    if let (Some(_), Some(unique)) = (&field.index, &field.unique) {
        errors.at(unique, "a `unique` index is an index: leave `index` out");
    }
    if let Some(json) = &field.json {
        if let Some(said) = named.into_iter().flatten().next() {
            errors.at(
                json,
                format!("a `{said}` cannot be JSON, which each database compares and orders in its own way"),
            );
        }
        for said in indexed.into_iter().flatten() {
            errors.at(said, "a JSON column cannot be indexed on every database");
        }
        if let Some(said) = length {
            errors.at(said, "a JSON column has no length");
        }
    }
    if let (Some(_), Some(updated)) = (&field.created_at, &field.updated_at) {
        errors.at(
            updated,
            "`updated_at` is filled by the insert too: a field is one of them, not both",
        );
    }
    if let Some(time) = field.created_at.as_ref().or(field.updated_at.as_ref()) {
        if let Some(said) = named.into_iter().flatten().next() {
            errors.at(
                time,
                format!("a `{said}` is given by the caller, not filled at the write"),
            );
        }
        for said in [default, length, field.json.as_ref()].into_iter().flatten() {
            errors.at(
                said,
                format!("a field that is filled at the write has no `{said}`"),
            );
        }
    }
}

/// Refuses what does not go with the mark of a deleted row.
fn beside_soft_delete(field: &parse::Field, errors: &mut Errors) {
    if field.soft_delete.is_none() {
        return;
    }
    let others = [
        field.key.as_ref(),
        field.region.as_ref(),
        field.primary_key.as_ref(),
        field.created_at.as_ref(),
        field.updated_at.as_ref(),
        field.default.as_ref().map(|(said, _)| said),
        field.json.as_ref(),
        field.length.as_ref().map(|(said, _)| said),
    ];
    for said in others.into_iter().flatten() {
        errors.at(
            said,
            format!(
                "`{said}` does not go with `soft_delete`, which is NULL until the row is deleted"
            ),
        );
    }
}

/// What routes or names a row is never NULL.
fn never_null(field: &parse::Field, errors: &mut Errors) {
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
        format!("{what} cannot be NULL: give the field its type without `Option`"),
    );
}

#[cfg(test)]
mod tests {
    use syn::{Attribute, Type, parse_quote};

    use crate::errors::messages;
    use crate::model;

    /// The mistakes in one field of an isolated model.
    fn mistakes(attribute: &Attribute, ty: &Type) -> Vec<String> {
        messages(
            model,
            &parse_quote! {
                #[shard(group = "shop", isolated, table = "t")]
                struct A { #[shard(primary_key)] id: i64, #attribute a: #ty }
            },
        )
    }

    #[test]
    fn a_skipped_field_has_nothing_beside_it() {
        let found = mistakes(
            &parse_quote!(#[shard(skip, primary_key, json, column = "b", index, length = 3)]),
            &parse_quote!(String),
        );
        assert_eq!(
            found,
            [
                "a field with `skip` has no column, so it has no `primary_key`",
                "a field with `skip` has no column, so it has no `json`",
                "a field with `skip` has no column, so it has no `index`",
                "a field with `skip` has no column, so it has no `length`",
                "a field with `skip` has no column, so the column has no name",
            ]
        );
    }

    #[test]
    fn a_json_field_names_nothing_and_has_no_length() {
        let found = mistakes(
            &parse_quote!(#[shard(json, primary_key, unique, length = 3)]),
            &parse_quote!(Tags),
        );
        assert_eq!(
            found,
            [
                "a `primary_key` cannot be JSON, which each database compares and orders in its own way",
                "a JSON column cannot be indexed on every database",
                "a JSON column has no length",
            ]
        );
    }

    #[test]
    fn a_time_of_a_write_is_filled_by_the_write_alone() {
        let found = mistakes(
            &parse_quote!(#[shard(created_at, updated_at, default)]),
            &parse_quote!(DateTime<Utc>),
        );
        assert_eq!(
            found,
            [
                "`updated_at` is filled by the insert too: a field is one of them, not both",
                "a field that is filled at the write has no `default`",
            ]
        );
    }

    #[test]
    fn the_mark_of_a_deleted_row_is_nothing_else() {
        let found = mistakes(
            &parse_quote!(#[shard(soft_delete, updated_at, default)]),
            &parse_quote!(Option<DateTime<Utc>>),
        );
        assert_eq!(
            found,
            [
                "a field that is filled at the write has no `default`",
                "`updated_at` does not go with `soft_delete`, which is NULL until the row is deleted",
                "`default` does not go with `soft_delete`, which is NULL until the row is deleted",
            ]
        );
    }

    #[test]
    fn the_mark_of_a_deleted_row_is_found_under_its_other_name() {
        let found = mistakes(
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
    fn a_primary_key_is_never_null() {
        let found = mistakes(
            &parse_quote!(#[shard(primary_key)]),
            &parse_quote!(Option<i64>),
        );
        assert_eq!(
            found,
            ["a primary key cannot be NULL: give the field its type without `Option`"]
        );
    }

    #[test]
    fn a_length_stands_on_a_text() {
        let found = mistakes(
            &parse_quote!(#[shard(length = 3)]),
            &parse_quote!(Option<i64>),
        );
        assert_eq!(
            found,
            ["`length` limits a text or a byte string; this field is `Option<i64>`"]
        );
    }

    #[test]
    fn a_name_fits_every_database() {
        let found = mistakes(
            &parse_quote!(#[shard(column = "a_name_of_sixty_four_bytes_is_one_more_than_postgresql_will_keep")]),
            &parse_quote!(i64),
        );
        assert_eq!(
            found,
            ["a name has at most 63 bytes, which is all that PostgreSQL keeps; this has 64"]
        );
        let found = mistakes(&parse_quote!(#[shard(column = "")]), &parse_quote!(i64));
        assert_eq!(found, ["a name cannot be empty"]);
    }
}
