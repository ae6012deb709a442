//! What a static model says of its source and its copies.

use syn::Ident;

use super::column::Column;
use super::configured_name;
use crate::attr::Listed;
use crate::errors::Errors;
use crate::{names, parse, types};

/// Where the rows of a static model are written, and which servers hold copies of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Copied {
    /// The named database; `None` where each server has rows of its own.
    pub(crate) source: Option<String>,
    pub(crate) groups: Groups,
    /// The ordinal of the column that says which rows have changed.
    pub(crate) criterion: Option<usize>,
    /// Where `transmit_hooks` was said.
    pub(crate) hooks: Option<Ident>,
}

/// The groups whose servers hold copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Groups {
    All,
    Named(Vec<String>),
}

/// The source of a model that does not name one.
const DEFAULT_SOURCE: &str = "default";

/// Checks `source`, `groups` and `transmit`.
pub(super) fn copied(model: &parse::Model, complete: bool, errors: &mut Errors) -> Option<Copied> {
    let said = &model.copied;
    if let Some(source) = &said.source {
        configured_name(source, errors);
    }
    let transmitted = said.transmit.as_ref().is_none_or(|(_, truth)| *truth);
    if !transmitted {
        for (text, word) in [(&said.source, "source"), (&said.criterion, "criterion")] {
            if let Some(text) = text {
                errors.at(
                    text,
                    format!(
                        "with `transmit = false` each server has rows of its own, which come from \
                         nowhere else: leave `{word}` out"
                    ),
                );
            }
        }
        if let Some(hooks) = &said.transmit_hooks {
            errors.at(
                hooks,
                "with `transmit = false` no row is copied, so that there is nothing to hook on: \
                 leave `transmit_hooks` out",
            );
        }
    }
    let source = said.source.as_ref().map(syn::LitStr::value);
    Some(Copied {
        source: transmitted.then(|| source.unwrap_or_else(|| DEFAULT_SOURCE.to_owned())),
        groups: groups(model, complete, errors)?,
        criterion: None,
        hooks: said.transmit_hooks.clone(),
    })
}

fn groups(model: &parse::Model, complete: bool, errors: &mut Errors) -> Option<Groups> {
    let Some((word, listed)) = &model.copied.groups else {
        if complete {
            errors.at(
                &model.ident,
                "a static model says which groups' servers hold it: add \
                 `#[static_model(groups = [\"..\"])]`, or `#[static_model(groups = all)]`",
            );
        }
        return None;
    };
    let names = match listed {
        Listed::All => return Some(Groups::All),
        Listed::Texts(names) => names,
    };
    if names.is_empty() {
        errors.at(
            word,
            "a static model is held by the servers of one group at least: name it, or write \
             `groups = all`",
        );
    }
    for (position, name) in names.iter().enumerate() {
        configured_name(name, errors);
        if names[..position].contains(name) {
            errors.at(name, format!("the group `{}` is named twice", name.value()));
        }
    }
    Some(Groups::Named(
        names.iter().map(syn::LitStr::value).collect(),
    ))
}

/// The ordinal of the column of `criterion`.
pub(super) fn criterion(
    model: &parse::Model,
    columns: &[Column],
    errors: &mut Errors,
) -> Option<usize> {
    let said = model.copied.criterion.as_ref()?;
    let name = said.value();
    let found = columns
        .iter()
        .position(|column| names::plain(&column.field) == name);
    let Some(ordinal) = found else {
        let known = columns.iter().map(|column| names::plain(&column.field));
        let known: Vec<String> = known.collect();
        let question = match names::nearest(&name, known.iter().map(String::as_str)) {
            Some(meant) => format!("; did you mean `{meant}`?"),
            None => String::new(),
        };
        errors.at(
            said,
            format!(
                "`{}` has no field `{name}` with a column{question}",
                model.ident
            ),
        );
        return None;
    };
    let column = &columns[ordinal];
    if types::option_of(&column.ty).is_some() {
        errors.at(
            &column.ty,
            format!(
                "`{name}` is the criterion, which says of every row when it changed: give the \
                 field its type without `Option`"
            ),
        );
    } else if column.json {
        errors.at(
            said,
            "a JSON column is no criterion: each database orders it in its own way",
        );
    }
    Some(ordinal)
}

#[cfg(test)]
mod tests {
    use syn::{DeriveInput, parse_quote};

    use crate::errors::messages;
    use crate::static_model;

    fn mistakes(input: &DeriveInput) -> Vec<String> {
        messages(static_model, input)
    }

    #[test]
    fn a_static_model_names_its_groups_and_may_leave_out_the_rest() {
        for groups in [
            parse_quote!(#[static_model(groups = ["shop", "air"])]),
            parse_quote!(#[static_model(groups = all, source = "reference")]),
            parse_quote!(#[static_model(groups = ["shop"], criterion = "changed")]),
            parse_quote!(#[static_model(groups = all, transmit = false)]),
            parse_quote!(#[static_model(groups = all, transmit = true, criterion = "changed")]),
        ] {
            let attribute: syn::Attribute = groups;
            let found = mistakes(&parse_quote! {
                #attribute
                #[static_model(table = "airlines", index(name))]
                struct Airline {
                    #[static_model(primary_key)] code: String,
                    #[static_model(length = 64)] name: String,
                    #[static_model(updated_at)] changed: Time,
                }
            });
            assert_eq!(found, [""; 0], "{attribute:?}");
        }
    }

    #[test]
    fn what_a_static_model_lacks_is_said_in_its_own_words() {
        let found = mistakes(&parse_quote! {
            struct Airline { code: String }
        });
        assert_eq!(
            found,
            [
                "a static model says which groups' servers hold it: add \
                 `#[static_model(groups = [\"..\"])]`, or `#[static_model(groups = all)]`",
                "a model names its table: add `#[static_model(table = \"..\")]`",
                "a model has a primary key: mark the fields that name a row with \
                 `#[static_model(primary_key)]`",
            ]
        );
    }

    #[test]
    fn groups_are_a_list_of_names_or_all() {
        let form = "`groups` is written `groups = [\"shop\"]` or `groups = all`";
        for (wrong, message) in [
            (parse_quote!(#[static_model(groups = "shop")]), form),
            (parse_quote!(#[static_model(groups("shop"))]), form),
            (parse_quote!(#[static_model(groups = every)]), form),
            (parse_quote!(#[static_model(groups = [1])]), form),
            (
                parse_quote!(#[static_model(groups = [])]),
                "a static model is held by the servers of one group at least: name it, or write \
                 `groups = all`",
            ),
            (
                parse_quote!(#[static_model(groups = ["shop", "shop"])]),
                "the group `shop` is named twice",
            ),
            (
                parse_quote!(#[static_model(groups = [""])]),
                "a name cannot be empty",
            ),
        ] {
            let attribute: syn::Attribute = wrong;
            let found = mistakes(&parse_quote! {
                #attribute
                #[static_model(table = "airlines")]
                struct Airline { #[static_model(primary_key)] code: String }
            });
            assert_eq!(found, [message], "{attribute:?}");
        }
    }

    #[test]
    fn rows_of_each_server_come_from_no_source() {
        let found = mistakes(&parse_quote! {
            #[static_model(groups = all, table = "t", transmit = false)]
            #[static_model(source = "default", criterion = "code")]
            struct Airline { #[static_model(primary_key)] code: String }
        });
        assert_eq!(
            found,
            [
                "with `transmit = false` each server has rows of its own, which come from nowhere \
                 else: leave `source` out",
                "with `transmit = false` each server has rows of its own, which come from nowhere \
                 else: leave `criterion` out",
            ]
        );
    }

    #[test]
    fn the_criterion_is_a_column_that_every_row_has() {
        let of = |attribute: syn::Attribute| {
            mistakes(&parse_quote! {
                #attribute
                #[static_model(groups = all, table = "t")]
                struct Airline {
                    #[static_model(primary_key)] code: String,
                    #[static_model(json)] facts: Facts,
                    #[static_model(skip)] selected: bool,
                    changed: Option<i64>,
                }
            })
        };
        assert_eq!(
            of(parse_quote!(#[static_model(criterion = "cod")])),
            ["`Airline` has no field `cod` with a column; did you mean `code`?"]
        );
        assert_eq!(
            of(parse_quote!(#[static_model(criterion = "selected")])),
            ["`Airline` has no field `selected` with a column"]
        );
        assert_eq!(
            of(parse_quote!(#[static_model(criterion = "changed")])),
            [
                "`changed` is the criterion, which says of every row when it changed: give the \
                 field its type without `Option`"
            ]
        );
        assert_eq!(
            of(parse_quote!(#[static_model(criterion = "facts")])),
            ["a JSON column is no criterion: each database orders it in its own way"]
        );
    }

    #[test]
    fn a_static_model_is_not_routed_and_keeps_no_deleted_rows() {
        let found = mistakes(&parse_quote! {
            #[static_model(group = "shop", table = "t", database = "default")]
            struct Airline {
                #[static_model(primary_key, key)] code: String,
                #[static_model(soft_delete)] gone: Option<Time>,
            }
        });
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].starts_with("unknown attribute `group`; did you mean `groups`?"));
        assert!(found[1].starts_with("unknown attribute `database`; did you mean `source`?"));
        assert!(found[2].starts_with("unknown attribute `key`"), "{found:?}");
        assert!(found[3].starts_with("unknown attribute `soft_delete`"));
    }
}
