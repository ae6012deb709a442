//! Relations: their constants, and the fields of this model that they name.

use syn::{Ident, Path};

use super::column::Column;
use crate::errors::Errors;
use crate::names;
use crate::parse;

/// A relation without a mistake that can be seen in this model alone.
#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) kind: parse::RelationKind,
    pub(crate) constant: Ident,
    pub(crate) target: Path,
    pub(crate) by: Vec<Ident>,
}

impl Relation {
    /// Whether the fields of `by` are this model's.
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

/// Checks all relations of a model.
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
                &parsed.said,
                format!(
                    "`{}` is declared on a sharded model: a relation is part of a shard key's rows",
                    parsed.said
                ),
            );
        }
        let constant = names::constant(&parsed.name);
        let column = columns.iter().find(|column| column.constant == constant);
        if let Some(column) = column {
            errors.at(
                &parsed.name,
                format!(
                    "the constants of the relation `{}` and of the field `{}` would both be \
                     `{constant}`: name the relation otherwise",
                    parsed.name, column.field
                ),
            );
        } else if relations.iter().any(|other| other.constant == constant) {
            errors.at(
                &parsed.name,
                format!("there is a relation `{}` already", parsed.name),
            );
        }
        if held_here(parsed.kind) {
            for field in &parsed.by {
                own(model, columns, field, errors);
            }
        }
        for (position, field) in parsed.by.iter().enumerate() {
            if parsed.by[..position].contains(field) {
                errors.at(field, format!("`{field}` is named twice"));
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

/// A field of `by` is one of this model's, and does not route.
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
            format!("`{name}` is the field of a relation, so it has a column"),
        );
    }
    if field.key.is_some() || field.region.is_some() {
        errors.at(
            name,
            format!(
                "`{name}` decides where the row lives, and is part of every relation already: \
                 leave it out of `by`"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use syn::{DeriveInput, parse_quote};

    use crate::errors::messages;
    use crate::model;

    fn mistakes(input: &DeriveInput) -> Vec<String> {
        messages(model, input)
    }

    #[test]
    fn each_kind_is_read_with_and_without_quotes() {
        let found = mistakes(&parse_quote! {
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
    fn a_relation_in_the_wrong_form_is_answered_with_the_right_one() {
        let right = "`has_many` is written `has_many(lines = \"Line\", by = \"order_id\")`";
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
            let found = mistakes(&parse_quote! {
                #[shard(group = "shop", table = "orders")]
                #attribute
                struct Order { #[shard(primary_key)] id: i64, #[shard(key)] user_id: i64 }
            });
            assert_eq!(found, [right], "{attribute:?}");
        }
    }

    #[test]
    fn the_field_of_a_relation_is_a_column_that_does_not_route() {
        let found = mistakes(&parse_quote! {
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
                "`user_id` decides where the row lives, and is part of every relation already: \
                 leave it out of `by`",
                "`part_id` is the field of a relation, so it has a column",
                "`order_id` is named twice",
            ]
        );
    }

    #[test]
    fn a_relation_has_a_constant_of_its_own() {
        let found = mistakes(&parse_quote! {
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
                "the constants of the relation `item` and of the field `item` would both be \
                 `ITEM`: name the relation otherwise",
                "there is a relation `LINES` already",
            ]
        );
    }

    #[test]
    fn relations_are_of_sharded_models() {
        let found = mistakes(&parse_quote! {
            #[shard(database = "default", table = "countries")]
            #[shard(has_many(cities = "City", by = "country_id"))]
            struct Country { #[shard(primary_key)] id: i64 }
        });
        assert_eq!(
            found,
            ["`has_many` is declared on a sharded model: a relation is part of a shard key's rows"]
        );
    }
}
