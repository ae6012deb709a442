//! `impl ShardKey` for a newtype over an integer, and the `impl Field` that it requires.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned as _;

use super::{block, site, wrapper};
use crate::parse::Wrapper;
use crate::types::located;

/// Generates the code of `ShardKey`.
pub(crate) fn key(key: &Wrapper) -> TokenStream {
    let Wrapper {
        ident, member, ty, ..
    } = key;
    let field = wrapper::implementation(key);
    let to_key = quote_spanned! {located(ty.span())=>
        <#ty as __shard_orm::ShardKey>::to_key(&self.#member)
    };
    let items = quote_spanned! {site()=>
        #field

        #[automatically_derived]
        impl __shard_orm::ShardKey for #ident {
            fn to_key(&self) -> __shard_orm::Result<::core::primitive::i64> {
                #to_key
            }
        }
    };
    block(&key.shard_orm, &items)
}
