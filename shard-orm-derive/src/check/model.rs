//! A model as a whole.

use syn::{Ident, Path, Type, Visibility};

use super::column::{self, Column};
use super::copied;
use super::home::{self, Home};
use super::index::{self, Index};
use super::name_mistake;
use super::relation::{self, Relation};
use crate::errors::Errors;
use crate::parse;

/// The most columns that a primary key has beside key and region: as many as `Id` is written for.
const MOST_ID_COLUMNS: usize = 4;

/// A model without a mistake that can be seen before types are known.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) shard_orm: Path,
    pub(crate) home: Home,
    pub(crate) table: String,
    pub(crate) columns: Vec<Column>,
    /// Fields without a column.
    pub(crate) skipped: Vec<(Ident, Type)>,
    /// Ordinals of columns, as the three that follow.
    pub(crate) primary_key: Vec<usize>,
    pub(crate) key: Option<usize>,
    pub(crate) region: Option<usize>,
    pub(crate) generated: Option<usize>,
    pub(crate) soft_delete: Option<usize>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) relations: Vec<Relation>,
    /// Where `hooks` and `validate` were said.
    pub(crate) hooks: Option<Ident>,
    pub(crate) validate: Option<Ident>,
}

impl Model {
    /// The columns of the primary key that do not route.
    pub(crate) fn id(&self) -> impl Iterator<Item = &Column> {
        self.primary_key
            .iter()
            .filter(|ordinal| {
                !self
                    .key
                    .iter()
                    .chain(&self.region)
                    .any(|one| one == *ordinal)
            })
            .map(|ordinal| &self.columns[*ordinal])
    }
}

/// Checks a model.
pub(crate) fn model(parsed: parse::Model, errors: &mut Errors) -> Option<Model> {
    let complete = !parsed.incomplete && !parsed.fields.iter().any(|field| field.incomplete);
    let home = home::home(&parsed, complete, errors);
    let table = table(&parsed, complete, errors);
    if complete
        && !parsed
            .fields
            .iter()
            .any(|field| field.primary_key.is_some())
    {
        errors.at(
            &parsed.ident,
            format!(
                "a model has a primary key: mark the fields that name a row with \
                 `#[{}(primary_key)]`",
                parsed.derive.attribute
            ),
        );
    }
    let mut columns = Vec::with_capacity(parsed.fields.len());
    let mut skipped = Vec::new();
    let mut primary_key = Vec::new();
    let (mut key, mut region, mut soft_delete) = (None, None, None);
    let mut generated = None;
    for field in &parsed.fields {
        if field.skip.is_some() {
            column::skipped(field, errors);
            skipped.push((field.ident.clone(), field.ty.clone()));
            continue;
        }
        let ordinal = columns.len();
        columns.push(column::column(field, &parsed, errors));
        if field.primary_key.is_some() {
            primary_key.push(ordinal);
        }
        if field.key.is_some() {
            key = Some(ordinal);
        }
        if field.region.is_some() {
            region = Some(ordinal);
        }
        if field.soft_delete.is_some() {
            soft_delete = Some(ordinal);
        }
        if let Some(said) = &field.generate
            && generated.replace(ordinal).is_some()
        {
            errors.at(said, "a model has one field with `generate`");
        }
    }
    one_of_each_stamp(&parsed, errors);
    distinct(&parsed, &columns, errors);
    let indexes = index::indexes(&parsed, &columns, errors);
    let relations = relation::relations(&parsed, &columns, errors);
    let criterion = copied::criterion(&parsed, &columns, errors);
    let mut home = home?;
    if let Home::Static(copied) = &mut home {
        copied.criterion = criterion;
    }
    let model = Model {
        ident: parsed.ident,
        vis: parsed.vis,
        shard_orm: parsed.shard_orm,
        home,
        table: table?,
        columns,
        skipped,
        primary_key,
        key,
        region,
        generated,
        soft_delete,
        indexes,
        relations,
        hooks: parsed.hooks,
        validate: parsed.validate,
    };
    if let Some(fifth) = model.id().nth(MOST_ID_COLUMNS) {
        errors.at(
            &fifth.field,
            format!(
                "a primary key has at most {MOST_ID_COLUMNS} columns beside `key` and `region`"
            ),
        );
    }
    Some(model)
}

fn table(parsed: &parse::Model, complete: bool, errors: &mut Errors) -> Option<String> {
    let Some(said) = &parsed.table else {
        if complete {
            errors.at(
                &parsed.ident,
                format!(
                    "a model names its table: add `#[{}(table = \"..\")]`",
                    parsed.derive.attribute
                ),
            );
        }
        return None;
    };
    let name = said.value();
    if let Some(mistake) = name_mistake(&name) {
        errors.at(said, mistake);
    } else if name.contains('.') {
        errors.at(
            said,
            format!(
                "a model names its table alone: which schema or database it is in follows from \
                 the {}",
                if parsed.derive.is_static {
                    "`source` and the `groups`"
                } else {
                    "`group` or `database`"
                }
            ),
        );
    }
    Some(name)
}

/// `created_at`, `updated_at` and `soft_delete` stand on one field each.
fn one_of_each_stamp(parsed: &parse::Model, errors: &mut Errors) {
    let kept = || parsed.fields.iter().filter(|field| field.skip.is_none());
    let created = kept().filter_map(|field| field.created_at.as_ref());
    let updated = kept().filter_map(|field| field.updated_at.as_ref());
    let deleted = kept().filter_map(|field| field.soft_delete.as_ref());
    let seconds = created.skip(1).chain(updated.skip(1));
    for second in seconds.chain(deleted.skip(1)) {
        errors.at(second, format!("a model has one field with `{second}`"));
    }
}

/// No two fields share a constant or a column.
fn distinct(parsed: &parse::Model, columns: &[Column], errors: &mut Errors) {
    let said = |column: &Column| {
        parsed
            .fields
            .iter()
            .find(|field| field.ident == column.field)
            .and_then(|field| field.column.clone())
    };
    for (ordinal, column) in columns.iter().enumerate() {
        let earlier = &columns[..ordinal];
        if let Some(other) = earlier
            .iter()
            .find(|other| other.constant == column.constant)
        {
            errors.at(
                &column.field,
                format!(
                    "the constants of `{}` and `{}` would both be `{}`: rename one of the fields \
                     and keep its column with `#[{}(column = \"..\")]`",
                    other.field, column.field, column.constant, parsed.derive.attribute
                ),
            );
        } else if let Some(other) = earlier
            .iter()
            .find(|other| other.name.to_lowercase() == column.name.to_lowercase())
        {
            let message = format!(
                "`{}` has the column `{}` already; names of columns are compared without regard \
                 to case",
                other.field, other.name
            );
            match said(column) {
                Some(said) => errors.at(said, message),
                None => errors.at(&column.field, message),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use crate::errors::messages;
    use crate::model;

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let found = messages(model, &parse_quote! { struct A<T> { id: T } });
        let begins: Vec<String> = found
            .iter()
            .map(|message| message.chars().take(30).collect())
            .collect();
        assert_eq!(
            begins,
            [
                "`ShardModel` takes no generic ",
                "a model says where its rows li",
                "a model names its table: add `",
                "a model has a primary key: mar",
            ]
        );
    }

    #[test]
    fn nothing_is_called_missing_when_an_attribute_was_not_understood() {
        let found = messages(
            model,
            &parse_quote! {
                #[shard(gruop = "shop", table = "t")]
                struct A { #[shard(primery_key, key)] id: i64 }
            },
        );
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found
                .iter()
                .all(|message| message.starts_with("unknown attribute"))
        );
    }

    #[test]
    fn two_fields_share_neither_a_constant_nor_a_column() {
        let found = messages(
            model,
            &parse_quote! {
                #[shard(group = "shop", isolated, table = "t")]
                struct A {
                    #[shard(primary_key)] id: i64,
                    #[shard(column = "ID")] other: i64,
                    Id: i64,
                }
            },
        );
        assert_eq!(
            found,
            [
                "`id` has the column `id` already; names of columns are compared without regard \
                 to case",
                "the constants of `id` and `Id` would both be `ID`: rename one of the fields and \
                 keep its column with `#[shard(column = \"..\")]`",
            ]
        );
    }

    #[test]
    fn a_primary_key_has_at_most_four_columns_beside_the_key() {
        let found = messages(
            model,
            &parse_quote! {
                #[shard(group = "shop", table = "t")]
                struct A {
                    #[shard(primary_key, key)] k: i64,
                    #[shard(primary_key)] a: i64,
                    #[shard(primary_key)] b: i64,
                    #[shard(primary_key)] c: i64,
                    #[shard(primary_key)] d: i64,
                    #[shard(primary_key)] e: i64,
                }
            },
        );
        assert_eq!(
            found,
            ["a primary key has at most 4 columns beside `key` and `region`"]
        );
    }

    #[test]
    fn a_table_is_named_without_its_schema() {
        let found = messages(
            model,
            &parse_quote! {
                #[shard(group = "shop", isolated, table = "shop.orders")]
                struct A { #[shard(primary_key)] id: i64 }
            },
        );
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a model names its table alone"));
    }

    #[test]
    fn each_kind_of_time_stands_on_one_field() {
        let found = messages(
            model,
            &parse_quote! {
                #[shard(group = "shop", isolated, table = "t")]
                struct A {
                    #[shard(primary_key)] id: i64,
                    #[shard(updated_at)] a: Time,
                    #[shard(updated_at)] b: Time,
                }
            },
        );
        assert_eq!(found, ["a model has one field with `updated_at`"]);
    }
}
