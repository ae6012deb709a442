//! Checks relations: their constants, and the fields of this model that they name.

use syn::{Ident, Path};

use super::column::Column;
use crate::errors::Errors;
use crate::names;
use crate::parse;

/// A checked relation. The other model is checked by the compiler.
#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) kind: parse::RelationKind,
    pub(crate) constant: Ident,
    pub(crate) target: Path,
    pub(crate) by: Vec<Ident>,
}

impl Relation {
    /// Returns whether the fields in `by` belong to this model.
    pub(crate) fn is_held_here(&self) -> bool {
        held_here(self.kind)
    }
}

fn held_here(kind: parse::RelationKind) -> bool {
    matches!(
        kind,
        parse::RelationKind::BelongsTo | parse::RelationKind::RefersTo
    )
}

/// Checks the relations of a model.
pub(super) fn relations(
    model: &parse::Model,
    columns: &[Column],
    errors: &mut Errors,
) -> Vec<Relation> {
    let sharded = model.isolated.is_none() && model.database.is_none();
    let mut relations: Vec<Relation> = Vec::with_capacity(model.relations.len());
    for parsed in &model.relations {
        if !sharded {
            errors.at(
                &parsed.token,
                format!("`{}` requires a sharded model", parsed.token),
            );
        }
        let constant = names::constant(&parsed.name);
        let column = columns.iter().find(|column| column.constant == constant);
        if let Some(column) = column {
            errors.at(
                &parsed.name,
                format!(
                    "the relation `{}` and the field `{}` would have the same constant \
                     `{constant}`: rename the relation",
                    parsed.name, column.field
                ),
            );
        } else if relations.iter().any(|other| other.constant == constant) {
            errors.at(
                &parsed.name,
                format!("duplicate relation `{}`; rename one", parsed.name),
            );
        }
        if held_here(parsed.kind) {
            for field in &parsed.by {
                own(model, columns, field, errors);
            }
        }
        for (position, field) in parsed.by.iter().enumerate() {
            if parsed.by[..position].contains(field) {
                errors.at(field, format!("duplicate field `{field}`"));
            }
        }
        relations.push(Relation {
            kind: parsed.kind,
            constant,
            target: parsed.target.clone(),
            by: parsed.by.clone(),
        });
    }
    relations
}

/// Checks a field in `by` that must belong to this model.
fn own(model: &parse::Model, columns: &[Column], name: &Ident, errors: &mut Errors) {
    let Some(field) = model.fields.iter().find(|field| field.ident == *name) else {
        let known = columns.iter().map(|column| names::plain(&column.field));
        let known: Vec<String> = known.collect();
        let question = match names::nearest(&names::plain(name), known.iter().map(String::as_str)) {
            Some(meant) => format!("; did you mean `{meant}`?"),
            None => String::new(),
        };
        errors.at(
            name,
            format!("`{}` has no field `{name}`{question}", model.ident),
        );
        return;
    };
    if let Some(skip) = &field.skip {
        errors.at(
            skip,
            format!("`{name}` is used by a relation, so it cannot have `skip`"),
        );
    }
    if field.key.is_some() || field.region.is_some() {
        errors.at(
            name,
            format!("`{name}` is part of every relation implicitly; remove it from `by`"),
        );
    }
}

#[cfg(test)]
mod tests {
    use syn::{DeriveInput, parse_quote};

    use crate::errors::messages;
    use crate::model;

    fn errors_of(input: &DeriveInput) -> Vec<String> {
        messages(model, input)
    }

    #[test]
    fn quotes_are_optional_in_relations() {
        let found = errors_of(&parse_quote! {
            #[shard(group = "shop", table = "lines")]
            #[shard(has_many(parts = "crate::Part", by = "line_id"))]
            #[shard(has_one(label = Label, by = line_id))]
            #[shard(has_many(notes = "Note", by = ["year", "number"]))]
            #[shard(belongs_to(order = "Order", by = "order_id"))]
            #[shard(belongs_to(user = "User"))]
            #[shard(refers_to(country = "Country", by = "country_id"))]
            struct Line {
                #[shard(primary_key)] id: i64,
                #[shard(key)] user_id: i64,
                order_id: Option<i64>,
                country_id: i64,
            }
        });
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_malformed_relation_error_shows_the_syntax() {
        let right = "expected `has_many(lines = \"Line\", by = \"order_id\")`";
        for wrong in [
            parse_quote!(#[shard(has_many)]),
            parse_quote!(#[shard(has_many = "Line")]),
            parse_quote!(#[shard(has_many())]),
            parse_quote!(#[shard(has_many(lines))]),
            parse_quote!(#[shard(has_many(by = "order_id"))]),
            parse_quote!(#[shard(has_many(lines = 3, by = "order_id"))]),
            parse_quote!(#[shard(has_many(lines = "Line", by = []))]),
            parse_quote!(#[shard(has_many(lines = "Line", more = "Line"))]),
            parse_quote!(#[shard(has_many(lines = "Line", by = "a", by = "b"))]),
        ] {
            let attribute: syn::Attribute = wrong;
            let found = errors_of(&parse_quote! {
                #[shard(group = "shop", table = "orders")]
                #attribute
                struct Order { #[shard(primary_key)] id: i64, #[shard(key)] user_id: i64 }
            });
            assert_eq!(found, [right], "{attribute:?}");
        }
    }

    #[test]
    fn a_relation_field_is_a_column_outside_of_the_shard_key() {
        let found = errors_of(&parse_quote! {
            #[shard(group = "shop", table = "lines")]
            #[shard(belongs_to(order = "Order", by = "order"))]
            #[shard(belongs_to(user = "User", by = "user_id"))]
            #[shard(belongs_to(part = "Part", by = "part_id"))]
            #[shard(belongs_to(pair = "Pair", by = ["order_id", "order_id"]))]
            struct Line {
                #[shard(primary_key)] id: i64,
                #[shard(key)] user_id: i64,
                order_id: i64,
                #[shard(skip)] part_id: i64,
            }
        });
        assert_eq!(
            found,
            [
                "`Line` has no field `order`; did you mean `order_id`?",
                "`user_id` is part of every relation implicitly; remove it from `by`",
                "`part_id` is used by a relation, so it cannot have `skip`",
                "duplicate field `order_id`",
            ]
        );
    }

    #[test]
    fn relation_constants_are_distinct() {
        let found = errors_of(&parse_quote! {
            #[shard(group = "shop", table = "orders")]
            #[shard(has_many(item = "Line", by = "order_id"))]
            #[shard(has_many(lines = "Line", by = "order_id"), has_one(LINES = "Line", by = "x"))]
            struct Order {
                #[shard(primary_key)] id: i64,
                #[shard(key)] user_id: i64,
                item: String,
            }
        });
        assert_eq!(
            found,
            [
                "the relation `item` and the field `item` would have the same constant `ITEM`: \
                 rename the relation",
                "duplicate relation `LINES`; rename one",
            ]
        );
    }

    #[test]
    fn relations_require_sharded_models() {
        let found = errors_of(&parse_quote! {
            #[shard(database = "default", table = "countries")]
            #[shard(has_many(cities = "City", by = "country_id"))]
            struct Country { #[shard(primary_key)] id: i64 }
        });
        assert_eq!(found, ["`has_many` requires a sharded model"]);
    }
}
