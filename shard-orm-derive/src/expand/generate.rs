//! Code that sets a generated id and finds rows by it.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned as _;

use super::site;
use crate::check::{Generate, Location, Model};
use crate::parse::Wrapper;
use crate::types::located;

/// Returns the field `generated` of the model's description.
pub(super) fn def(model: &Model) -> TokenStream {
    let generated = model.generated.and_then(|ordinal| {
        let by = match model.columns[ordinal].generate? {
            Generate::Snowflake => quote_spanned! {site()=> Snowflake },
            Generate::Table => quote_spanned! {site()=> Table },
            Generate::UuidV7 => quote_spanned! {site()=> UuidV7 },
            Generate::Nanosecond => quote_spanned! {site()=> Nanosecond },
        };
        Some(quote_spanned! {site()=>
            __shard_orm::Generated { column: #ordinal, by: __shard_orm::Generate::#by }
        })
    });
    super::def::option(generated)
}

/// Generates the methods of `Model` that set the id, and `impl FindById` if the id determines the
/// shard.
pub(super) fn implementation(model: &Model) -> (TokenStream, TokenStream) {
    let Some((ordinal, generate)) = model
        .generated
        .and_then(|ordinal| Some((ordinal, model.columns[ordinal].generate?)))
    else {
        return (TokenStream::new(), TokenStream::new());
    };
    let column = &model.columns[ordinal];
    let (field, ty) = (&column.field, &column.ty);
    let at = located(ty.span());
    let (made, taken) = match generate {
        Generate::UuidV7 => (
            quote_spanned! {at=> __shard_orm::Uuid },
            quote_spanned! {at=> id.uuid()? },
        ),
        _ => (
            quote_spanned! {at=> ::core::primitive::i64 },
            quote_spanned! {at=> id.integer()? },
        ),
    };
    let generated = quote_spanned! {at=> <#ty as __shard_orm::GeneratedId<#made>> };
    // Only if the model has a key other than the id.
    let key = model
        .key
        .filter(|key| *key != ordinal && generate != Generate::UuidV7)
        .map(|key| {
            let (field, ty) = (&model.columns[key].field, &model.columns[key].ty);
            let at = located(ty.span());
            let key = quote_spanned! {at=>
                <#ty as __shard_orm::ShardKey>::to_key(&self.#field)
            };
            quote_spanned! {site()=>
                fn id_key(&self) -> __shard_orm::Result<::core::primitive::i64> {
                    #key
                }
            }
        });
    let needs = match generate {
        Generate::UuidV7 => quote_spanned! {at=> #generated::to_id(&self.#field).is_nil() },
        _ => quote_spanned! {at=> #generated::to_id(&self.#field) == 0 },
    };
    let set = quote_spanned! {at=> #generated::from_id(#taken) };
    let fill = quote_spanned! {site()=>
        fn needs_id(&self) -> ::core::primitive::bool {
            #needs
        }

        #key

        fn set_id(&mut self, id: __shard_orm::NewId) -> __shard_orm::Result<()> {
            self.#field = #set;
            ::core::result::Result::Ok(())
        }
    };
    let alone: Vec<_> = model.id().map(|column| &column.field).collect();
    let finds = matches!(model.location, Location::Sharded(_))
        && generate == Generate::Snowflake
        && model.key != Some(ordinal)
        && alone == [field];
    let find_by_id = if finds {
        let ident = &model.ident;
        let snowflake = quote_spanned! {at=> #generated::to_id(id) };
        quote_spanned! {site()=>
            #[automatically_derived]
            impl __shard_orm::FindById for #ident {
                fn snowflake(id: &<Self as __shard_orm::Model>::Id) -> ::core::primitive::i64 {
                    #snowflake
                }
            }
        }
    } else {
        TokenStream::new()
    };
    (fill, find_by_id)
}

/// Generates `impl GeneratedId` for a newtype, with the same type parameter as its inner field.
///
/// The implementation is generic, so that a newtype over a string compiles without being an id.
pub(super) fn wrapper(wrapper: &Wrapper) -> TokenStream {
    let Wrapper {
        ident, member, ty, ..
    } = wrapper;
    let inner = quote_spanned! {located(ty.span())=>
        <#ty as __shard_orm::GeneratedId<__ShardOrmId>>
    };
    quote_spanned! {site()=>
        #[automatically_derived]
        impl<__ShardOrmId> __shard_orm::GeneratedId<__ShardOrmId> for #ident
        where
            #ty: __shard_orm::GeneratedId<__ShardOrmId>,
        {
            fn from_id(id: __ShardOrmId) -> Self {
                Self { #member: #inner::from_id(id) }
            }

            fn to_id(&self) -> __ShardOrmId {
                #inner::to_id(&self.#member)
            }
        }
    }
}
