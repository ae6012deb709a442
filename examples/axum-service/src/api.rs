//! What the service does with orders.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use shard_orm::prelude::*;
use shard_orm::query::{Cursor, Page};

use crate::Service;
use crate::error::Failed;
use crate::order::Order;

/// The largest page.
const MOST: u32 = 100;

#[derive(Debug, Deserialize)]
pub(crate) struct NewOrder {
    item: String,
    quantity: i32,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PageOf {
    size: Option<u32>,
    after: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Top {
    limit: Option<u32>,
}

/// Creates an order.
pub(crate) async fn create(
    State(service): State<Service>,
    Path(user): Path<i64>,
    Json(new): Json<NewOrder>,
) -> Result<(StatusCode, Json<Order>), Failed> {
    if new.item.is_empty() || new.item.chars().count() > 100 || new.quantity < 1 {
        return Err(Failed::invalid(
            "`item` has 1 to 100 characters, and `quantity` is at least 1",
        ));
    }
    let order = Order {
        // Generated.
        id: 0,
        user_id: user,
        item: new.item,
        quantity: new.quantity,
    };
    let order = order.insert(&service.cluster).await?;
    Ok((StatusCode::CREATED, Json(order)))
}

/// A page of a user's orders, the newest first.
pub(crate) async fn list(
    State(service): State<Service>,
    Path(user): Path<i64>,
    Query(page): Query<PageOf>,
) -> Result<Json<Page<Order>>, Failed> {
    let after: Option<Cursor> = page.after.map(|text| text.parse()).transpose()?;
    let size = page.size.unwrap_or(20).clamp(1, MOST);
    let page = Order::on(user)
        .order_by(Order::ID.desc())
        .page(&service.cluster, size, after.as_ref())
        .await?;
    Ok(Json(page))
}

/// The largest orders of all users.
pub(crate) async fn top(
    State(service): State<Service>,
    Query(top): Query<Top>,
) -> Result<Json<Vec<Order>>, Failed> {
    let limit = top.limit.unwrap_or(10).clamp(1, MOST);
    let orders = Order::scatter()
        .order_by(Order::QUANTITY.desc())
        .limit(limit.into())
        .all(&service.cluster)
        .await?;
    Ok(Json(orders))
}
