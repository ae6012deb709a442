//! Where the rows of a model live.

use super::configured_name;
use super::copied::{self, Copied};
use crate::errors::Errors;
use crate::parse;

/// Where the rows of a model live, by the name of the group or database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Home {
    Sharded(String),
    Isolated(String),
    Database(String),
    Static(Copied),
}

/// Checks `group`, `isolated` and `database`, and that the fields' `key` and `region` fit them.
///
/// `complete` says that nothing was unreadable, so that what is not there is missing.
pub(super) fn home(model: &parse::Model, complete: bool, errors: &mut Errors) -> Option<Home> {
    if model.derive.is_static {
        return copied::copied(model, complete, errors).map(Home::Static);
    }
    for name in model.group.iter().chain(&model.database) {
        configured_name(name, errors);
    }
    match (&model.group, &model.isolated, &model.database) {
        (Some(_), _, Some(database)) => {
            errors.at(
                database,
                "a model lives in a `group` or in a `database`, not in both",
            );
            None
        }
        (None, Some(isolated), Some(_)) => {
            errors.at(
                isolated,
                "`isolated` belongs to a `group`: the rows of a `database` are in one place",
            );
            None
        }
        (None, Some(isolated), None) => {
            if complete {
                errors.at(
                    isolated,
                    "`isolated` needs a group: `group = \"shop\", isolated`",
                );
            }
            None
        }
        (None, None, None) => {
            if complete {
                errors.at(
                    &model.ident,
                    "a model says where its rows live: add `#[shard(group = \"..\")]`, or \
                     `#[shard(database = \"..\")]` for one that is not sharded",
                );
            }
            None
        }
        (Some(group), None, None) => {
            routed(model, complete, errors);
            Some(Home::Sharded(group.value()))
        }
        (Some(group), Some(_), None) => {
            unrouted(
                model,
                "an isolated model is addressed by the number of the shard",
                errors,
            );
            Some(Home::Isolated(group.value()))
        }
        (None, None, Some(database)) => {
            unrouted(model, "a model of a `database` is not sharded", errors);
            Some(Home::Database(database.value()))
        }
    }
}

/// A sharded model has one key and at most one region.
fn routed(model: &parse::Model, complete: bool, errors: &mut Errors) {
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
            "a model has one shard key; a second field cannot decide where the row lives",
        );
    }
    for second in regions {
        errors.at(second, "a model has one region");
    }
    if key.is_none() && complete {
        match region {
            Some(region) => errors.at(
                region,
                "a region needs a key beside it: the region picks a set of shards, the key one \
                 of them; mark the key's field with `#[shard(key)]`",
            ),
            None => errors.at(
                &model.ident,
                "a sharded model has a shard key: mark the field that decides where a row lives \
                 with `#[shard(key)]`, or the model as `isolated`",
            ),
        }
    }
}

/// A model without routing has neither key nor region.
fn unrouted(model: &parse::Model, why: &str, errors: &mut Errors) {
    for field in &model.fields {
        for mark in field.key.iter().chain(&field.region) {
            errors.at(mark, format!("{why}, so no field is its `{mark}`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use syn::{DeriveInput, parse_quote};

    use crate::errors::messages;
    use crate::model;

    fn first_words(input: &DeriveInput) -> Vec<String> {
        messages(model, input)
            .iter()
            .map(|message| message.chars().take(40).collect())
            .collect()
    }

    #[test]
    fn each_home_is_complete_by_itself() {
        let sharded = first_words(&parse_quote! {
            #[shard(group = "shop", table = "t")]
            struct A { #[shard(primary_key)] id: i64, #[shard(key)] user: i64 }
        });
        let isolated = first_words(&parse_quote! {
            #[shard(group = "shop", isolated, table = "t")]
            struct A { #[shard(primary_key)] id: i64 }
        });
        let database = first_words(&parse_quote! {
            #[shard(database = "default", table = "t")]
            struct A { #[shard(primary_key)] id: i64 }
        });
        assert_eq!(
            [sharded, isolated, database],
            [const { Vec::<String>::new() }; 3]
        );
    }

    #[test]
    fn a_model_says_where_it_lives_once() {
        let none = first_words(&parse_quote! {
            #[shard(table = "t")]
            struct A { #[shard(primary_key)] id: i64 }
        });
        assert_eq!(none, ["a model says where its rows live: add `#"]);
        let both = first_words(&parse_quote! {
            #[shard(group = "shop", database = "default", table = "t")]
            struct A { #[shard(primary_key)] id: i64 }
        });
        assert_eq!(both, ["a model lives in a `group` or in a `data"]);
        let alone = first_words(&parse_quote! {
            #[shard(isolated, table = "t")]
            struct A { #[shard(primary_key)] id: i64 }
        });
        assert_eq!(alone, ["`isolated` needs a group: `group = \"shop"]);
    }

    #[test]
    fn a_sharded_model_has_exactly_one_key() {
        let none = first_words(&parse_quote! {
            #[shard(group = "shop", table = "t")]
            struct A { #[shard(primary_key)] id: i64 }
        });
        assert_eq!(none, ["a sharded model has a shard key: mark th"]);
        let two = first_words(&parse_quote! {
            #[shard(group = "shop", table = "t")]
            struct A { #[shard(primary_key, key)] id: i64, #[shard(key)] user: i64 }
        });
        assert_eq!(two, ["a model has one shard key; a second fiel"]);
        let region = first_words(&parse_quote! {
            #[shard(group = "shop", table = "t")]
            struct A { #[shard(primary_key)] id: i64, #[shard(region)] place: String }
        });
        assert_eq!(region, ["a region needs a key beside it: the regi"]);
    }

    #[test]
    fn only_a_sharded_model_is_routed() {
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
                "a model of a `database` is not sharded, so no field is its `key`",
                "a model of a `database` is not sharded, so no field is its `region`",
            ]
        );
    }
}
