//! Generates the code of each derive.
//!
//! The code consists of constants and forwarding calls. Its paths start at `::core` or
//! `__shard_orm`, and its local names use mixed-site hygiene, so that nothing in the user's module
//! can shadow them. Code that depends on a field's type has the span of that type, so that type
//! errors point at it. It always requires the type in the same form, because the compiler reports
//! identical errors only once.

mod columns;
mod def;
mod enumeration;
mod generate;
mod key;
mod location;
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

/// The span of generated code: local names are the derive's, items resolve in the user's module.
fn site() -> Span {
    Span::mixed_site()
}

/// Wraps implementations in a block in which `__shard_orm` refers to `shard_orm::__private`.
fn block(shard_orm: &Path, items: &TokenStream) -> TokenStream {
    quote_spanned! {site()=>
        #[doc(hidden)]
        #[allow(deprecated, unused_qualifications, clippy::absolute_paths)]
        const _: () = {
            use #shard_orm as __shard_orm;
            #items
        };
    }
}
