//! A struct around one field.

use syn::Member;

use crate::errors::Errors;
use crate::parse::Wrapper;
use crate::types;

/// Checks the input of `ShardKey`.
pub(crate) fn key(parsed: Wrapper, errors: &mut Errors) -> Option<Wrapper> {
    if let Member::Named(field) = &parsed.member {
        errors.at(
            field,
            "a shard key is a tuple struct around an integer, like `struct UserId(i64);`",
        );
    }
    if types::option_of(&parsed.ty).is_some() {
        errors.at(
            &parsed.ty,
            "a shard key cannot be NULL: put the integer itself into it",
        );
    }
    Some(parsed)
}

/// Checks the input of `ShardField` on a struct.
pub(crate) fn wrapper(parsed: Wrapper, errors: &mut Errors) -> Option<Wrapper> {
    if types::option_of(&parsed.ty).is_some() {
        errors.at(
            &parsed.ty,
            format!(
                "put the `Option` around the struct, not into it: a model's field is \
                 `Option<{}>`",
                parsed.ident
            ),
        );
    }
    Some(parsed)
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use crate::errors::messages;
    use crate::{field, key};

    #[test]
    fn a_key_is_a_tuple_struct_around_one_field() {
        let one = "`ShardKey` needs a struct around exactly one field, like `struct UserId(i64);`";
        assert_eq!(messages(key, &parse_quote! { struct K(i64, i64); }), [one]);
        assert_eq!(messages(key, &parse_quote! { struct K; }), [one]);
        assert_eq!(messages(key, &parse_quote! { enum K { A } }), [one]);
        assert_eq!(
            messages(key, &parse_quote! { struct K { id: i64 } }),
            ["a shard key is a tuple struct around an integer, like `struct UserId(i64);`"]
        );
        assert_eq!(messages(key, &parse_quote! { struct K(i64); }), [""; 0]);
    }

    #[test]
    fn an_option_stands_around_a_wrapper() {
        assert_eq!(
            messages(field, &parse_quote! { struct Email(Option<String>); }),
            [
                "put the `Option` around the struct, not into it: a model's field is \
                 `Option<Email>`"
            ]
        );
        assert_eq!(
            messages(key, &parse_quote! { struct K(Option<i64>); }),
            ["a shard key cannot be NULL: put the integer itself into it"]
        );
    }

    #[test]
    fn a_wrapper_has_no_generics_and_no_attributes_of_a_model() {
        assert_eq!(
            messages(field, &parse_quote! { struct Email<T>(#[shard(key)] T); }),
            [
                "`ShardField` takes no generic parameters: what is stored is one type",
                "unknown attribute `key`; none is known on the field of a struct around one field",
            ]
        );
    }
}
