//! Checks `generate`, the generator of an id.

use crate::errors::Errors;
use crate::{names, parse, types};

/// The generator of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generate {
    Snowflake,
    Table,
    UuidV7,
    Nanosecond,
}

const NAMES: [(&str, Generate); 4] = [
    ("snowflake", Generate::Snowflake),
    ("table", Generate::Table),
    ("uuid_v7", Generate::UuidV7),
    ("nanosecond", Generate::Nanosecond),
];

/// Checks the `generate` of a field.
pub(super) fn generate(field: &parse::Field, errors: &mut Errors) -> Option<Generate> {
    let token = field.generate.as_ref()?;
    if field.primary_key.is_none() {
        errors.at(
            token,
            "`generate` requires a primary key field: mark it with `primary_key` as well",
        );
    }
    if let Some(region) = &field.region {
        errors.at(region, "a region cannot be generated");
    }
    if let Some((default, _)) = &field.default {
        errors.at(
            default,
            "a generated id cannot have a `default`: every row would have the same id",
        );
    }
    let name = token.value();
    let generate = NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, generate)| *generate);
    if generate.is_none() {
        errors.at(token, unknown(&name));
    }
    if generate == Some(Generate::UuidV7)
        && let Some(key) = &field.key
    {
        errors.at(key, "a UUID cannot be a shard key; use an integer");
        return None;
    }
    // An `Option` has been reported already.
    generate.filter(|_| types::option_of(&field.ty).is_none())
}

fn unknown(name: &str) -> String {
    let known = NAMES.iter().map(|(name, _)| *name);
    if [
        "database",
        "auto_increment",
        "autoincrement",
        "serial",
        "identity",
    ]
    .contains(&name)
    {
        return format!(
            "auto-increment ids are not supported: each logical shard would have its own counter, \
             and ids would collide; use one of {}",
            names::list(known)
        );
    }
    match names::nearest(name, known.clone()) {
        Some(near) => format!("unknown id generator `{name}`; did you mean `{near}`?"),
        None => format!(
            "unknown id generator `{name}`; use one of {}",
            names::list(known)
        ),
    }
}

#[cfg(test)]
mod tests {
    use syn::{Attribute, Type, parse_quote};

    use crate::errors::messages;
    use crate::model;

    /// Returns the errors of one field of a sharded model.
    fn errors_of(attribute: &Attribute, ty: &Type) -> Vec<String> {
        messages(
            model,
            &parse_quote! {
                #[shard(group = "shop", table = "t")]
                struct A {
                    #[shard(primary_key)] number: i64,
                    #[shard(key)] user: i64,
                    #attribute a: #ty,
                }
            },
        )
    }

    #[test]
    fn every_id_generator_is_accepted() {
        for name in ["snowflake", "table", "uuid_v7", "nanosecond"] {
            let found = errors_of(
                &parse_quote!(#[shard(primary_key, generate = #name)]),
                &parse_quote!(i64),
            );
            assert_eq!(found, [""; 0], "{name}");
        }
    }

    #[test]
    fn auto_increment_ids_are_rejected_with_the_reason() {
        let found = errors_of(
            &parse_quote!(#[shard(primary_key, generate = "database")]),
            &parse_quote!(i64),
        );
        assert_eq!(
            found,
            [
                "auto-increment ids are not supported: each logical shard would have its own \
                 counter, and ids would collide; use one of `snowflake`, `table`, `uuid_v7` and \
                 `nanosecond`"
            ]
        );
    }

    #[test]
    fn a_similar_generator_is_suggested() {
        let found = errors_of(
            &parse_quote!(#[shard(primary_key, generate = "snowflakes")]),
            &parse_quote!(i64),
        );
        assert_eq!(
            found,
            ["unknown id generator `snowflakes`; did you mean `snowflake`?"]
        );
    }

    #[test]
    fn a_generated_field_is_in_the_primary_key_without_default() {
        let found = errors_of(
            &parse_quote!(#[shard(generate = "snowflake", default)]),
            &parse_quote!(i64),
        );
        assert_eq!(
            found,
            [
                "`generate` requires a primary key field: mark it with `primary_key` as well",
                "a generated id cannot have a `default`: every row would have the same id",
            ]
        );
        let found = messages(
            model,
            &parse_quote! {
                #[shard(database = "default", table = "t")]
                struct A {
                    #[shard(primary_key, generate = "table")] a: i64,
                    #[shard(primary_key, generate = "table")] b: i64,
                    #[shard(skip, generate = "table")] c: i64,
                }
            },
        );
        assert_eq!(
            found,
            [
                "duplicate `generate`; only one field of a model can have it",
                "`generate` cannot be combined with `skip`: the field has no column",
            ]
        );
    }

    #[test]
    fn a_uuid_cannot_be_a_shard_key() {
        let found = messages(
            model,
            &parse_quote! {
                #[shard(group = "shop", table = "t")]
                struct A { #[shard(primary_key, key, generate = "uuid_v7")] a: Uuid }
            },
        );
        assert_eq!(found, ["a UUID cannot be a shard key; use an integer"]);
    }
}
