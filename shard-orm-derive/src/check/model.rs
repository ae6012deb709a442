//! Checks a model as a whole.

use syn::{Ident, Path, Type, Visibility};

use super::column::{self, Column};
use super::index::{self, Index};
use super::location::{self, Location};
use super::name_problem;
use super::relation::{self, Relation};
use super::static_location;
use crate::errors::Errors;
use crate::parse;

/// The maximum number of id columns, for which `Id` is implemented.
const MOST_ID_COLUMNS: usize = 4;

/// A checked model. Errors that depend on types are left to the compiler.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) shard_orm: Path,
    pub(crate) location: Location,
    pub(crate) table: String,
    pub(crate) columns: Vec<Column>,
    /// Fields without a column.
    pub(crate) skipped: Vec<(Ident, Type)>,
    /// Ordinals of columns, like the four fields that follow.
    pub(crate) primary_key: Vec<usize>,
    pub(crate) key: Option<usize>,
    pub(crate) region: Option<usize>,
    pub(crate) generated: Option<usize>,
    pub(crate) soft_delete: Option<usize>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) relations: Vec<Relation>,
    /// The keywords `hooks` and `validate`.
    pub(crate) hooks: Option<Ident>,
    pub(crate) validate: Option<Ident>,
}

impl Model {
    /// Returns the columns of the id: the primary key without key and region.
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
    let location = location::location(&parsed, complete, errors);
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
                "missing primary key: mark its fields with `#[{}(primary_key)]`",
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
        if let Some(token) = &field.generate
            && generated.replace(ordinal).is_some()
        {
            errors.at(
                token,
                "duplicate `generate`; only one field of a model can have it",
            );
        }
    }
    one_of_each_stamp(&parsed, errors);
    distinct(&parsed, &columns, errors);
    let indexes = index::indexes(&parsed, &columns, errors);
    let relations = relation::relations(&parsed, &columns, errors);
    let criterion = static_location::criterion(&parsed, &columns, errors);
    let mut location = location?;
    if let Location::Static(location) = &mut location {
        location.criterion = criterion;
    }
    let model = Model {
        ident: parsed.ident,
        vis: parsed.vis,
        shard_orm: parsed.shard_orm,
        location,
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
                "a primary key can have at most {MOST_ID_COLUMNS} columns besides `key` and \
                 `region`"
            ),
        );
    }
    Some(model)
}

fn table(parsed: &parse::Model, complete: bool, errors: &mut Errors) -> Option<String> {
    let Some(token) = &parsed.table else {
        if complete {
            errors.at(
                &parsed.ident,
                format!(
                    "missing table name: add `#[{}(table = \"..\")]`",
                    parsed.derive.attribute
                ),
            );
        }
        return None;
    };
    let name = token.value();
    if let Some(problem) = name_problem(&name) {
        errors.at(token, problem);
    } else if name.contains('.') {
        errors.at(
            token,
            format!(
                "the table name cannot contain a schema or database: these follow from the {}",
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

/// Checks that `created_at`, `updated_at` and `soft_delete` occur at most once.
fn one_of_each_stamp(parsed: &parse::Model, errors: &mut Errors) {
    let kept = || parsed.fields.iter().filter(|field| field.skip.is_none());
    let created = kept().filter_map(|field| field.created_at.as_ref());
    let updated = kept().filter_map(|field| field.updated_at.as_ref());
    let deleted = kept().filter_map(|field| field.soft_delete.as_ref());
    let seconds = created.skip(1).chain(updated.skip(1));
    for second in seconds.chain(deleted.skip(1)) {
        errors.at(
            second,
            format!("duplicate `{second}`; only one field of a model can have it"),
        );
    }
}

/// Checks that no two fields share a constant or a column.
fn distinct(parsed: &parse::Model, columns: &[Column], errors: &mut Errors) {
    let token = |column: &Column| {
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
                    "`{}` and `{}` would have the same constant `{}`: rename one field, and keep \
                     its column with `#[{}(column = \"..\")]`",
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
            match token(column) {
                Some(token) => errors.at(token, message),
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
    fn all_errors_are_reported_at_once() {
        let found = messages(model, &parse_quote! { struct A<T> { id: T } });
        let prefixes: Vec<String> = found
            .iter()
            .map(|message| message.chars().take(30).collect())
            .collect();
        assert_eq!(
            prefixes,
            [
                "`ShardModel` does not support ",
                "missing location: add `#[shard",
                "missing table name: add `#[sha",
                "missing primary key: mark its ",
            ]
        );
    }

    #[test]
    fn nothing_is_reported_missing_after_an_unknown_attribute() {
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
    fn constants_and_columns_are_distinct() {
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
                "`id` and `Id` would have the same constant `ID`: rename one field, and keep its \
                 column with `#[shard(column = \"..\")]`",
            ]
        );
    }

    #[test]
    fn an_id_has_at_most_four_columns() {
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
            ["a primary key can have at most 4 columns besides `key` and `region`"]
        );
    }

    #[test]
    fn a_table_name_has_no_schema() {
        let found = messages(
            model,
            &parse_quote! {
                #[shard(group = "shop", isolated, table = "shop.orders")]
                struct A { #[shard(primary_key)] id: i64 }
            },
        );
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("the table name cannot contain"));
    }

    #[test]
    fn each_write_time_occurs_once() {
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
        assert_eq!(
            found,
            ["duplicate `updated_at`; only one field of a model can have it"]
        );
    }
}
