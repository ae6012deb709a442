//! `impl Field` for a newtype.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned as _;

use super::{block, generate, site};
use crate::parse::Wrapper;
use crate::types::located;

/// Generates the code of `ShardField` for a newtype.
pub(crate) fn wrapper(wrapper: &Wrapper) -> TokenStream {
    block(&wrapper.shard_orm, &implementation(wrapper))
}

/// Delegates to the inner field.
pub(super) fn implementation(wrapper: &Wrapper) -> TokenStream {
    let Wrapper {
        ident, member, ty, ..
    } = wrapper;
    let at = located(ty.span());
    let inner = quote_spanned! {at=> <#ty as __shard_orm::Field> };
    let generated = generate::wrapper(wrapper);
    quote_spanned! {site()=>
        #[automatically_derived]
        impl __shard_orm::Field for #ident {
            type Plain = Self;

            const TYPE: __shard_orm::ColumnType = #inner::TYPE;
            const NULLABLE: ::core::primitive::bool = #inner::NULLABLE;

            fn bind(&self, args: &mut __shard_orm::Args) -> __shard_orm::Result<()> {
                #inner::bind(&self.#member, args)
            }

            fn bind_null(args: &mut __shard_orm::Args) -> __shard_orm::Result<()> {
                #inner::bind_null(args)
            }

            fn read(
                row: &__shard_orm::Row<'_>,
                ordinal: ::core::primitive::usize,
            ) -> __shard_orm::Result<Self> {
                ::core::result::Result::Ok(Self { #member: #inner::read(row, ordinal)? })
            }
        }

        #generated
    }
}
