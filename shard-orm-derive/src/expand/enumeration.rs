//! `impl Field` for an enum, stored as a string or an integer.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote_spanned;

use super::{block, site};
use crate::check::{Enumeration, Stored};

/// Generates the code of `ShardField` for an enum.
pub(crate) fn enumeration(enumeration: &Enumeration) -> TokenStream {
    let Enumeration { ident, stored, .. } = enumeration;
    let name = ident.to_string();
    let name = name.trim_start_matches("r#");
    let (of, bind, read) = match stored {
        Stored::Text(variants) => text(name, variants),
        Stored::Integer { of, variants } => integer(name, of, variants),
    };
    let items = quote_spanned! {site()=>
        #[automatically_derived]
        impl __shard_orm::Field for #ident {
            type Plain = Self;

            const TYPE: __shard_orm::ColumnType = <#of as __shard_orm::Field>::TYPE;

            fn bind(&self, args: &mut __shard_orm::Args) -> __shard_orm::Result<()> {
                #bind
            }

            fn bind_null(args: &mut __shard_orm::Args) -> __shard_orm::Result<()> {
                <#of as __shard_orm::Field>::bind_null(args)
            }

            fn read(
                row: &__shard_orm::Row<'_>,
                ordinal: ::core::primitive::usize,
            ) -> __shard_orm::Result<Self> {
                #read
            }
        }
    };
    block(&enumeration.shard_orm, &items)
}

/// The column type, the body of `bind` and the body of `read`.
type Parts = (TokenStream, TokenStream, TokenStream);

fn text(name: &str, variants: &[(Ident, String)]) -> Parts {
    let idents = variants.iter().map(|(ident, _)| ident);
    let texts = variants.iter().map(|(_, text)| text);
    let reads = variants.iter().map(|(ident, text)| {
        quote_spanned! {site()=> #text => ::core::result::Result::Ok(Self::#ident), }
    });
    (
        quote_spanned! {site()=> ::std::string::String },
        quote_spanned! {site()=>
            __shard_orm::bind_str(match self { #(Self::#idents => #texts,)* }, args)
        },
        quote_spanned! {site()=>
            let stored = __shard_orm::read_string(row, ordinal)?;
            match ::std::string::String::as_str(&stored) {
                #(#reads)*
                _ => ::core::result::Result::Err(__shard_orm::unknown_variant(#name, &stored)),
            }
        },
    )
}

fn integer(name: &str, of: &str, variants: &[(Ident, i128)]) -> Parts {
    let of = Ident::new(of, site());
    let of = quote_spanned! {site()=> ::core::primitive::#of };
    let arms = variants.iter().map(|(ident, number)| {
        let number = Literal::i128_unsuffixed(*number);
        quote_spanned! {site()=> Self::#ident => #number, }
    });
    let reads = variants.iter().map(|(ident, number)| {
        let number = Literal::i128_unsuffixed(*number);
        quote_spanned! {site()=> #number => ::core::result::Result::Ok(Self::#ident), }
    });
    (
        of.clone(),
        quote_spanned! {site()=>
            <#of as __shard_orm::Field>::bind(&match self { #(#arms)* }, args)
        },
        quote_spanned! {site()=>
            let stored = <#of as __shard_orm::Field>::read(row, ordinal)?;
            // Unreachable if every number is a variant, as in an `i8` enum with 256 variants.
            #[allow(unreachable_patterns)]
            match stored {
                #(#reads)*
                _ => ::core::result::Result::Err(__shard_orm::unknown_variant(#name, &stored)),
            }
        },
    )
}
