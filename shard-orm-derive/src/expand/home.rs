//! The trait that says where a model's rows live.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned as _;

use super::{def, site, value};
use crate::check::{Copied, Home, Model};
use crate::types::place;

/// `impl Sharded`, `impl IsolatedModel`, `impl DatabaseModel` or `impl StaticModel`.
pub(super) fn home(model: &Model) -> TokenStream {
    let ident = &model.ident;
    match &model.home {
        Home::Sharded(group) => sharded(model, group),
        Home::Isolated(_) => quote_spanned! {site()=>
            #[automatically_derived]
            impl __shard_orm::IsolatedModel for #ident {}
        },
        Home::Database(_) => quote_spanned! {site()=>
            #[automatically_derived]
            impl __shard_orm::DatabaseModel for #ident {}

            #[automatically_derived]
            impl __shard_orm::Referred for #ident {}
        },
        Home::Static(copied) => copied_home(model, copied),
    }
}

fn copied_home(model: &Model, copied: &Copied) -> TokenStream {
    let ident = &model.ident;
    let groups = def::groups(&copied.groups);
    let written = match copied.source {
        Some(_) => quote_spanned! {site()=> TransmittedModel },
        None => quote_spanned! {site()=> PerServerModel },
    };
    // An alias hides an `Option` from the derive.
    let criterion = copied.criterion.map(|ordinal| {
        let column = &model.columns[ordinal];
        let at = place(column.ty.span());
        let stored = value::stored(&column.ty, column.json);
        let message = format!(
            "`{}` is the criterion, which says of every row when it changed: it cannot be NULL",
            column.name
        );
        quote_spanned! {at=>
            const _: () = ::core::assert!(!<#stored as __shard_orm::Field>::NULLABLE, #message);
        }
    });
    let hooks = copied.hooks.as_ref().map(|said| {
        quote_spanned! {place(said.span())=>
            const TRANSMIT_HOOKS: ::core::option::Option<
                &'static dyn __shard_orm::DynTransmitHooks,
            > = ::core::option::Option::Some(__shard_orm::connect_transmit_hooks::<Self>());
        }
    });
    quote_spanned! {site()=>
        #[automatically_derived]
        impl __shard_orm::StaticModel for #ident {
            const GROUPS: __shard_orm::StaticGroups = #groups;

            #hooks
        }

        #[automatically_derived]
        impl __shard_orm::#written for #ident {}

        #[automatically_derived]
        impl __shard_orm::Referred for #ident {}

        #criterion
    }
}

fn sharded(model: &Model, group: &str) -> TokenStream {
    let Model { ident, .. } = model;
    // A sharded model without a key has been refused.
    let Some(key) = model.key.map(|ordinal| &model.columns[ordinal]) else {
        return TokenStream::new();
    };
    let (key_field, key_type) = (&key.field, &key.ty);
    let at = place(key_type.span());
    let number = quote_spanned! {at=>
        __shard_orm::RoutingKey::new(<#key_type as __shard_orm::ShardKey>::to_key(&self.#key_field)?)
    };
    let key_value =
        quote_spanned! {at=> <#key_type as ::core::clone::Clone>::clone(&self.#key_field) };
    let (key, key_value, routed) = match model.region.map(|ordinal| &model.columns[ordinal]) {
        None => (quote_spanned! {at=> #key_type }, key_value, number),
        Some(region) => {
            let (field, ty) = (&region.field, &region.ty);
            let at = place(ty.span());
            (
                quote_spanned! {at=> (#ty, #key_type) },
                quote_spanned! {at=>
                    (<#ty as ::core::clone::Clone>::clone(&self.#field), #key_value)
                },
                quote_spanned! {at=>
                    #number.in_region(
                        <#ty as ::core::convert::AsRef<::core::primitive::str>>::as_ref(&self.#field)
                    )
                },
            )
        }
    };
    quote_spanned! {site()=>
        #[automatically_derived]
        impl __shard_orm::Sharded for #ident {
            type Key = #key;

            const GROUP: &'static ::core::primitive::str = #group;

            fn key(&self) -> #key {
                #key_value
            }

            fn routing_key(&self) -> __shard_orm::Result<__shard_orm::RoutingKey<'_>> {
                ::core::result::Result::Ok(#routed)
            }
        }
    }
}
