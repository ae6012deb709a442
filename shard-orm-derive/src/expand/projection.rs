//! `impl Projection`: reads some of a model's columns into a struct.

use proc_macro2::TokenStream;
use quote::{format_ident, quote_spanned};
use syn::spanned::Spanned as _;

use super::{block, site, value};
use crate::parse::Projection;
use crate::types::located;

/// Generates the code of `ShardProjection`.
pub(crate) fn projection(projection: &Projection) -> TokenStream {
    let Projection {
        ident,
        model,
        fields,
        ..
    } = projection;
    let locals: Vec<_> = (0..fields.len())
        .map(|place| format_ident!("column_{place}", span = site()))
        .collect();
    // Each column is named once, with the type of the field, so that a wrong name or type is
    // reported only once, and here.
    let typed = fields.iter().zip(&locals).map(|(field, local)| {
        let ty = value::stored(&field.ty, field.json);
        let constant = &field.constant;
        quote_spanned! {located(field.ty.span())=>
            let #local: __shard_orm::Column<#model, #ty> = <#model>::#constant;
        }
    });
    let reads = fields.iter().enumerate().map(|(ordinal, field)| {
        let name = &field.ident;
        let read = value::read(&field.ty, field.json, ordinal);
        quote_spanned! {located(field.ty.span())=>
            #name: {
                let row = &__shard_orm::row_of_field::<Self>(row, #ordinal);
                #read
            },
        }
    });
    let items = quote_spanned! {site()=>
        #[automatically_derived]
        impl __shard_orm::Projection for #ident {
            type Model = #model;

            const COLUMNS: &'static [::core::primitive::usize] = {
                #(#typed)*
                &[#(#locals.ordinal()),*]
            };

            fn read(
                row: &__shard_orm::Row<'_>,
                first: ::core::primitive::usize,
            ) -> __shard_orm::Result<Self> {
                ::core::result::Result::Ok(Self {
                    #(#reads)*
                })
            }
        }

        #[automatically_derived]
        impl __shard_orm::ReadRow for #ident {
            const WIDTH: ::core::primitive::usize =
                <Self as __shard_orm::Projection>::COLUMNS.len();

            fn read_row(row: &__shard_orm::Row<'_>) -> __shard_orm::Result<Self> {
                <Self as __shard_orm::Projection>::read(row, 0)
            }
        }
    };
    block(&projection.shard_orm, &items)
}
