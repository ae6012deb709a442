//! Parsing of the attributes `#[shard(..)]` and `#[static_model(..)]`, shared by all derives.
//!
//! Each derive passes the keywords that it accepts for a target. Unknown, duplicate and malformed
//! arguments are reported here.

mod forms;
mod vocabulary;

pub(crate) use forms::{OptionalValue, StringList};
pub(crate) use vocabulary::{Keyword, SHARD, Vocabulary};

use proc_macro2::TokenStream;
use syn::ext::IdentExt as _;
use syn::meta::ParseNestedMeta;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Ident, LitInt, Token, token};

use crate::errors::Errors;
use crate::names;

/// One argument of an attribute.
#[derive(Debug)]
struct Argument {
    name: Ident,
    keyword: &'static Keyword,
    value: Value,
}

#[derive(Debug)]
enum Value {
    /// `key`
    None,
    /// `table = "orders"`
    Expr(Expr),
    /// `index(a, b)`; empty if the list contains anything but names.
    List(Vec<Ident>),
    /// `has_many(lines = "Line", by = "order_id")`
    Pairs(Vec<(Ident, Expr)>),
    /// `decimal(12, 2)`
    Numbers(Vec<LitInt>),
}

/// Parses a list of names.
fn names_of(list: ParseStream<'_>) -> syn::Result<Punctuated<Ident, Token![,]>> {
    Punctuated::parse_terminated_with(list, Ident::parse_any)
}

/// Parses a list of numbers.
fn numbers_of(list: ParseStream<'_>) -> syn::Result<Punctuated<LitInt, Token![,]>> {
    Punctuated::parse_terminated(list)
}

/// Parses a list of `name = value` pairs.
fn pairs_of(list: ParseStream<'_>) -> syn::Result<Punctuated<(Ident, Expr), Token![,]>> {
    Punctuated::parse_terminated_with(list, |pair| {
        let name = Ident::parse_any(pair)?;
        pair.parse::<Token![=]>()?;
        Ok((name, ungrouped(pair.parse()?)))
    })
}

/// All arguments of the attributes on one target.
#[derive(Debug)]
pub(crate) struct Attrs {
    arguments: Vec<Argument>,
    /// Whether an argument could not be parsed. If so, nothing is reported as missing.
    pub(crate) incomplete: bool,
}

impl Attrs {
    /// Parses the attributes of one target that the vocabulary applies to.
    pub(crate) fn read(
        attributes: &[Attribute],
        vocabulary: &Vocabulary,
        errors: &mut Errors,
    ) -> Self {
        let mut attrs = Self {
            arguments: Vec::new(),
            incomplete: false,
        };
        for attribute in attributes {
            if !attribute.path().is_ident(vocabulary.attribute) {
                continue;
            }
            let read =
                attribute.parse_nested_meta(|meta| attrs.argument(&meta, vocabulary, errors));
            if let Err(error) = read {
                attrs.incomplete = true;
                errors.push(error);
            }
        }
        attrs
    }

    fn argument(
        &mut self,
        meta: &ParseNestedMeta<'_>,
        vocabulary: &Vocabulary,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        // Parse the value before checking the name, so that the arguments after it are parsed as
        // well.
        let value = if meta.input.peek(Token![=]) {
            Value::Expr(ungrouped(meta.value()?.parse()?))
        } else if meta.input.peek(token::Paren) {
            let list;
            syn::parenthesized!(list in meta.input);
            let list: TokenStream = list.parse()?;
            let numbers = numbers_of.parse2(list.clone());
            match (names_of.parse2(list.clone()), pairs_of.parse2(list)) {
                _ if numbers.as_ref().is_ok_and(|numbers| !numbers.is_empty()) => {
                    Value::Numbers(numbers.into_iter().flatten().collect())
                }
                (Ok(names), _) => Value::List(names.into_iter().collect()),
                (Err(_), Ok(pairs)) => Value::Pairs(pairs.into_iter().collect()),
                (Err(_), Err(_)) => Value::List(Vec::new()),
            }
        } else {
            Value::None
        };
        let written = meta.path.get_ident();
        let keyword = written.and_then(|name| vocabulary.find(&names::plain(name)));
        let (Some(name), Some(keyword)) = (written, keyword) else {
            let name = written.map(names::plain).unwrap_or_default();
            errors.at(&meta.path, vocabulary.unknown(&name));
            self.incomplete = true;
            return Ok(());
        };
        if !keyword.repeats
            && self
                .arguments
                .iter()
                .any(|argument| argument.keyword.name == keyword.name)
        {
            errors.at(name, format!("duplicate `{}`; remove one", keyword.name));
            return Ok(());
        }
        self.arguments.push(Argument {
            name: name.clone(),
            keyword,
            value,
        });
        Ok(())
    }
}

/// Removes the invisible groups that a `macro_rules` adds around its arguments.
fn ungrouped(value: Expr) -> Expr {
    match value {
        Expr::Group(group) => ungrouped(*group.expr),
        value => value,
    }
}

impl Argument {
    pub(super) fn wrong_form(&self, errors: &mut Errors) {
        let Keyword { name, usage, .. } = self.keyword;
        let message = if name == usage {
            format!("`{name}` takes no value")
        } else {
            format!("expected `{usage}`")
        };
        errors.at(&self.name, message);
    }
}

#[cfg(test)]
mod tests {
    use syn::{DeriveInput, parse_quote};

    use super::*;

    const KEYWORDS: Vocabulary = Vocabulary {
        attribute: SHARD,
        target: "a test",
        keywords: &[
            Keyword::new("table", "table = \"orders\""),
            Keyword::new("key", "key"),
            Keyword::new("length", "length = 64"),
            Keyword::repeated("index", "index(a, b)"),
        ],
    };

    fn read(input: &DeriveInput) -> (Attrs, Vec<String>) {
        let mut errors = Errors::default();
        let mut attrs = Attrs::read(&input.attrs, &KEYWORDS, &mut errors);
        attrs.string("table", &mut errors);
        attrs.flag("key", &mut errors);
        attrs.count("length", &mut errors);
        attrs.lists("index", &mut errors);
        let messages = match errors.finish::<()>(Some(())) {
            Ok(()) => Vec::new(),
            Err(errors) => errors.into_iter().map(|error| error.to_string()).collect(),
        };
        (attrs, messages)
    }

    #[test]
    fn arguments_of_several_attributes_are_combined() {
        let (attrs, messages) = read(&parse_quote! {
            #[shard(table = "orders", index(a, b))]
            #[serde(rename = "x")]
            #[shard(key, index(r#type), length = 3,)]
            struct Order;
        });
        assert_eq!(messages, [""; 0]);
        assert!(!attrs.incomplete);
        let mut errors = Errors::default();
        assert_eq!(attrs.lists("index", &mut errors).len(), 2);
        assert_eq!(attrs.count("length", &mut errors).map(|(_, n)| n), Some(3));
    }

    #[test]
    fn an_unknown_keyword_error_suggests_and_lists_keywords() {
        let (attrs, messages) = read(&parse_quote! {
            #[shard(tabel = "orders", shard_key, whatever)]
            struct Order;
        });
        assert_eq!(
            messages,
            [
                "unknown attribute `tabel`; did you mean `table`? Attributes of a test: `table`, \
                 `key`, `length` and `index`",
                "unknown attribute `shard_key`; did you mean `key`? Attributes of a test: \
                 `table`, `key`, `length` and `index`",
                "unknown attribute `whatever`. Attributes of a test: `table`, `key`, `length` and \
                 `index`",
            ]
        );
        assert!(attrs.incomplete);
    }

    #[test]
    fn a_malformed_argument_error_shows_the_syntax() {
        let (_, messages) = read(&parse_quote! {
            #[shard(table, key = 1, length = "x", index())]
            struct Order;
        });
        assert_eq!(
            messages,
            [
                "expected `table = \"orders\"`",
                "`key` takes no value",
                "expected `length = 64`",
                "expected `index(a, b)`",
            ]
        );
    }

    #[test]
    fn a_duplicate_keyword_is_rejected_unless_repeatable() {
        let (_, messages) = read(&parse_quote! {
            #[shard(key, index(a))]
            #[shard(key, index(a))]
            struct Order;
        });
        assert_eq!(messages, ["duplicate `key`; remove one"]);
    }

    #[test]
    fn a_length_is_positive_and_fits_32_bits() {
        let (_, zero) = read(&parse_quote! { #[shard(length = 0)] struct Order; });
        assert_eq!(zero, ["`length` must be at least 1"]);
        let (_, large) = read(&parse_quote! { #[shard(length = 5000000000)] struct Order; });
        assert_eq!(large, ["`length` must be at most 4294967295"]);
    }
}
