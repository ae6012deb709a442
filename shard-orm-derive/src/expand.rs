//! Writes the code of each derive.
//!
//! The code is constants and forwarding calls. Its paths begin at `::core` or at `__shard_orm`,
//! and its local names have a hygiene of their own, so that nothing in the user's module can
//! shadow them. What depends on a field's type is shown at that type when it does not compile,
//! and always asks for it in the same words: the compiler drops what it has said already.

mod columns;
mod def;
mod enumeration;
mod generate;
mod home;
mod key;
mod model;
mod projection;
mod relations;
mod value;
mod wrapper;

pub(crate) use enumeration::enumeration;
pub(crate) use key::key;
pub(crate) use model::model;
pub(crate) use projection::projection;
pub(crate) use wrapper::wrapper;

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::Path;

/// The hygiene of generated code: locals are the derive's own, items are the module's.
fn site() -> Span {
    Span::mixed_site()
}

/// Puts implementations into a block of their own, in which `__shard_orm` is the library.
fn block(shard_orm: &Path, items: &TokenStream) -> TokenStream {
    quote_spanned! {site()=>
        #[doc(hidden)]
        #[allow(deprecated, unused_qualifications, clippy::absolute_paths)]
        const _: () = {
            use #shard_orm::__private as __shard_orm;
            #items
        };
    }
}
