//! Checks a newtype.

use syn::Member;

use crate::errors::Errors;
use crate::parse::Wrapper;
use crate::types;

/// Checks the input of `ShardKey`.
pub(crate) fn key(parsed: Wrapper, errors: &mut Errors) -> Option<Wrapper> {
    if let Member::Named(field) = &parsed.member {
        errors.at(
            field,
            "a shard key must be a tuple struct: `struct UserId(i64);`",
        );
    }
    if types::option_of(&parsed.ty).is_some() {
        errors.at(
            &parsed.ty,
            "a shard key cannot be NULL: remove the `Option`",
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
                "a newtype cannot contain an `Option`: use `Option<{}>` for the model's field \
                 instead",
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
        let one = "`ShardKey` requires a struct with exactly one field: `struct UserId(i64);`";
        assert_eq!(messages(key, &parse_quote! { struct K(i64, i64); }), [one]);
        assert_eq!(messages(key, &parse_quote! { struct K; }), [one]);
        assert_eq!(messages(key, &parse_quote! { enum K { A } }), [one]);
        assert_eq!(
            messages(key, &parse_quote! { struct K { id: i64 } }),
            ["a shard key must be a tuple struct: `struct UserId(i64);`"]
        );
        assert_eq!(messages(key, &parse_quote! { struct K(i64); }), [""; 0]);
    }

    #[test]
    fn a_newtype_contains_no_option() {
        assert_eq!(
            messages(field, &parse_quote! { struct Email(Option<String>); }),
            [
                "a newtype cannot contain an `Option`: use `Option<Email>` for the model's field \
                 instead"
            ]
        );
        assert_eq!(
            messages(key, &parse_quote! { struct K(Option<i64>); }),
            ["a shard key cannot be NULL: remove the `Option`"]
        );
    }

    #[test]
    fn a_newtype_has_no_generics_or_model_attributes() {
        assert_eq!(
            messages(field, &parse_quote! { struct Email<T>(#[shard(key)] T); }),
            [
                "`ShardField` does not support generic parameters",
                "unknown attribute `key`; the field of a newtype takes none",
            ]
        );
    }
}
