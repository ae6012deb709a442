//! The location of a model's rows: a group, a named database, or a source and its copies.

use super::configured_name;
use super::static_location::{self, StaticLocation};
use crate::errors::Errors;
use crate::parse;

/// The location of a model's rows, with the name of the group or database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    Sharded(String),
    Isolated(String),
    Database(String),
    Static(StaticLocation),
}

/// Checks `group`, `isolated` and `database`, and that `key` and `region` are consistent with them.
///
/// `complete` means that every attribute was parsed, so that absent ones can be reported as
/// missing.
pub(super) fn location(
    model: &parse::Model,
    complete: bool,
    errors: &mut Errors,
) -> Option<Location> {
    if model.derive.is_static {
        return static_location::static_location(model, complete, errors).map(Location::Static);
    }
    for name in model.group.iter().chain(&model.database) {
        configured_name(name, errors);
    }
    match (&model.group, &model.isolated, &model.database) {
        (Some(_), _, Some(database)) => {
            errors.at(
                database,
                "`group` and `database` exclude each other; remove one",
            );
            None
        }
        (None, Some(isolated), Some(_)) => {
            errors.at(
                isolated,
                "`isolated` requires a `group`; a `database` is not sharded",
            );
            None
        }
        (None, Some(isolated), None) => {
            if complete {
                errors.at(
                    isolated,
                    "`isolated` requires a group: `group = \"shop\", isolated`",
                );
            }
            None
        }
        (None, None, None) => {
            if complete {
                errors.at(
                    &model.ident,
                    "missing location: add `#[shard(group = \"..\")]`, or `#[shard(database = \
                     \"..\")]` for a model that is not sharded",
                );
            }
            None
        }
        (Some(group), None, None) => {
            sharded(model, complete, errors);
            Some(Location::Sharded(group.value()))
        }
        (Some(group), Some(_), None) => {
            not_sharded(
                model,
                "an isolated model is addressed by shard number",
                errors,
            );
            Some(Location::Isolated(group.value()))
        }
        (None, None, Some(database)) => {
            not_sharded(model, "a model of a named database is not sharded", errors);
            Some(Location::Database(database.value()))
        }
    }
}

/// Checks that a sharded model has one key and at most one region.
fn sharded(model: &parse::Model, complete: bool, errors: &mut Errors) {
    let mut keys = model.fields.iter().filter_map(|field| field.key.as_ref());
    let mut regions = model
        .fields
        .iter()
        .filter_map(|field| field.region.as_ref());
    let key = keys.next();
    let region = regions.next();
    for second in keys {
        errors.at(
            second,
            "duplicate shard key; a model has exactly one field with `key`",
        );
    }
    for second in regions {
        errors.at(
            second,
            "duplicate region; a model has at most one field with `region`",
        );
    }
    if key.is_none() && complete {
        match region {
            Some(region) => errors.at(
                region,
                "a region requires a shard key, which selects one of the region's shards: mark \
                 its field with `#[shard(key)]`",
            ),
            None => errors.at(
                &model.ident,
                "missing shard key: mark the field that determines the shard with \
                 `#[shard(key)]`, or the model as `isolated`",
            ),
        }
    }
}

/// Checks that a model that is not sharded has neither key nor region.
fn not_sharded(model: &parse::Model, why: &str, errors: &mut Errors) {
    for field in &model.fields {
        for mark in field.key.iter().chain(&field.region) {
            errors.at(mark, format!("{why}, so it cannot have a `{mark}`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use syn::{DeriveInput, parse_quote};

    use crate::errors::messages;
    use crate::model;

    fn prefixes(input: &DeriveInput) -> Vec<String> {
        messages(model, input)
            .iter()
            .map(|message| message.chars().take(40).collect())
            .collect()
    }

    #[test]
    fn each_location_is_sufficient() {
        let sharded = prefixes(&parse_quote! {
            #[shard(group = "shop", table = "t")]
            struct A { #[shard(primary_key)] id: i64, #[shard(key)] user: i64 }
        });
        let isolated = prefixes(&parse_quote! {
            #[shard(group = "shop", isolated, table = "t")]
            struct A { #[shard(primary_key)] id: i64 }
        });
        let database = prefixes(&parse_quote! {
            #[shard(database = "default", table = "t")]
            struct A { #[shard(primary_key)] id: i64 }
        });
        assert_eq!(
            [sharded, isolated, database],
            [const { Vec::<String>::new() }; 3]
        );
    }

    #[test]
    fn a_model_has_exactly_one_location() {
        let none = prefixes(&parse_quote! {
            #[shard(table = "t")]
            struct A { #[shard(primary_key)] id: i64 }
        });
        assert_eq!(none, ["missing location: add `#[shard(group = \""]);
        let both = prefixes(&parse_quote! {
            #[shard(group = "shop", database = "default", table = "t")]
            struct A { #[shard(primary_key)] id: i64 }
        });
        assert_eq!(both, ["`group` and `database` exclude each othe"]);
        let alone = prefixes(&parse_quote! {
            #[shard(isolated, table = "t")]
            struct A { #[shard(primary_key)] id: i64 }
        });
        assert_eq!(alone, ["`isolated` requires a group: `group = \"s"]);
    }

    #[test]
    fn a_sharded_model_has_exactly_one_key() {
        let none = prefixes(&parse_quote! {
            #[shard(group = "shop", table = "t")]
            struct A { #[shard(primary_key)] id: i64 }
        });
        assert_eq!(none, ["missing shard key: mark the field that d"]);
        let two = prefixes(&parse_quote! {
            #[shard(group = "shop", table = "t")]
            struct A { #[shard(primary_key, key)] id: i64, #[shard(key)] user: i64 }
        });
        assert_eq!(two, ["duplicate shard key; a model has exactly"]);
        let region = prefixes(&parse_quote! {
            #[shard(group = "shop", table = "t")]
            struct A { #[shard(primary_key)] id: i64, #[shard(region)] place: String }
        });
        assert_eq!(region, ["a region requires a shard key, which sel"]);
    }

    #[test]
    fn only_a_sharded_model_has_key_and_region() {
        let found = messages(
            model,
            &parse_quote! {
                #[shard(database = "default", table = "t")]
                struct A { #[shard(primary_key, key)] id: i64, #[shard(region)] place: String }
            },
        );
        assert_eq!(
            found,
            [
                "a model of a named database is not sharded, so it cannot have a `key`",
                "a model of a named database is not sharded, so it cannot have a `region`",
            ]
        );
    }
}
