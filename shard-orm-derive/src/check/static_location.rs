//! The source and the copies of a static model.

use syn::Ident;

use super::column::Column;
use super::configured_name;
use crate::attr::StringList;
use crate::errors::Errors;
use crate::{names, parse, types};

/// The source of a static model, and the groups whose servers hold copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StaticLocation {
    /// The named database; `None` if each server has its own rows.
    pub(crate) source: Option<String>,
    pub(crate) groups: Groups,
    /// The ordinal of the watermark column.
    pub(crate) criterion: Option<usize>,
    /// The keyword `transmit_hooks`.
    pub(crate) hooks: Option<Ident>,
}

/// The groups whose servers hold copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Groups {
    All,
    Named(Vec<String>),
}

/// The source if none is given.
const DEFAULT_SOURCE: &str = "default";

/// Checks `source`, `groups` and `transmit`.
pub(super) fn static_location(
    model: &parse::Model,
    complete: bool,
    errors: &mut Errors,
) -> Option<StaticLocation> {
    let token = &model.static_attrs;
    if let Some(source) = &token.source {
        configured_name(source, errors);
    }
    let transmitted = token.transmit.as_ref().is_none_or(|(_, truth)| *truth);
    if !transmitted {
        for (text, keyword) in [(&token.source, "source"), (&token.criterion, "criterion")] {
            if let Some(text) = text {
                errors.at(
                    text,
                    format!("`transmit = false` means that nothing is copied; remove `{keyword}`"),
                );
            }
        }
        if let Some(hooks) = &token.transmit_hooks {
            errors.at(
                hooks,
                "`transmit = false` means that nothing is copied; remove `transmit_hooks`",
            );
        }
    }
    let source = token.source.as_ref().map(syn::LitStr::value);
    Some(StaticLocation {
        source: transmitted.then(|| source.unwrap_or_else(|| DEFAULT_SOURCE.to_owned())),
        groups: groups(model, complete, errors)?,
        criterion: None,
        hooks: token.transmit_hooks.clone(),
    })
}

fn groups(model: &parse::Model, complete: bool, errors: &mut Errors) -> Option<Groups> {
    let Some((keyword, listed)) = &model.static_attrs.groups else {
        if complete {
            errors.at(
                &model.ident,
                "missing groups: add `#[static_model(groups = [\"..\"])]`, or \
                 `#[static_model(groups = all)]`",
            );
        }
        return None;
    };
    let names = match listed {
        StringList::All => return Some(Groups::All),
        StringList::Strings(names) => names,
    };
    if names.is_empty() {
        errors.at(
            keyword,
            "`groups` is empty; name at least one group, or use `groups = all`",
        );
    }
    for (position, name) in names.iter().enumerate() {
        configured_name(name, errors);
        if names[..position].contains(name) {
            errors.at(
                name,
                format!("duplicate group `{}`; remove one", name.value()),
            );
        }
    }
    Some(Groups::Named(
        names.iter().map(syn::LitStr::value).collect(),
    ))
}

/// Returns the ordinal of the column that `criterion` names.
pub(super) fn criterion(
    model: &parse::Model,
    columns: &[Column],
    errors: &mut Errors,
) -> Option<usize> {
    let token = model.static_attrs.criterion.as_ref()?;
    let name = token.value();
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
            token,
            format!(
                "`{}` has no column for a field `{name}`{question}",
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
                "`{name}` is the criterion, which cannot be NULL: remove the `Option` from its type"
            ),
        );
    } else if column.json {
        errors.at(
            token,
            "a JSON column cannot be the criterion: databases order JSON differently",
        );
    }
    Some(ordinal)
}

#[cfg(test)]
mod tests {
    use syn::{DeriveInput, parse_quote};

    use crate::errors::messages;
    use crate::static_model;

    fn errors_of(input: &DeriveInput) -> Vec<String> {
        messages(static_model, input)
    }

    #[test]
    fn a_static_model_requires_only_groups() {
        for groups in [
            parse_quote!(#[static_model(groups = ["shop", "air"])]),
            parse_quote!(#[static_model(groups = all, source = "reference")]),
            parse_quote!(#[static_model(groups = ["shop"], criterion = "changed")]),
            parse_quote!(#[static_model(groups = all, transmit = false)]),
            parse_quote!(#[static_model(groups = all, transmit = true, criterion = "changed")]),
        ] {
            let attribute: syn::Attribute = groups;
            let found = errors_of(&parse_quote! {
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
    fn missing_attributes_are_reported_with_the_static_attribute() {
        let found = errors_of(&parse_quote! {
            struct Airline { code: String }
        });
        assert_eq!(
            found,
            [
                "missing groups: add `#[static_model(groups = [\"..\"])]`, or \
                 `#[static_model(groups = all)]`",
                "missing table name: add `#[static_model(table = \"..\")]`",
                "missing primary key: mark its fields with `#[static_model(primary_key)]`",
            ]
        );
    }

    #[test]
    fn groups_are_a_list_of_names_or_all() {
        let form = "expected `groups = [\"shop\"]` or `groups = all`";
        for (wrong, message) in [
            (parse_quote!(#[static_model(groups = "shop")]), form),
            (parse_quote!(#[static_model(groups("shop"))]), form),
            (parse_quote!(#[static_model(groups = every)]), form),
            (parse_quote!(#[static_model(groups = [1])]), form),
            (
                parse_quote!(#[static_model(groups = [])]),
                "`groups` is empty; name at least one group, or use `groups = all`",
            ),
            (
                parse_quote!(#[static_model(groups = ["shop", "shop"])]),
                "duplicate group `shop`; remove one",
            ),
            (
                parse_quote!(#[static_model(groups = [""])]),
                "the name is empty",
            ),
        ] {
            let attribute: syn::Attribute = wrong;
            let found = errors_of(&parse_quote! {
                #attribute
                #[static_model(table = "airlines")]
                struct Airline { #[static_model(primary_key)] code: String }
            });
            assert_eq!(found, [message], "{attribute:?}");
        }
    }

    #[test]
    fn server_local_rows_have_no_source() {
        let found = errors_of(&parse_quote! {
            #[static_model(groups = all, table = "t", transmit = false)]
            #[static_model(source = "default", criterion = "code")]
            struct Airline { #[static_model(primary_key)] code: String }
        });
        assert_eq!(
            found,
            [
                "`transmit = false` means that nothing is copied; remove `source`",
                "`transmit = false` means that nothing is copied; remove `criterion`",
            ]
        );
    }

    #[test]
    fn the_criterion_is_a_non_null_column() {
        let of = |attribute: syn::Attribute| {
            errors_of(&parse_quote! {
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
            ["`Airline` has no column for a field `cod`; did you mean `code`?"]
        );
        assert_eq!(
            of(parse_quote!(#[static_model(criterion = "selected")])),
            ["`Airline` has no column for a field `selected`"]
        );
        assert_eq!(
            of(parse_quote!(#[static_model(criterion = "changed")])),
            [
                "`changed` is the criterion, which cannot be NULL: remove the `Option` from its \
                 type"
            ]
        );
        assert_eq!(
            of(parse_quote!(#[static_model(criterion = "facts")])),
            ["a JSON column cannot be the criterion: databases order JSON differently"]
        );
    }

    #[test]
    fn a_static_model_has_no_key_and_no_soft_delete() {
        let found = errors_of(&parse_quote! {
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
