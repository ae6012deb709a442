//! One statement on each of several logical shards, a bounded number at a time.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt, stream};
use sea_query::Expr;

use super::target::Target;
use crate::connect::Place;
use crate::error::Result;

/// How many logical shards are asked at the same time.
///
/// No task holds a connection while it waits for another, so a pool of one serves them all.
const CONCURRENCY: usize = 8;

/// One logical shard of a call, and which of the call's keys it is asked for.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) place: Arc<Place>,
    pub(crate) keys: Option<Expr>,
}

/// Runs `ask` on each leg, or batch of legs, and gives the answers in their order; the first error
/// ends the others. In a transaction, which has one connection, one after another.
pub(crate) async fn each_leg<L, T, F>(
    target: Target<'_>,
    legs: Vec<L>,
    ask: impl Fn(L) -> F + Send,
) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>> + Send,
    L: Send,
    T: Send,
{
    if legs.len() == 1 || matches!(target, Target::Tx(_)) {
        let mut answers = Vec::with_capacity(legs.len());
        for leg in legs {
            answers.push(ask(leg).await?);
        }
        return Ok(answers);
    }
    let mut answers = Vec::new();
    answers.resize_with(legs.len(), || None);
    let mut asked: Vec<BoxFuture<'_, Result<()>>> = Vec::with_capacity(legs.len());
    for (leg, answer) in legs.into_iter().zip(&mut answers) {
        let one = ask(leg);
        asked.push(Box::pin(async move {
            *answer = Some(one.await?);
            Ok(())
        }));
    }
    together(asked).await?;
    Ok(answers.into_iter().flatten().collect())
}

/// Runs all, a bounded number at a time.
///
/// Knows no model, so that what runs futures side by side is compiled once and not for each.
async fn together(asked: Vec<BoxFuture<'_, Result<()>>>) -> Result<()> {
    stream::iter(asked)
        .buffered(CONCURRENCY)
        .try_collect()
        .await
}
