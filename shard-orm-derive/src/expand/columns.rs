//! The constants of a model: `Order::USER_ID`.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote_spanned};

use super::{site, value};
use crate::check::Model;

/// Generates one constant per column, with the visibility of the struct.
pub(super) fn columns(model: &Model) -> TokenStream {
    let Model {
        ident,
        vis,
        shard_orm,
        table,
        ..
    } = model;
    let library = shard_orm.to_token_stream();
    let constants = model.columns.iter().enumerate().map(|(ordinal, column)| {
        let constant = &column.constant;
        let ty = value::column_type(&column.ty, column.json, &library);
        let doc = format!("The column `{}` of `{table}`.", column.name);
        quote_spanned! {site()=>
            #[doc = #doc]
            #vis const #constant: #shard_orm::Column<Self, #ty> =
                #shard_orm::Column::new(#ordinal);
        }
    });
    // A constant may be unused, and the type of its field may be private.
    quote_spanned! {site()=>
        #[allow(dead_code, private_interfaces)]
        impl #ident {
            #(#constants)*
        }
    }
}
