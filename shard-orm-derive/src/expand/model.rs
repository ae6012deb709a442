//! `impl Model`: binds, reads and timestamps one row.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned as _;

use super::{block, columns, def, generate, location, relations, site, value};
use crate::check::{Location, Model};
use crate::types::located;

/// Generates the code of a model.
pub(crate) fn model(model: &Model) -> TokenStream {
    let columns = columns::columns(model);
    let def = def::def(model);
    let implementation = implementation(model);
    let location = location::location(model);
    let same_groups = relations::same_groups(model);
    let relations = relations::relations(model);
    let items = quote_spanned! {site()=> #def #implementation #location #same_groups };
    let block = block(&model.shard_orm, &items);
    quote_spanned! {site()=> #columns #relations #block }
}

fn implementation(model: &Model) -> TokenStream {
    let Model { ident, table, .. } = model;
    let width = model.columns.len();
    let id = id(model);
    let id_value = id_value(model);
    let arms = model.columns.iter().enumerate().map(|(ordinal, column)| {
        let field = &column.field;
        let at = located(column.ty.span());
        let bind = value::bind_column(column, &quote_spanned! {at=> &self.#field });
        quote_spanned! {at=> #ordinal => #bind, }
    });
    let reads = model.columns.iter().enumerate().map(|(ordinal, column)| {
        let field = &column.field;
        let read = value::read_column(column, ordinal);
        quote_spanned! {located(column.ty.span())=> #field: #read, }
    });
    let skips = model.skipped.iter().map(|(field, ty)| {
        quote_spanned! {located(ty.span())=>
            #field: <#ty as ::core::default::Default>::default(),
        }
    });
    let stamp = stamp(model);
    let (fill, find_by_id) = generate::implementation(model);
    let hooks_and_validation = hooks_and_validation(model);
    let copies = match &model.location {
        Location::Static(location) => {
            let groups = def::groups(&location.groups);
            quote_spanned! {site()=>
                const COPIES: ::core::option::Option<__shard_orm::StaticGroups> =
                    ::core::option::Option::Some(#groups);
            }
        }
        _ => TokenStream::new(),
    };
    let soft_delete = model.soft_delete.map(|_| {
        quote_spanned! {site()=>
            #[automatically_derived]
            impl __shard_orm::SoftDelete for #ident {}
        }
    });
    quote_spanned! {site()=>
        #[automatically_derived]
        impl __shard_orm::Model for #ident {
            type Id = #id;

            const TABLE: &'static ::core::primitive::str = #table;

            #copies

            #hooks_and_validation

            fn def() -> &'static __shard_orm::ModelDef {
                &__SHARD_ORM_DEF
            }

            // The id is `()` if the primary key is just the shard key.
            #[allow(clippy::unused_unit)]
            fn id(&self) -> #id {
                #id_value
            }

            fn bind(
                &self,
                ordinal: ::core::primitive::usize,
                args: &mut __shard_orm::Args,
            ) -> __shard_orm::Result<()> {
                match ordinal {
                    #(#arms)*
                    _ => __shard_orm::no_such_column(ordinal),
                }
            }

            fn read(
                row: &__shard_orm::Row<'_>,
                first: ::core::primitive::usize,
            ) -> __shard_orm::Result<Self> {
                ::core::result::Result::Ok(Self {
                    #(#reads)*
                    #(#skips)*
                })
            }

            #stamp
            #fill
        }

        #find_by_id

        #[automatically_derived]
        impl __shard_orm::ReadRow for #ident {
            const WIDTH: ::core::primitive::usize = #width;

            fn read_row(row: &__shard_orm::Row<'_>) -> __shard_orm::Result<Self> {
                <Self as __shard_orm::Model>::read(row, 0)
            }
        }

        #soft_delete
    }
}

/// Generates the constants that connect the model's `Hooks` and `Validate`, if it has them.
fn hooks_and_validation(model: &Model) -> TokenStream {
    let hooks = model.hooks.as_ref().map(|token| {
        quote_spanned! {located(token.span())=>
            const HOOKS: ::core::option::Option<&'static dyn __shard_orm::DynHooks<Self>> =
                ::core::option::Option::Some(__shard_orm::connect_hooks::<Self>());
        }
    });
    let validate = model.validate.as_ref().map(|token| {
        quote_spanned! {located(token.span())=>
            const VALIDATE: ::core::option::Option<fn(&Self, &mut __shard_orm::Problems<Self>)> =
                ::core::option::Option::Some(<Self as __shard_orm::Validate>::validate);
        }
    });
    quote_spanned! {site()=> #hooks #validate }
}

/// Returns the type of the id: `()`, a single type, or a tuple.
fn id(model: &Model) -> TokenStream {
    let types: Vec<_> = model.id().map(|column| &column.ty).collect();
    match types.as_slice() {
        [one] => quote_spanned! {located(one.span())=> #one },
        several => quote_spanned! {site()=> (#(#several),*) },
    }
}

/// Generates the value of the id.
fn id_value(model: &Model) -> TokenStream {
    let values: Vec<_> = model
        .id()
        .map(|column| {
            let (field, ty) = (&column.field, &column.ty);
            quote_spanned! {located(ty.span())=>
                <#ty as ::core::clone::Clone>::clone(&self.#field)
            }
        })
        .collect();
    match values.as_slice() {
        [one] => quote_spanned! {site()=> #one },
        several => quote_spanned! {site()=> (#(#several),*) },
    }
}

fn stamp(model: &Model) -> TokenStream {
    let mut stamped = model
        .columns
        .iter()
        .filter(|column| column.stamp.is_some())
        .peekable();
    if stamped.peek().is_none() {
        return TokenStream::new();
    }
    let fields = stamped.map(|column| {
        let (field, ty) = (&column.field, &column.ty);
        quote_spanned! {located(ty.span())=>
            self.#field = <#ty as __shard_orm::Timestamp>::at(time);
        }
    });
    quote_spanned! {site()=>
        fn stamp(&mut self, time: __shard_orm::SystemTime) {
            #(#fields)*
        }
    }
}
