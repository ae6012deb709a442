//! Reads the attributes `#[shard(..)]` and `#[static_model(..)]`, for all derives alike.
//!
//! Each derive says which words it takes, and where; what is unknown, given twice or written in
//! the wrong form is found here.

mod vocabulary;

pub(crate) use vocabulary::{SHARD, Vocabulary, Word};

use proc_macro2::TokenStream;
use syn::ext::IdentExt as _;
use syn::meta::ParseNestedMeta;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Path, Token, token};

use crate::errors::Errors;
use crate::names;

/// One word as it was said.
#[derive(Debug)]
struct Entry {
    name: Ident,
    word: &'static Word,
    value: Value,
}

#[derive(Debug)]
enum Value {
    /// `key`
    None,
    /// `table = "orders"`
    Expr(Expr),
    /// `index(a, b)`; empty if it lists something else than names.
    List(Vec<Ident>),
    /// `has_many(lines = "Line", by = "order_id")`
    Pairs(Vec<(Ident, Expr)>),
    /// `decimal(12, 2)`
    Numbers(Vec<LitInt>),
}

/// The names of a list.
fn names_of(list: ParseStream<'_>) -> syn::Result<Punctuated<Ident, Token![,]>> {
    Punctuated::parse_terminated_with(list, Ident::parse_any)
}

/// The numbers of a list.
fn numbers_of(list: ParseStream<'_>) -> syn::Result<Punctuated<LitInt, Token![,]>> {
    Punctuated::parse_terminated(list)
}

/// The names of a list with their values.
fn pairs_of(list: ParseStream<'_>) -> syn::Result<Punctuated<(Ident, Expr), Token![,]>> {
    Punctuated::parse_terminated_with(list, |pair| {
        let name = Ident::parse_any(pair)?;
        pair.parse::<Token![=]>()?;
        Ok((name, ungrouped(pair.parse()?)))
    })
}

/// What was said of `default`.
#[derive(Debug, Clone)]
pub(crate) enum MaybeValue {
    /// The word alone.
    Alone,
    /// The word with a value.
    Value(Expr),
}

/// What was said of `groups`.
#[derive(Debug, Clone)]
pub(crate) enum Listed {
    /// The name `all`.
    All,
    /// The texts of a list.
    Texts(Vec<LitStr>),
}

/// What the attributes of one place say.
#[derive(Debug)]
pub(crate) struct Attrs {
    entries: Vec<Entry>,
    /// Whether a part could not be read: then nothing may be called missing.
    pub(crate) incomplete: bool,
}

impl Attrs {
    /// Reads all attributes of one place that the vocabulary is for.
    pub(crate) fn read(
        attributes: &[Attribute],
        vocabulary: &Vocabulary,
        errors: &mut Errors,
    ) -> Self {
        let mut attrs = Self {
            entries: Vec::new(),
            incomplete: false,
        };
        for attribute in attributes {
            if !attribute.path().is_ident(vocabulary.attribute) {
                continue;
            }
            let read = attribute.parse_nested_meta(|meta| attrs.entry(&meta, vocabulary, errors));
            if let Err(error) = read {
                attrs.incomplete = true;
                errors.push(error);
            }
        }
        attrs
    }

    fn entry(
        &mut self,
        meta: &ParseNestedMeta<'_>,
        vocabulary: &Vocabulary,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        // The value is read before the name is judged, so that what follows it is read too.
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
        let word = written.and_then(|name| vocabulary.find(&names::plain(name)));
        let (Some(name), Some(word)) = (written, word) else {
            let name = written.map(names::plain).unwrap_or_default();
            errors.at(&meta.path, vocabulary.unknown(&name));
            self.incomplete = true;
            return Ok(());
        };
        if !word.repeats
            && self
                .entries
                .iter()
                .any(|entry| entry.word.name == word.name)
        {
            errors.at(name, format!("`{}` is given twice", word.name));
            return Ok(());
        }
        self.entries.push(Entry {
            name: name.clone(),
            word,
            value,
        });
        Ok(())
    }

    /// The word as it was said, without a look at its value.
    fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.word.name == name)
    }

    /// A word that has no value: where it was said.
    pub(crate) fn mark(&self, name: &str, errors: &mut Errors) -> Option<Ident> {
        let entry = self.find(name)?;
        if !matches!(entry.value, Value::None) {
            entry.misused(errors);
        }
        Some(entry.name.clone())
    }

    /// A word with a text: `table = "orders"`.
    pub(crate) fn text(&mut self, name: &str, errors: &mut Errors) -> Option<LitStr> {
        let entry = self.find(name)?;
        if let Value::Expr(Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        })) = &entry.value
        {
            return Some(text.clone());
        }
        entry.misused(errors);
        self.incomplete = true;
        None
    }

    /// A word with a truth value: `transmit = false`.
    pub(crate) fn truth(&mut self, name: &str, errors: &mut Errors) -> Option<(Ident, bool)> {
        let entry = self.find(name)?;
        if let Value::Expr(Expr::Lit(ExprLit {
            lit: Lit::Bool(truth),
            ..
        })) = &entry.value
        {
            return Some((entry.name.clone(), truth.value));
        }
        entry.misused(errors);
        self.incomplete = true;
        None
    }

    /// A word with a list of texts, or with the name `all`: `groups = ["shop", "air"]`.
    pub(crate) fn listed(&mut self, name: &str, errors: &mut Errors) -> Option<(Ident, Listed)> {
        let entry = self.find(name)?;
        let listed = match &entry.value {
            Value::Expr(Expr::Path(path)) if path.path.is_ident("all") => Some(Listed::All),
            Value::Expr(Expr::Array(list)) => {
                let texts = list.elems.iter().map(|element| match element {
                    Expr::Lit(ExprLit {
                        lit: Lit::Str(text),
                        ..
                    }) => Some(text.clone()),
                    _ => None,
                });
                texts.collect::<Option<Vec<_>>>().map(Listed::Texts)
            }
            _ => None,
        };
        if let Some(listed) = listed {
            return Some((entry.name.clone(), listed));
        }
        entry.misused(errors);
        self.incomplete = true;
        None
    }

    /// A word with a whole number above 0: `length = 64`.
    pub(crate) fn count(&self, name: &str, errors: &mut Errors) -> Option<(Ident, u32)> {
        let entry = self.find(name)?;
        let Value::Expr(Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        })) = &entry.value
        else {
            entry.misused(errors);
            return None;
        };
        match number.base10_parse::<u32>() {
            Ok(0) => {
                errors.at(number, format!("a {name} of 0 leaves room for nothing"));
                None
            }
            Ok(count) => Some((entry.name.clone(), count)),
            Err(_) => {
                errors.at(
                    number,
                    format!("`{name}` takes a number up to {}", u32::MAX),
                );
                None
            }
        }
    }

    /// A word with an integer: `scale = 2`.
    pub(crate) fn integer(&self, name: &str, errors: &mut Errors) -> Option<LitInt> {
        let entry = self.find(name)?;
        if let Value::Expr(Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        })) = &entry.value
        {
            return Some(number.clone());
        }
        entry.misused(errors);
        None
    }

    /// A word with two integers: `decimal(12, 2)`.
    pub(crate) fn two_integers(
        &self,
        name: &str,
        errors: &mut Errors,
    ) -> Option<(Ident, [LitInt; 2])> {
        let entry = self.find(name)?;
        if let Value::Numbers(numbers) = &entry.value
            && let [one, two] = numbers.as_slice()
        {
            return Some((entry.name.clone(), [one.clone(), two.clone()]));
        }
        entry.misused(errors);
        None
    }

    /// A word that may have a value: `default`, `default = 1`.
    pub(crate) fn maybe_value(
        &self,
        name: &str,
        errors: &mut Errors,
    ) -> Option<(Ident, MaybeValue)> {
        let entry = self.find(name)?;
        let value = match &entry.value {
            Value::None => MaybeValue::Alone,
            Value::Expr(value) => MaybeValue::Value(value.clone()),
            Value::List(_) | Value::Pairs(_) | Value::Numbers(_) => {
                entry.misused(errors);
                return None;
            }
        };
        Some((entry.name.clone(), value))
    }

    /// A word with a path: `model = Order`.
    pub(crate) fn path(&mut self, name: &str, errors: &mut Errors) -> Option<Path> {
        let entry = self.find(name)?;
        if let Value::Expr(Expr::Path(path)) = &entry.value
            && path.qself.is_none()
        {
            return Some(path.path.clone());
        }
        entry.misused(errors);
        self.incomplete = true;
        None
    }

    /// Each time that a word with a list was said: `index(a, b)`.
    pub(crate) fn lists(&self, name: &str, errors: &mut Errors) -> Vec<(Ident, Vec<Ident>)> {
        let mut lists = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.word.name == name) {
            match &entry.value {
                Value::List(names) if !names.is_empty() => {
                    lists.push((entry.name.clone(), names.clone()));
                }
                _ => entry.misused(errors),
            }
        }
        lists
    }

    /// Each time that a word with values by name was said: `has_many(lines = "Line")`.
    pub(crate) fn pairs(
        &self,
        name: &str,
        errors: &mut Errors,
    ) -> Vec<(Ident, Vec<(Ident, Expr)>)> {
        let mut all = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.word.name == name) {
            match &entry.value {
                Value::Pairs(pairs) => all.push((entry.name.clone(), pairs.clone())),
                _ => entry.misused(errors),
            }
        }
        all
    }

    /// Where `shard_orm` is found.
    pub(crate) fn crate_path(&mut self, errors: &mut Errors) -> Path {
        let said = self.text("crate", errors).and_then(|text| {
            text.parse_with(Path::parse_mod_style)
                .map_err(|_| errors.at(&text, "`crate` takes a path, like `crate = \"my::path\"`"))
                .ok()
        });
        said.unwrap_or_else(|| syn::parse_quote!(::shard_orm))
    }
}

/// The value without the invisible groups around what a macro's argument stood for.
fn ungrouped(value: Expr) -> Expr {
    match value {
        Expr::Group(group) => ungrouped(*group.expr),
        value => value,
    }
}

impl Entry {
    fn misused(&self, errors: &mut Errors) {
        let Word { name, usage, .. } = self.word;
        let message = if name == usage {
            format!("`{name}` is written alone, without a value")
        } else {
            format!("`{name}` is written `{usage}`")
        };
        errors.at(&self.name, message);
    }
}

#[cfg(test)]
mod tests {
    use syn::{DeriveInput, parse_quote};

    use super::*;

    const WORDS: Vocabulary = Vocabulary {
        attribute: SHARD,
        place: "a test",
        words: &[
            Word::new("table", "table = \"orders\""),
            Word::new("key", "key"),
            Word::new("length", "length = 64"),
            Word::repeated("index", "index(a, b)"),
        ],
    };

    fn read(input: &DeriveInput) -> (Attrs, Vec<String>) {
        let mut errors = Errors::default();
        let mut attrs = Attrs::read(&input.attrs, &WORDS, &mut errors);
        attrs.text("table", &mut errors);
        attrs.mark("key", &mut errors);
        attrs.count("length", &mut errors);
        attrs.lists("index", &mut errors);
        let messages = match errors.finish::<()>(Some(())) {
            Ok(()) => Vec::new(),
            Err(errors) => errors.into_iter().map(|error| error.to_string()).collect(),
        };
        (attrs, messages)
    }

    #[test]
    fn words_are_collected_over_several_attributes() {
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
    fn an_unknown_word_is_answered_with_what_was_meant_and_what_there_is() {
        let (attrs, messages) = read(&parse_quote! {
            #[shard(tabel = "orders", shard_key, whatever)]
            struct Order;
        });
        assert_eq!(
            messages,
            [
                "unknown attribute `tabel`; did you mean `table`? Known on a test: `table`, \
                 `key`, `length` and `index`",
                "unknown attribute `shard_key`; did you mean `key`? Known on a test: `table`, \
                 `key`, `length` and `index`",
                "unknown attribute `whatever`. Known on a test: `table`, `key`, `length` and \
                 `index`",
            ]
        );
        assert!(attrs.incomplete);
    }

    #[test]
    fn a_word_in_the_wrong_form_is_answered_with_the_right_one() {
        let (_, messages) = read(&parse_quote! {
            #[shard(table, key = 1, length = "x", index())]
            struct Order;
        });
        assert_eq!(
            messages,
            [
                "`table` is written `table = \"orders\"`",
                "`key` is written alone, without a value",
                "`length` is written `length = 64`",
                "`index` is written `index(a, b)`",
            ]
        );
    }

    #[test]
    fn a_word_given_twice_is_refused_unless_it_repeats() {
        let (_, messages) = read(&parse_quote! {
            #[shard(key, index(a))]
            #[shard(key, index(a))]
            struct Order;
        });
        assert_eq!(messages, ["`key` is given twice"]);
    }

    #[test]
    fn a_length_is_a_count_above_zero() {
        let (_, zero) = read(&parse_quote! { #[shard(length = 0)] struct Order; });
        assert_eq!(zero, ["a length of 0 leaves room for nothing"]);
        let (_, large) = read(&parse_quote! { #[shard(length = 5000000000)] struct Order; });
        assert_eq!(large, ["`length` takes a number up to 4294967295"]);
    }
}
