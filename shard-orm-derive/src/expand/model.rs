//! `impl Model`: binding, reading and stamping one row.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned as _;

use super::{block, columns, def, generate, home, relations, site, value};
use crate::check::{Home, Model};
use crate::types::place;

/// All code of a model.
pub(crate) fn model(model: &Model) -> TokenStream {
    let columns = columns::columns(model);
    let def = def::def(model);
    let implementation = implementation(model);
    let home = home::home(model);
    let same_groups = relations::same_groups(model);
    let relations = relations::relations(model);
    let items = quote_spanned! {site()=> #def #implementation #home #same_groups };
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
        let at = place(column.ty.span());
        let bind = value::bind_column(column, &quote_spanned! {at=> &self.#field });
        quote_spanned! {at=> #ordinal => #bind, }
    });
    let reads = model.columns.iter().enumerate().map(|(ordinal, column)| {
        let field = &column.field;
        let read = value::read_column(column, ordinal);
        quote_spanned! {place(column.ty.span())=> #field: #read, }
    });
    let skips = model.skipped.iter().map(|(field, ty)| {
        quote_spanned! {place(ty.span())=>
            #field: <#ty as ::core::default::Default>::default(),
        }
    });
    let stamp = stamp(model);
    let (fill, find_by_id) = generate::implementation(model);
    let behaviour = behaviour(model);
    let copies = match &model.home {
        Home::Static(copied) => {
            let groups = def::groups(&copied.groups);
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

            #behaviour

            fn def() -> &'static __shard_orm::ModelDef {
                &__SHARD_ORM_DEF
            }

            // Where the shard key is the whole primary key, that is `()`.
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

/// The constants that connect the model's own `Hooks` and `Validate`, where it has them.
fn behaviour(model: &Model) -> TokenStream {
    let hooks = model.hooks.as_ref().map(|said| {
        quote_spanned! {place(said.span())=>
            const HOOKS: ::core::option::Option<&'static dyn __shard_orm::DynHooks<Self>> =
                ::core::option::Option::Some(__shard_orm::connect_hooks::<Self>());
        }
    });
    let validate = model.validate.as_ref().map(|said| {
        quote_spanned! {place(said.span())=>
            const VALIDATE: ::core::option::Option<fn(&Self, &mut __shard_orm::Problems<Self>)> =
                ::core::option::Option::Some(<Self as __shard_orm::Validate>::validate);
        }
    });
    quote_spanned! {site()=> #hooks #validate }
}

/// `()`, the one type, or a tuple.
fn id(model: &Model) -> TokenStream {
    let types: Vec<_> = model.id().map(|column| &column.ty).collect();
    match types.as_slice() {
        [one] => quote_spanned! {place(one.span())=> #one },
        several => quote_spanned! {site()=> (#(#several),*) },
    }
}

/// A value of that type.
fn id_value(model: &Model) -> TokenStream {
    let values: Vec<_> = model
        .id()
        .map(|column| {
            let (field, ty) = (&column.field, &column.ty);
            quote_spanned! {place(ty.span())=>
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
        quote_spanned! {place(ty.span())=>
            self.#field = <#ty as __shard_orm::Timestamp>::at(time);
        }
    });
    quote_spanned! {site()=>
        fn stamp(&mut self, time: __shard_orm::SystemTime) {
            #(#fields)*
        }
    }
}
