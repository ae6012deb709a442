//! Code that binds and reads one value, either with the field's type or as JSON.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::Type;
use syn::spanned::Spanned as _;

use crate::check::Column;
use crate::types::{located, option_of};

/// Returns the type of the column; `library` is the path of `Json`.
pub(super) fn column_type(ty: &Type, json: bool, library: &TokenStream) -> TokenStream {
    let at = located(ty.span());
    match (json, option_of(ty)) {
        (false, _) => quote_spanned! {at=> #ty },
        (true, None) => quote_spanned! {at=> #library::Json<#ty> },
        (true, Some(inner)) => quote_spanned! {at=>
            ::core::option::Option<#library::Json<#inner>>
        },
    }
}

/// The same, within the block of the implementations.
pub(super) fn stored(ty: &Type, json: bool) -> TokenStream {
    column_type(
        ty,
        json,
        &quote_spanned! {located(ty.span())=> __shard_orm },
    )
}

/// Generates code that binds the value behind the reference `value` to `args`.
pub(super) fn bind(ty: &Type, json: bool, value: &TokenStream) -> TokenStream {
    let at = located(ty.span());
    match (json, option_of(ty)) {
        (false, _) => quote_spanned! {at=> <#ty as __shard_orm::Field>::bind(#value, args) },
        (true, None) => quote_spanned! {at=> __shard_orm::bind_json(#value, args) },
        (true, Some(_)) => {
            let stored = stored(ty, json);
            quote_spanned! {at=>
                match #value {
                    ::core::option::Option::Some(value) => __shard_orm::bind_json(value, args),
                    ::core::option::Option::None => {
                        <#stored as __shard_orm::Field>::bind_null(args)
                    }
                }
            }
        }
    }
}

/// As [`bind`], for a column with declared digits.
pub(super) fn bind_column(column: &Column, value: &TokenStream) -> TokenStream {
    let bind = bind(&column.ty, column.json, value);
    let Some(digits) = digits(column) else {
        return bind;
    };
    let name = &column.name;
    quote_spanned! {located(column.ty.span())=>
        __shard_orm::bind_decimal(#name, #digits, args, |args| #bind)
    }
}

/// Returns the declared digits of a column.
pub(super) fn digits(column: &Column) -> Option<TokenStream> {
    let (precision, scale) = column.decimal?;
    let ty = &column.ty;
    Some(quote_spanned! {located(ty.span())=>
        const { __shard_orm::Digits::of::<#ty>(#precision, #scale) }
    })
}

/// Generates code that reads the column at `first + offset` of `row`.
pub(super) fn read_column(column: &Column, offset: usize) -> TokenStream {
    let Some(digits) = digits(column) else {
        return read(&column.ty, column.json, offset);
    };
    let ty = &column.ty;
    quote_spanned! {located(ty.span())=>
        <#ty as __shard_orm::Field>::read(
            &__shard_orm::row_of_decimals(row, #digits),
            first + #offset,
        )?
    }
}

/// Generates code that reads the value at `first + offset` of `row`.
pub(super) fn read(ty: &Type, json: bool, offset: usize) -> TokenStream {
    let at = located(ty.span());
    let stored = stored(ty, json);
    let read = quote_spanned! {at=>
        <#stored as __shard_orm::Field>::read(row, first + #offset)?
    };
    match (json, option_of(ty)) {
        (false, _) => read,
        (true, None) => quote_spanned! {at=> #read.0 },
        (true, Some(_)) => quote_spanned! {at=>
            match #read {
                ::core::option::Option::Some(json) => ::core::option::Option::Some(json.0),
                ::core::option::Option::None => ::core::option::Option::None,
            }
        },
    }
}
