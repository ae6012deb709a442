//! Conditions combined by AND, OR and NOT: flat for chains of one operator, and limited in depth.
//!
//! Called by [`Filter`](super::Filter) and by conditions on groups. Cloning, dropping and rendering
//! need a stack as deep as a condition is nested, so a chain of any length is one level, and more
//! than [`DEEPEST`] levels are rejected before they are built.

use std::collections::VecDeque;

use sea_query::{BinOper, Expr, ExprTrait, UnOper};

use crate::error::{Error, Result};
use crate::plan::spec::DeferredError;

/// The maximum depth of an expression: SQLite allows 1,000 levels, and the renderer needs 3 KiB of
/// a task's stack (2 MiB) per level in a build without optimizations.
const DEEPEST: usize = 200;

/// A condition that a row or a group meets or not.
#[derive(Debug, Clone)]
pub(crate) struct Condition<T> {
    node: Node<T>,
    /// The depth of the rendered expression.
    levels: usize,
}

#[derive(Debug, Clone)]
enum Node<T> {
    One(T),
    Chain(Chain, VecDeque<Condition<T>>),
    Not(Box<Condition<T>>),
}

/// The operator of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chain {
    All,
    Any,
}

impl<T> Condition<T> {
    /// A condition that is not composed of others.
    pub(crate) fn one(condition: T) -> Self {
        Self::of_levels(condition, 1)
    }

    fn of_levels(condition: T, levels: usize) -> Self {
        Self {
            node: Node::One(condition),
            levels,
        }
    }

    /// Combines both with AND.
    pub(crate) fn and(self, other: Self) -> Result<Self, DeferredError> {
        self.chain(other, Chain::All)
    }

    /// Combines both with OR.
    pub(crate) fn or(self, other: Self) -> Result<Self, DeferredError> {
        self.chain(other, Chain::Any)
    }

    /// Negates the condition; unknown stays unknown.
    pub(crate) fn not(self) -> Result<Self, DeferredError> {
        if let Node::Not(inner) = self.node {
            return Ok(*inner);
        }
        Self {
            levels: self.levels + 1,
            node: Node::Not(Box::new(self)),
        }
        .checked()
    }

    /// Appends one to the other. The shorter chain is moved, so that folding `n` conditions from
    /// either side takes `n` steps.
    fn chain(self, other: Self, chain: Chain) -> Result<Self, DeferredError> {
        let tallest = self.tallest(chain).max(other.tallest(chain));
        let (mut one, mut two) = (self.links(chain), other.links(chain));
        let links = if one.len() < two.len() {
            while let Some(last) = one.pop_back() {
                two.push_front(last);
            }
            two
        } else {
            one.append(&mut two);
            one
        };
        Self {
            levels: tallest + balanced(links.len()),
            node: Node::Chain(chain, links),
        }
        .checked()
    }

    /// The conditions of a chain; of anything else, itself alone.
    fn links(self, chain: Chain) -> VecDeque<Self> {
        match self.node {
            Node::Chain(own, links) if own == chain => links,
            _ => VecDeque::from([self]),
        }
    }

    /// The levels of the tallest condition of a chain.
    fn tallest(&self, chain: Chain) -> usize {
        match &self.node {
            Node::Chain(own, links) if *own == chain => self.levels - balanced(links.len()),
            _ => self.levels,
        }
    }

    fn checked(self) -> Result<Self, DeferredError> {
        if self.levels > DEEPEST {
            return Err(too_deep());
        }
        Ok(self)
    }

    /// Visits each condition that is not composed of others.
    pub(crate) fn each<'c>(&'c self, see: &mut impl FnMut(&'c T)) {
        match &self.node {
            Node::One(condition) => see(condition),
            Node::Chain(_, links) => links.iter().for_each(|link| link.each(see)),
            Node::Not(inner) => inner.each(see),
        }
    }

    /// Whether it holds; `None` if it is unknown in SQL.
    pub(crate) fn holds(&self, holds: &impl Fn(&T) -> Option<bool>) -> Option<bool> {
        match &self.node {
            Node::One(condition) => holds(condition),
            Node::Not(inner) => inner.holds(holds).map(|holds| !holds),
            Node::Chain(chain, links) => {
                let decides = *chain == Chain::Any;
                let mut all = Some(!decides);
                for link in links {
                    match link.holds(holds) {
                        Some(holds) if holds == decides => return Some(decides),
                        Some(_) => {}
                        None => all = None,
                    }
                }
                all
            }
        }
    }

    /// The expression, when each condition has one.
    pub(crate) fn render(
        &self,
        render: &impl Fn(&T) -> Result<Option<Expr>>,
    ) -> Result<Option<Expr>> {
        match &self.node {
            Node::One(condition) => render(condition),
            Node::Not(inner) => Ok(inner.render(render)?.map(ExprTrait::not)),
            Node::Chain(chain, links) => {
                let mut rendered = Vec::with_capacity(links.len());
                for link in links {
                    match link.render(render)? {
                        Some(expr) => rendered.push(expr),
                        None => return Ok(None),
                    }
                }
                Ok(chain.join(rendered))
            }
        }
    }

    /// As [`render`](Self::render), of the conditions that all have to be met: those that have an
    /// expression, and whether that is all of them.
    pub(crate) fn render_part(
        &self,
        render: &impl Fn(&T) -> Result<Option<Expr>>,
    ) -> Result<(Option<Expr>, bool)> {
        let Node::Chain(Chain::All, links) = &self.node else {
            let whole = self.render(render)?;
            let complete = whole.is_some();
            return Ok((whole, complete));
        };
        let mut rendered = Vec::with_capacity(links.len());
        for link in links {
            rendered.extend(link.render(render)?);
        }
        let complete = rendered.len() == links.len();
        Ok((all_of(rendered), complete))
    }
}

impl Condition<Expr> {
    /// An expression of the user, with flat chains.
    pub(crate) fn of_expr(expr: Expr) -> Result<Self, DeferredError> {
        let levels = levels(&expr);
        if levels <= DEEPEST {
            return Ok(Self::of_levels(expr, levels));
        }
        Self::taken_apart(expr, DEEPEST)
    }

    /// An expression that is too deep as it is, whose operators nest in so many levels at most.
    fn taken_apart(mut expr: Expr, levels: usize) -> Result<Self, DeferredError> {
        if levels == 0 {
            dismantle(vec![expr]);
            return Err(too_deep());
        }
        let mut negated = false;
        while let Expr::Unary(UnOper::Not, inner) = expr {
            negated = !negated;
            expr = *inner;
        }
        let combined = match expr {
            Expr::Binary(left, BinOper::And, right) => {
                Self::of_chain(*left, *right, Chain::All, levels)?
            }
            Expr::Binary(left, BinOper::Or, right) => {
                Self::of_chain(*left, *right, Chain::Any, levels)?
            }
            other => {
                let levels = self::levels(&other);
                if levels > DEEPEST {
                    dismantle(vec![other]);
                    return Err(too_deep());
                }
                Self::of_levels(other, levels)
            }
        };
        if negated {
            combined.not()
        } else {
            Ok(combined)
        }
    }

    fn of_chain(
        left: Expr,
        right: Expr,
        chain: Chain,
        below: usize,
    ) -> Result<Self, DeferredError> {
        let mut rest = vec![right, left];
        let mut combined: Option<Self> = None;
        while let Some(expr) = rest.pop() {
            match (expr, chain) {
                (Expr::Binary(left, BinOper::And, right), Chain::All)
                | (Expr::Binary(left, BinOper::Or, right), Chain::Any) => {
                    rest.push(*right);
                    rest.push(*left);
                }
                (link, _) => {
                    let levels = levels(&link);
                    let link = if levels <= DEEPEST {
                        Ok(Self::of_levels(link, levels))
                    } else {
                        Self::taken_apart(link, below - 1)
                    };
                    let chained = link.and_then(|link| match combined.take() {
                        None => Ok(link),
                        Some(before) => before.chain(link, chain),
                    });
                    match chained {
                        Ok(chained) => combined = Some(chained),
                        Err(deferred) => {
                            dismantle(rest);
                            return Err(deferred);
                        }
                    }
                }
            }
        }
        // There was a left side and a right one.
        combined.ok_or_else(too_deep)
    }

    /// Itself as an expression.
    pub(crate) fn into_expr(self) -> Expr {
        match self.node {
            Node::One(expr) => expr,
            Node::Not(inner) => inner.into_expr().not(),
            Node::Chain(chain, links) => {
                let links = links.into_iter().map(Self::into_expr).collect();
                // A chain has two links at least.
                chain.join(links).unwrap_or_else(|| Expr::cust("1 = 1"))
            }
        }
    }
}

impl Chain {
    fn join(self, conditions: Vec<Expr>) -> Option<Expr> {
        match self {
            Self::All => all_of(conditions),
            Self::Any => any_of(conditions),
        }
    }
}

/// An expression of the user's that is not too deep.
pub(crate) fn shallow(expr: Expr) -> Result<Expr, DeferredError> {
    Condition::of_expr(expr).map(Condition::into_expr)
}

/// `a OR b OR ..`; see [`all_of`].
pub(crate) fn any_of(conditions: Vec<Expr>) -> Option<Expr> {
    joined(conditions, ExprTrait::or)
}

/// `a AND b AND ..`, as a balanced tree: SQLite takes expressions of a depth of 1,000, and rendering
/// one takes a stack as deep as it is.
pub(crate) fn all_of(conditions: Vec<Expr>) -> Option<Expr> {
    joined(conditions, ExprTrait::and)
}

/// Conditions that must all be met, combined to so few that they can be chained: `a AND b` in SQL
/// is as deep as it is long.
pub(crate) fn few(conditions: impl ExactSizeIterator<Item = Expr>) -> Vec<Expr> {
    /// As many as are written by hand; their text does not change.
    const FEW: usize = 32;
    if conditions.len() <= FEW {
        return conditions.collect();
    }
    all_of(conditions.collect()).into_iter().collect()
}

fn joined(mut conditions: Vec<Expr>, join: fn(Expr, Expr) -> Expr) -> Option<Expr> {
    while conditions.len() > 1 {
        let mut pairs = Vec::with_capacity(conditions.len().div_ceil(2));
        let mut rest = conditions.into_iter();
        while let Some(one) = rest.next() {
            pairs.push(match rest.next() {
                Some(other) => join(one, other),
                None => one,
            });
        }
        conditions = pairs;
    }
    conditions.pop()
}

/// The levels that a balanced tree of so many conditions has above them.
fn balanced(conditions: usize) -> usize {
    // Lossless: a number of bits.
    conditions.next_power_of_two().trailing_zeros() as usize
}

/// The levels of an expression, as far as sea-query shows them: not those within a `CASE`, a
/// sub-query or the `FILTER` of a function.
fn levels(expr: &Expr) -> usize {
    let mut deepest = 0;
    let mut rest = vec![(expr, 1)];
    while let Some((expr, level)) = rest.pop() {
        deepest = Ord::max(deepest, level);
        let mut inner = |expr| rest.push((expr, level + 1));
        match expr {
            Expr::Unary(_, of) | Expr::AsEnum(_, of) => inner(of),
            Expr::Binary(left, _, right) => {
                inner(left);
                inner(right);
            }
            Expr::Tuple(list) | Expr::CustomWithExpr(_, list) => list.iter().for_each(inner),
            Expr::FunctionCall(call) => call.get_args().iter().for_each(inner),
            _ => {}
        }
    }
    deepest
}

/// Drops expressions without deep recursion.
fn dismantle(mut rest: Vec<Expr>) {
    while let Some(expr) = rest.pop() {
        match expr {
            Expr::Unary(_, of) | Expr::AsEnum(_, of) => rest.push(*of),
            Expr::Binary(left, _, right) => rest.extend([*left, *right]),
            Expr::Tuple(list) | Expr::CustomWithExpr(_, list) => rest.extend(list),
            _ => {}
        }
    }
}

#[cold]
fn too_deep() -> DeferredError {
    Error::unsupported(format!(
        "the expression is nested in more than {DEEPEST} levels; chains of one operator, as \
         `a | b | c`, are one level and may be of any length: ask for long lists of values by \
         `is_in`, and split what alternates between operators into several queries"
    ))
    .into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
