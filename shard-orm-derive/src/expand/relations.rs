//! The constants of a model's relations: `Order::LINES`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Ident, Path};

use super::site;
use crate::check::{Model, Relation};
use crate::names;
use crate::parse::RelationKind as Kind;
use crate::types::located;

/// Generates one constant per relation, with the visibility of the struct.
pub(super) fn relations(model: &Model) -> TokenStream {
    if model.relations.is_empty() {
        return TokenStream::new();
    }
    let ident = &model.ident;
    let constants = model
        .relations
        .iter()
        .map(|relation| constant(model, relation));
    quote_spanned! {site()=>
        #[allow(dead_code, private_interfaces, private_bounds, unused_qualifications)]
        impl #ident {
            #(#constants)*
        }
    }
}

fn constant(model: &Model, relation: &Relation) -> TokenStream {
    let Model {
        vis,
        shard_orm,
        table,
        ..
    } = model;
    let Relation {
        constant, target, ..
    } = relation;
    let at = located(target.span());
    let name = target_name(relation);
    let (kind, doc) = match relation.kind {
        Kind::HasMany => (
            "HasMany",
            format!("The rows of `{name}` that belong to a row of `{table}`."),
        ),
        Kind::HasOne => (
            "HasOne",
            format!("The row of `{name}` that belongs to a row of `{table}`."),
        ),
        Kind::BelongsTo => (
            "BelongsTo",
            format!("The row of `{name}` that a row of `{table}` belongs to."),
        ),
        Kind::RefersTo => (
            "RefersTo",
            format!("The row of `{name}` that a row of `{table}` refers to."),
        ),
    };
    let kind = Ident::new(kind, at);
    // Errors point at the model or its field, not at the derive.
    let library = respanned(shard_orm, at);
    let columns: Vec<_> = relation
        .by
        .iter()
        .map(|field| {
            let at = located(field.span());
            let constant = names::constant(field);
            let holder = if relation.is_held_here() {
                quote_spanned! {at=> Self }
            } else {
                respanned(target, at)
            };
            quote_spanned! {at=> #holder::#constant }
        })
        .collect();
    let by = match columns.as_slice() {
        [one] => one.clone(),
        several => quote_spanned! {at=> (#(#several),*) },
    };
    let set = relation
        .is_held_here()
        .then(|| setter(model, relation))
        .into_iter();
    quote_spanned! {at=>
        #[doc = #doc]
        #vis const #constant: #shard_orm::#kind<Self, #target> =
            #library::#kind::<Self, #target>::new(#by, &[#(#columns.ordinal()),*] #(, #set)*);
    }
}

/// Changes the location of a path's span without changing its name resolution.
fn respanned(path: &Path, at: Span) -> TokenStream {
    path.to_token_stream()
        .into_iter()
        .map(|mut token| {
            token.set_span(token.span().located_at(at));
            token
        })
        .collect()
}

/// Generates a closure that sets this row's fields to the other row's id.
fn setter(model: &Model, relation: &Relation) -> TokenStream {
    let shard_orm = &model.shard_orm;
    let at = located(relation.target.span());
    let target = &relation.target;
    let put = |field: &Ident, id: TokenStream, part: TokenStream| {
        let library = respanned(shard_orm, located(field.span()));
        quote_spanned! {located(field.span())=>
            #library::ForeignKey::<#id>::put(&mut row.#field, #part)
        }
    };
    match relation.by.as_slice() {
        [] => quote_spanned! {at=> |_, _| () },
        [one] => {
            let at = located(one.span());
            let (library, target) = (respanned(shard_orm, at), respanned(target, at));
            // Requires the same bound as the constant, so that the compiler reports it once.
            let id = quote_spanned! {at=> <#target as #library::Model>::Id };
            let put = put(one, id, quote_spanned! {at=> id });
            quote_spanned! {at=> |row, id| #put }
        }
        several => {
            let puts = several.iter().enumerate().map(|(position, field)| {
                let position = syn::Index::from(position);
                put(field, quote! { _ }, quote_spanned! {at=> id.#position })
            });
            quote_spanned! {at=> |row, id| { #(#puts;)* } }
        }
    }
}

/// Generates assertions that related models are in one group, or that the target is copied to it.
pub(super) fn same_groups(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let own = names::plain(ident);
    model
        .relations
        .iter()
        .map(|relation| {
            let target = &relation.target;
            if relation.kind == Kind::RefersTo {
                let message = format!(
                    "the servers of `{own}` have no copies of `{}`: add the group of `{own}` to \
                     its `groups`",
                    target_name(relation)
                );
                return quote_spanned! {located(target.span())=>
                    const _: () = ::core::assert!(
                        __shard_orm::is_reached(
                            <#target as __shard_orm::Model>::COPIES,
                            <#ident as __shard_orm::Sharded>::GROUP
                        ),
                        #message
                    );
                };
            }
            let message = format!(
                "`{own}` and `{}` are in different shard groups; related models must be in the \
                 same group",
                target_name(relation)
            );
            quote_spanned! {located(target.span())=>
                const _: () = ::core::assert!(
                    __shard_orm::same_text(
                        <#ident as __shard_orm::Sharded>::GROUP,
                        <#target as __shard_orm::Sharded>::GROUP
                    ),
                    #message
                );
            }
        })
        .collect()
}

fn target_name(relation: &Relation) -> String {
    let last = relation.target.segments.last();
    last.map(|segment| names::plain(&segment.ident))
        .unwrap_or_default()
}
