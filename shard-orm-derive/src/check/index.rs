//! The indexes of a model: over fields that have columns, each index once.

use syn::Ident;

use super::Column;
use crate::errors::Errors;
use crate::{names, parse};

/// One index, by the ordinals of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) columns: Vec<usize>,
    pub(crate) unique: bool,
}

/// Checks the indexes said on the struct and on the fields.
pub(super) fn indexes(model: &parse::Model, columns: &[Column], errors: &mut Errors) -> Vec<Index> {
    let mut indexes: Vec<Index> = Vec::new();
    for field in &model.fields {
        let Some(ordinal) = ordinal(columns, &field.ident) else {
            continue;
        };
        // The mistake of both on one field is reported with the field.
        if field.index.is_some() || field.unique.is_some() {
            indexes.push(Index {
                columns: vec![ordinal],
                unique: field.unique.is_some(),
            });
        }
    }
    for said in &model.indexes {
        let found = over(said, model, columns, errors);
        if found.len() < said.fields.len() {
            continue;
        }
        if indexes.iter().any(|index| index.columns == found) {
            errors.at(&said.said, "there is an index over these columns already");
            continue;
        }
        indexes.push(Index {
            columns: found,
            unique: said.unique,
        });
    }
    indexes
}

/// The ordinals of the fields of one index, without those that are a mistake.
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
                    None => ": an index lists fields of the struct, not columns".to_owned(),
                };
                errors.at(
                    name,
                    format!("`{}` has no field `{name}`{question}", model.ident),
                );
            }
            (Some(_), None) => errors.at(name, format!("`{name}` is skipped: it has no column")),
            (Some(field), Some(_)) if field.json.is_some() => {
                errors.at(name, "a JSON column cannot be indexed on every database");
            }
            (Some(_), Some(ordinal)) if found.contains(&ordinal) => {
                errors.at(name, format!("`{name}` is in this index already"));
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
    fn an_index_lists_fields_that_have_comparable_columns_once() {
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
                "`A` has no field `other`: an index lists fields of the struct, not columns",
                "`seen` is skipped: it has no column",
                "a JSON column cannot be indexed on every database",
                "there is an index over these columns already",
                "`item` is in this index already",
            ]
        );
    }
}
