//! The static description of a model: its table, columns, keys and indexes.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, Lit, Type};

use super::{generate, site, value};
use crate::check::{Column, DefaultValue, Groups, Index, Location, Model, Stamp, StaticLocation};
use crate::types::{is_string, located, option_of};

/// `static __SHARD_ORM_DEF: ModelDef`.
pub(super) fn def(model: &Model) -> TokenStream {
    let name = model.ident.to_string();
    let name = name.trim_start_matches("r#");
    let Model {
        table, primary_key, ..
    } = model;
    let location = location(&model.location);
    let columns = model.columns.iter().map(column);
    let key = option(model.key);
    let region = option(model.region);
    let soft_delete = option(model.soft_delete);
    let generated = generate::def(model);
    let indexes = model.indexes.iter().map(index);
    quote_spanned! {site()=>
        static __SHARD_ORM_DEF: __shard_orm::ModelDef = __shard_orm::ModelDef {
            name: #name,
            table: #table,
            location: #location,
            columns: &[#(#columns),*],
            primary_key: &[#(#primary_key),*],
            key: #key,
            region: #region,
            soft_delete: #soft_delete,
            generated: #generated,
            indexes: &[#(#indexes),*],
            slot: __shard_orm::Slot::new(),
        };
    }
}

fn location(location: &Location) -> TokenStream {
    match location {
        Location::Sharded(name) => {
            quote_spanned! {site()=> __shard_orm::ModelLocation::Sharded(#name) }
        }
        Location::Isolated(name) => {
            quote_spanned! {site()=> __shard_orm::ModelLocation::Isolated(#name) }
        }
        Location::Database(name) => {
            quote_spanned! {site()=> __shard_orm::ModelLocation::Database(#name) }
        }
        Location::Static(StaticLocation {
            source,
            groups: named,
            criterion,
            hooks: _,
        }) => {
            let source = option(source.as_ref());
            let groups = groups(named);
            let criterion = option(*criterion);
            quote_spanned! {site()=>
                __shard_orm::ModelLocation::Static(&__shard_orm::StaticDef {
                    source: #source,
                    groups: #groups,
                    criterion: #criterion,
                })
            }
        }
    }
}

/// The groups of a static model.
pub(super) fn groups(groups: &Groups) -> TokenStream {
    match groups {
        Groups::All => quote_spanned! {site()=> __shard_orm::StaticGroups::All },
        Groups::Named(names) => quote_spanned! {site()=>
            __shard_orm::StaticGroups::Named(&[#(#names),*])
        },
    }
}

fn index(index: &Index) -> TokenStream {
    let Index { columns, unique } = index;
    quote_spanned! {site()=>
        __shard_orm::ModelIndex { columns: &[#(#columns),*], unique: #unique }
    }
}

/// Writes the struct field by field. With a constructor, the compiler would also report its bounds,
/// and an error in a field's type would appear in two versions.
fn column(column: &Column) -> TokenStream {
    let Column { name, ty, .. } = column;
    let at = located(ty.span());
    let stored = value::stored(ty, column.json);
    let length = option(column.length);
    let binary = column.binary;
    let default = match &column.default {
        None => none(),
        Some(default) => {
            let value = default_value(default, ty);
            let bind = value::bind_column(column, &quote_spanned! {at=> &value });
            quote_spanned! {at=>
                ::core::option::Option::Some(|args| {
                    let value: #ty = #value;
                    #bind
                })
            }
        }
    };
    let now = match column.stamp {
        None => none(),
        Some(_) => quote_spanned! {at=>
            ::core::option::Option::Some(|time, args| {
                <#ty as __shard_orm::Field>::bind(&<#ty as __shard_orm::Timestamp>::at(time), args)
            })
        },
    };
    let keep = column.stamp == Some(Stamp::CreatedAt);
    let deleted = if column.soft_delete {
        quote_spanned! {at=>
            ::core::option::Option::Some(|time, args| {
                let value = <#ty as __shard_orm::DeletionTime>::deleted(time);
                <#ty as __shard_orm::Field>::bind(&value, args)
            })
        }
    } else {
        none()
    };
    let digits = value::digits(column);
    let decimal = option(digits.as_ref());
    let column_type = match &digits {
        None => quote_spanned! {at=> <#stored as __shard_orm::Field>::TYPE },
        Some(digits) => quote_spanned! {at=> #digits.column_type() },
    };
    quote_spanned! {at=>
        __shard_orm::FieldDef {
            name: #name,
            column_type: #column_type,
            nullable: <#stored as __shard_orm::Field>::NULLABLE,
            length: #length,
            decimal: #decimal,
            binary: #binary,
            default: #default,
            now: #now,
            keep: #keep,
            deleted: #deleted,
        }
    }
}

/// Returns the value of a DEFAULT; a string literal is converted to a `String`.
fn default_value(default: &DefaultValue, ty: &Type) -> TokenStream {
    let at = located(ty.span());
    match default {
        DefaultValue::OfType => quote_spanned! {at=>
            <#ty as ::core::default::Default>::default()
        },
        DefaultValue::Value(
            text @ Expr::Lit(ExprLit {
                lit: Lit::Str(_), ..
            }),
        ) if is_string(option_of(ty).unwrap_or(ty)) => {
            let string = quote_spanned! {at=> ::std::string::String::from(#text) };
            match option_of(ty) {
                None => string,
                Some(_) => quote_spanned! {at=> ::core::option::Option::Some(#string) },
            }
        }
        DefaultValue::Value(value) => quote_spanned! {at=> #value },
    }
}

pub(super) fn option(value: Option<impl quote::ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote_spanned! {site()=> ::core::option::Option::Some(#value) },
        None => none(),
    }
}

fn none() -> TokenStream {
    quote_spanned! {site()=> ::core::option::Option::None }
}
