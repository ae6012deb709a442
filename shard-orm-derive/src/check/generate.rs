//! How the value of a field is made: what `generate` says, and where it may stand.

use crate::errors::Errors;
use crate::{names, parse, types};

/// How an id is made.
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
    let said = field.generate.as_ref()?;
    if field.primary_key.is_none() {
        errors.at(
            said,
            "`generate` fills the id of a row, which is a field of its primary key: mark it with \
             `primary_key` too",
        );
    }
    if let Some(region) = &field.region {
        errors.at(region, "a region is said by the caller, not generated");
    }
    if let Some((default, _)) = &field.default {
        errors.at(
            default,
            "a generated id has no `default`: the database would give it to every row",
        );
    }
    let name = said.value();
    let generate = NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, generate)| *generate);
    if generate.is_none() {
        errors.at(said, unknown(&name));
    }
    if generate == Some(Generate::UuidV7)
        && let Some(key) = &field.key
    {
        errors.at(key, "a UUID is no shard key, which is an integer");
        return None;
    }
    // The type of an `Option` has been refused.
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
            "each logical shard would count for itself, so that rows of two shards have one id, and \
             meet when they move to one server; use one of {}",
            names::list(known)
        );
    }
    match names::nearest(name, known.clone()) {
        Some(near) => format!("ids are not made by `{name}`; did you mean `{near}`?"),
        None => format!(
            "ids are not made by `{name}`; use one of {}",
            names::list(known)
        ),
    }
}

#[cfg(test)]
mod tests {
    use syn::{Attribute, Type, parse_quote};

    use crate::errors::messages;
    use crate::model;

    /// The mistakes in one field of a sharded model.
    fn mistakes(attribute: &Attribute, ty: &Type) -> Vec<String> {
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
    fn each_way_of_making_ids_is_known() {
        for name in ["snowflake", "table", "uuid_v7", "nanosecond"] {
            let found = mistakes(
                &parse_quote!(#[shard(primary_key, generate = #name)]),
                &parse_quote!(i64),
            );
            assert_eq!(found, [""; 0], "{name}");
        }
    }

    #[test]
    fn ids_of_the_database_are_refused_with_the_reason() {
        let found = mistakes(
            &parse_quote!(#[shard(primary_key, generate = "database")]),
            &parse_quote!(i64),
        );
        assert_eq!(
            found,
            [
                "each logical shard would count for itself, so that rows of two shards have one id, \
                 and meet when they move to one server; use one of `snowflake`, `table`, `uuid_v7` \
                 and `nanosecond`"
            ]
        );
    }

    #[test]
    fn a_near_name_is_suggested() {
        let found = mistakes(
            &parse_quote!(#[shard(primary_key, generate = "snowflakes")]),
            &parse_quote!(i64),
        );
        assert_eq!(
            found,
            ["ids are not made by `snowflakes`; did you mean `snowflake`?"]
        );
    }

    #[test]
    fn a_generated_field_is_one_part_of_the_primary_key_and_has_no_default() {
        let found = mistakes(
            &parse_quote!(#[shard(generate = "snowflake", default)]),
            &parse_quote!(i64),
        );
        assert_eq!(
            found,
            [
                "`generate` fills the id of a row, which is a field of its primary key: mark it with \
                 `primary_key` too",
                "a generated id has no `default`: the database would give it to every row",
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
                "a model has one field with `generate`",
                "a field with `skip` has no column, so it has no `generate`",
            ]
        );
    }

    #[test]
    fn a_uuid_is_no_shard_key() {
        let found = messages(
            model,
            &parse_quote! {
                #[shard(group = "shop", table = "t")]
                struct A { #[shard(primary_key, key, generate = "uuid_v7")] a: Uuid }
            },
        );
        assert_eq!(found, ["a UUID is no shard key, which is an integer"]);
    }
}
