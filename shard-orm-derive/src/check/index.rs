//! Checks the indexes of a model.

use syn::Ident;

use super::Column;
use crate::errors::Errors;
use crate::{names, parse};

/// One index, with the ordinals of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) columns: Vec<usize>,
    pub(crate) unique: bool,
}

/// Checks the indexes of the struct and of its fields.
pub(super) fn indexes(model: &parse::Model, columns: &[Column], errors: &mut Errors) -> Vec<Index> {
    let mut indexes: Vec<Index> = Vec::new();
    for field in &model.fields {
        let Some(ordinal) = ordinal(columns, &field.ident) else {
            continue;
        };
        // A field with both is reported by the check of the field.
        if field.index.is_some() || field.unique.is_some() {
            indexes.push(Index {
                columns: vec![ordinal],
                unique: field.unique.is_some(),
            });
        }
    }
    for token in &model.indexes {
        let found = over(token, model, columns, errors);
        if found.len() < token.fields.len() {
            continue;
        }
        if indexes.iter().any(|index| index.columns == found) {
            errors.at(
                &token.token,
                "duplicate index: another index has the same columns",
            );
            continue;
        }
        indexes.push(Index {
            columns: found,
            unique: token.unique,
        });
    }
    indexes
}

/// Returns the ordinals of an index's columns, without invalid ones.
fn over(
    index: &parse::Index,
    model: &parse::Model,
    columns: &[Column],
    errors: &mut Errors,
) -> Vec<usize> {
    let mut found = Vec::with_capacity(index.fields.len());
    for name in &index.fields {
        let field = model
            .fields
            .iter()
            .find(|field| names::plain(&field.ident) == names::plain(name));
        match (field, ordinal(columns, name)) {
            (None, _) => {
                let fields: Vec<String> = columns
                    .iter()
                    .map(|column| names::plain(&column.field))
                    .collect();
                let meant = names::nearest(&names::plain(name), fields.iter().map(String::as_str));
                let question = match meant {
                    Some(meant) => format!("; did you mean `{meant}`?"),
                    None => ": list the names of fields, not of columns".to_owned(),
                };
                errors.at(
                    name,
                    format!("`{}` has no field `{name}`{question}", model.ident),
                );
            }
            (Some(_), None) => errors.at(name, format!("`{name}` has `skip`, so it has no column")),
            (Some(field), Some(_)) if field.json.is_some() => {
                errors.at(
                    name,
                    "a JSON column cannot be indexed: not every database supports it",
                );
            }
            (Some(_), Some(ordinal)) if found.contains(&ordinal) => {
                errors.at(name, format!("duplicate field `{name}` in this index"));
            }
            (Some(_), Some(ordinal)) => found.push(ordinal),
        }
    }
    found
}

fn ordinal(columns: &[Column], field: &Ident) -> Option<usize> {
    columns
        .iter()
        .position(|column| names::plain(&column.field) == names::plain(field))
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use crate::errors::messages;
    use crate::model;

    #[test]
    fn an_index_lists_distinct_comparable_columns() {
        let found = messages(
            model,
            &parse_quote! {
                #[shard(group = "shop", table = "t")]
                #[shard(index(itme), index(other), index(seen), index(tags), unique(item, item))]
                #[shard(index(item), index(r#type))]
                struct A {
                    #[shard(primary_key)] id: i64,
                    #[shard(key)] user: i64,
                    #[shard(index)] item: String,
                    r#type: String,
                    #[shard(skip)] seen: bool,
                    #[shard(json)] tags: Vec<String>,
                }
            },
        );
        assert_eq!(
            found,
            [
                "`A` has no field `itme`; did you mean `item`?",
                "`A` has no field `other`: list the names of fields, not of columns",
                "`seen` has `skip`, so it has no column",
                "a JSON column cannot be indexed: not every database supports it",
                "duplicate index: another index has the same columns",
                "duplicate field `item` in this index",
            ]
        );
    }
}
