//! The constants of a model's relations: `Order::LINES`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned as _;

use super::site;
use crate::check::{Model, Relation};
use crate::names;
use crate::parse::RelationKind as Kind;
use crate::types::place;

/// One constant for each relation, as visible as the struct.
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
        #[allow(dead_code, private_interfaces, private_bounds)]
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
    let at = place(target.span());
    let name = target_name(relation);
    let (kind, doc) = match relation.kind {
        Kind::HasMany => (
            "HasMany",
            format!("The rows of `{name}` that belong to one of `{table}`."),
        ),
        Kind::HasOne => (
            "HasOne",
            format!("The row of `{name}` that belongs to one of `{table}`."),
        ),
        Kind::BelongsTo => (
            "BelongsTo",
            format!("The row of `{name}` that one of `{table}` belongs to."),
        ),
        Kind::RefersTo => (
            "RefersTo",
            format!("The row of `{name}` that one of `{table}` refers to."),
        ),
    };
    let kind = Ident::new(kind, at);
    let holder = if relation.is_held_here() {
        quote_spanned! {at=> Self }
    } else {
        quote! { #target }
    };
    let columns: Vec<_> = relation
        .by
        .iter()
        .map(|field| {
            let constant = names::constant(field);
            quote_spanned! {place(field.span())=> #holder::#constant }
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
        #vis const #constant: #shard_orm::relation::#kind<Self, #target> =
            #shard_orm::relation::#kind::<Self, #target>::new(#by, &[#(#columns.ordinal()),*] #(, #set)*);
    }
}

/// A closure that puts the other's id into this one's fields.
fn setter(model: &Model, relation: &Relation) -> TokenStream {
    let shard_orm = &model.shard_orm;
    let at = place(relation.target.span());
    let put = |field: &Ident, id: TokenStream| {
        quote_spanned! {place(field.span())=>
            #shard_orm::relation::ForeignKey::put(&mut row.#field, #id)
        }
    };
    match relation.by.as_slice() {
        [] => quote_spanned! {at=> |_, _| () },
        [one] => {
            let put = put(one, quote_spanned! {at=> id });
            quote_spanned! {at=> |row, id| #put }
        }
        several => {
            let puts = several.iter().enumerate().map(|(position, field)| {
                let position = syn::Index::from(position);
                put(field, quote_spanned! {at=> id.#position })
            });
            quote_spanned! {at=> |row, id| { #(#puts;)* } }
        }
    }
}

/// That the models of each relation are in one group.
pub(super) fn same_groups(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let own = names::plain(ident);
    model
        .relations
        .iter()
        .filter(|relation| relation.kind != Kind::RefersTo)
        .map(|relation| {
            let target = &relation.target;
            let message = format!(
                "`{own}` and `{}` are in different shard groups, so their rows live apart: a \
                 relation is within one group",
                target_name(relation)
            );
            quote_spanned! {place(target.span())=>
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
