//! Inspection of types by their tokens.
//!
//! An alias hides the actual type. These checks give better messages in the common case; the
//! compiler reports the rest.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{GenericArgument, PathArguments, PathSegment, Type};

/// Returns a span that points to the tokens and resolves names like generated code.
pub(crate) fn located(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

/// Returns `T` of `Option<T>`.
pub(crate) fn option_of(ty: &Type) -> Option<&Type> {
    argument_of(ty, "Option")
}

/// Returns whether the type is written as `String`.
pub(crate) fn is_string(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|last| last.ident == "String" && last.arguments.is_none())
}

/// Returns the type's name if the type cannot have a `length`.
pub(crate) fn without_length(ty: &Type) -> Option<String> {
    const SCALARS: [&str; 15] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "u8", "u16", "u32", "u64",
        "u128", "usize",
    ];
    let inner = option_of(ty).unwrap_or(ty);
    let unfit = match bare(inner) {
        Type::Path(_) => match argument_of(inner, "Vec") {
            Some(item) => without_length(item).is_some_and(|name| name != "u8"),
            None => last_segment(inner).is_some_and(|last| {
                last.arguments.is_none() && SCALARS.iter().any(|scalar| last.ident == scalar)
            }),
        },
        Type::Tuple(_) | Type::Array(_) => true,
        _ => false,
    };
    unfit.then(|| text(ty))
}

/// Returns the type as source text, without spaces between tokens.
pub(crate) fn text(ty: &Type) -> String {
    ty.to_token_stream()
        .to_string()
        .replace(" :: ", "::")
        .replace(" <", "<")
        .replace("< ", "<")
        .replace(" >", ">")
        .replace(" ,", ",")
}

/// Replaces `Self` by the name of the struct, since a static has no `Self`.
pub(crate) fn without_self(ty: &Type, name: &Ident) -> Type {
    fn replace(tokens: TokenStream, name: &Ident) -> TokenStream {
        tokens
            .into_iter()
            .map(|token| match token {
                TokenTree::Ident(ident) if ident == "Self" => {
                    TokenTree::Ident(Ident::new(&name.to_string(), ident.span()))
                }
                TokenTree::Group(group) => {
                    let mut inner = Group::new(group.delimiter(), replace(group.stream(), name));
                    inner.set_span(group.span());
                    TokenTree::Group(inner)
                }
                other => other,
            })
            .collect()
    }
    let tokens = ty.to_token_stream();
    if tokens.to_string().contains("Self") {
        syn::parse2(replace(tokens, name)).unwrap_or_else(|_| ty.clone())
    } else {
        ty.clone()
    }
}

fn argument_of<'t>(ty: &'t Type, name: &str) -> Option<&'t Type> {
    let last = last_segment(ty)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match (last.ident == name, arguments.args.first()) {
        (true, Some(GenericArgument::Type(inner))) if arguments.args.len() == 1 => Some(inner),
        _ => None,
    }
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match bare(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

/// Removes the invisible group that a `macro_rules` adds around `$t:ty`.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn an_option_is_recognized_by_its_last_segment() {
        let written: [Type; 3] = [
            parse_quote!(Option<i64>),
            parse_quote!(std::option::Option<i64>),
            parse_quote!(::core::option::Option<i64>),
        ];
        for ty in &written {
            assert_eq!(option_of(ty).map(text).as_deref(), Some("i64"));
        }
        assert!(option_of(&parse_quote!(Vec<i64>)).is_none());
        assert!(option_of(&parse_quote!(Option)).is_none());
    }

    #[test]
    fn a_length_applies_to_strings_bytes_and_possible_newtypes() {
        let fitting: [Type; 5] = [
            parse_quote!(String),
            parse_quote!(Option<String>),
            parse_quote!(Vec<u8>),
            parse_quote!(Option<Vec<u8>>),
            parse_quote!(crate::Email),
        ];
        for ty in &fitting {
            assert_eq!(without_length(ty), None, "{}", text(ty));
        }
        let unfit: [Type; 5] = [
            parse_quote!(i64),
            parse_quote!(Option<bool>),
            parse_quote!(Vec<i32>),
            parse_quote!((i32, i32)),
            parse_quote!([u8; 4]),
        ];
        for ty in &unfit {
            assert!(without_length(ty).is_some(), "{}", text(ty));
        }
    }

    #[test]
    fn self_is_replaced_by_the_name_of_the_struct() {
        let ty = without_self(&parse_quote!(Vec<Option<Self>>), &parse_quote!(Node));
        assert_eq!(text(&ty), "Vec<Option<Node>>");
    }
}
