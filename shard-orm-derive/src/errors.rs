//! Collects the mistakes of one input, so that one compile reports them all.

use std::fmt::Display;

use quote::ToTokens;

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Adds a mistake that is shown at these tokens.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Adds a mistake.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// What was made of the input, unless there is a mistake in it.
    pub(crate) fn finish<T>(self, made: Option<T>) -> syn::Result<T> {
        match (self.0, made) {
            (None, Some(made)) => Ok(made),
            (Some(errors), _) => Err(errors),
            (None, None) => Err(syn::Error::new(
                proc_macro2::Span::call_site(),
                "the derive gave up without saying why; please report it",
            )),
        }
    }
}

/// The messages that a derive gives for an input, in the order in which it finds them.
#[cfg(test)]
pub(crate) fn messages(
    derive: fn(&syn::DeriveInput) -> syn::Result<proc_macro2::TokenStream>,
    input: &syn::DeriveInput,
) -> Vec<String> {
    match derive(input) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| error.to_string()).collect(),
    }
}
