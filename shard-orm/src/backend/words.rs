//! The words of a statement, read one after the other.
//!
//! Called by `hazard`, and by `migrate` for the effects of statements.

use super::script::Token;

/// The words of a statement, read from its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a>(pub(crate) &'a [Token]);

impl<'a> Words<'a> {
    /// Skips these keywords, in order, if all of them follow.
    pub(crate) fn skip(&mut self, keywords: &[&str]) -> bool {
        let matches = self.0.len() >= keywords.len()
            && keywords
                .iter()
                .zip(self.0)
                .all(|(keyword, token)| token.is(keyword));
        if matches {
            self.0 = &self.0[keywords.len()..];
        }
        matches
    }

    /// Skips any of these keywords, as often as they follow.
    pub(crate) fn skip_any(&mut self, keywords: &[&str]) {
        while keywords.iter().any(|keyword| self.skip(&[keyword])) {}
    }

    pub(crate) fn skip_existence(&mut self) {
        let _ = self.skip(&["IF", "NOT", "EXISTS"]) || self.skip(&["IF", "EXISTS"]);
    }

    pub(crate) fn skip_symbol(&mut self, symbol: char) -> bool {
        let matches = self.0.first() == Some(&Token::Symbol(symbol));
        if matches {
            self.0 = &self.0[1..];
        }
        matches
    }

    /// A name, whose qualifier is dropped.
    pub(crate) fn name(&mut self) -> Option<&'a str> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        if self.skip_symbol('.') {
            return self.name();
        }
        first.name()
    }

    /// Whether these keywords follow each other anywhere outside of parentheses.
    pub(crate) fn has(&self, keywords: &[&str]) -> bool {
        self.position(keywords).is_some()
    }

    /// Where these keywords follow each other outside of parentheses.
    pub(crate) fn position(&self, keywords: &[&str]) -> Option<usize> {
        let mut depth = 0_usize;
        for at in 0..self.0.len() {
            match &self.0[at] {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth = depth.saturating_sub(1),
                _ if depth == 0 && Self(&self.0[at..]).skip(keywords) => return Some(at),
                _ => {}
            }
        }
        None
    }

    /// The parts between commas outside of parentheses.
    pub(crate) fn clauses(&self) -> Vec<Self> {
        let (mut clauses, mut depth, mut begin) = (Vec::new(), 0_usize, 0);
        for (at, token) in self.0.iter().enumerate() {
            match token {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth = depth.saturating_sub(1),
                Token::Symbol(',') if depth == 0 => {
                    clauses.push(Self(&self.0[begin..at]));
                    begin = at + 1;
                }
                _ => {}
            }
        }
        clauses.push(Self(&self.0[begin..]));
        clauses
    }

    /// Whether the next word is one of these keywords.
    pub(crate) fn is_next(&self, keywords: &[&str]) -> bool {
        let first = self.0.first();
        first.is_some_and(|first| keywords.iter().any(|keyword| first.is(keyword)))
    }
}
