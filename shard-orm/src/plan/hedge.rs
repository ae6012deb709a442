//! Hedged reads: a read is sent to a second replica if the first one is slow.
//!
//! After J. Dean and L. A. Barroso, The Tail at Scale (2013): a second request is sent if the first
//! has taken longer than most, and the first response is used.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use crate::error::Result;
use crate::exec::{Destination, Intent, Sink, Statement, Target, run_at, run_elsewhere};
use crate::plan::options::ScatterCall;

/// Runs a read at a destination and returns the sink with its rows.
pub(crate) async fn read_at<S: Sink>(
    target: Target<'_>,
    call: &ScatterCall,
    destination: Destination,
    statement: &dyn Statement,
    sink: impl Fn() -> S,
) -> Result<S> {
    let mut first = sink();
    let patience = match call.hedge {
        Some(share) => destination
            .handle
            .latencies
            .share(statement.label().table, share),
        None => None,
    };
    let Some(patience) = patience else {
        let begun = Instant::now();
        run_at(
            target,
            destination.clone(),
            Intent::Read,
            statement,
            &mut first,
        )
        .await?;
        if call.hedge.is_some() {
            note(&destination, statement, begun.elapsed());
        }
        return Ok(first);
    };
    let mut second = sink();
    if hedged(
        target,
        &destination,
        statement,
        patience,
        &mut first,
        &mut second,
    )
    .await?
    {
        Ok(second)
    } else {
        Ok(first)
    }
}

/// Independent of the type of sinks, so that it is compiled only once. Returns whether the response
/// of the second replica is used.
async fn hedged(
    target: Target<'_>,
    destination: &Destination,
    statement: &dyn Statement,
    patience: Duration,
    first: &mut dyn Sink,
    second: &mut dyn Sink,
) -> Result<bool> {
    let begun = Instant::now();
    let destination = destination.clone().remembering();
    let note = || note(&destination, statement, begun.elapsed());
    let one = run_at(target, destination.clone(), Intent::Read, statement, first);
    let one = match select(one, pin!(tokio::time::sleep(patience))).await {
        Either::Left((outcome, _)) => {
            note();
            return outcome.map(|_| false);
        }
        Either::Right(((), one)) => one,
    };
    let other = run_elsewhere(target, &destination, statement, second);
    let second_counts = match select(one, other).await {
        Either::Left((Ok(_), _)) => false,
        Either::Left((Err(error), other)) => match other.await {
            Ok(Some(_)) => true,
            _ => return Err(error),
        },
        Either::Right((Ok(Some(_)), _)) => true,
        // There is no second replica, or it failed.
        Either::Right((_, one)) => one.await.map(|_| false)?,
    };
    // A lower bound for a response that was not awaited.
    note();
    Ok(second_counts)
}

fn note(destination: &Destination, statement: &dyn Statement, took: Duration) {
    destination
        .handle
        .latencies
        .note(statement.label().table, took);
}
