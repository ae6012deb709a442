//! The implementation of the trait for the model's location.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned as _;

use super::{def, site, value};
use crate::check::{Location, Model, StaticLocation};
use crate::types::located;

/// `impl Sharded`, `impl IsolatedModel`, `impl DatabaseModel` or `impl StaticModel`.
pub(super) fn location(model: &Model) -> TokenStream {
    let ident = &model.ident;
    match &model.location {
        Location::Sharded(group) => sharded(model, group),
        Location::Isolated(_) => quote_spanned! {site()=>
            #[automatically_derived]
            impl __shard_orm::IsolatedModel for #ident {}
        },
        Location::Database(_) => quote_spanned! {site()=>
            #[automatically_derived]
            impl __shard_orm::DatabaseModel for #ident {}

            #[automatically_derived]
            impl __shard_orm::Referred for #ident {}
        },
        Location::Static(location) => static_location(model, location),
    }
}

fn static_location(model: &Model, location: &StaticLocation) -> TokenStream {
    let ident = &model.ident;
    let groups = def::groups(&location.groups);
    let written = match location.source {
        Some(_) => quote_spanned! {site()=> TransmittedModel },
        None => quote_spanned! {site()=> PerServerModel },
    };
    // The derive does not see an `Option` behind an alias.
    let criterion = location.criterion.map(|ordinal| {
        let column = &model.columns[ordinal];
        let at = located(column.ty.span());
        let stored = value::stored(&column.ty, column.json);
        let message = format!("`{}` is the criterion, which cannot be NULL", column.name);
        quote_spanned! {at=>
            const _: () = ::core::assert!(!<#stored as __shard_orm::Field>::NULLABLE, #message);
        }
    });
    let hooks = location.hooks.as_ref().map(|token| {
        quote_spanned! {located(token.span())=>
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
    // A missing key has been reported already.
    let Some(key) = model.key.map(|ordinal| &model.columns[ordinal]) else {
        return TokenStream::new();
    };
    let (key_field, key_type) = (&key.field, &key.ty);
    let at = located(key_type.span());
    let number = quote_spanned! {at=>
        __shard_orm::RoutingKey::new(<#key_type as __shard_orm::ShardKey>::to_key(&self.#key_field)?)
    };
    let key_value =
        quote_spanned! {at=> <#key_type as ::core::clone::Clone>::clone(&self.#key_field) };
    let (key, key_value, routed) = match model.region.map(|ordinal| &model.columns[ordinal]) {
        None => (quote_spanned! {at=> #key_type }, key_value, number),
        Some(region) => {
            let (field, ty) = (&region.field, &region.ty);
            let at = located(ty.span());
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
