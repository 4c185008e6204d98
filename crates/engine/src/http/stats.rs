//! What there is, counted: of the whole host for everybody, of one kind's actors for operators.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Request, State},
};
use dormouse_core::{
    Code, Failure, Name,
    limits::{PAGE_MAX, STATS_ROWS_MAX},
};
use dormouse_journal::{Filter, Row};
use serde_json::{Value, json};

use super::{Api, InPath, Peer, Refused, Signed};
use crate::lists::rows;

/// Numbers that name nobody.
pub(super) async fn of_host(State(api): State<Arc<Api>>, request: Request) -> Result<Json<Value>, Refused> {
    if let Some(Peer(address)) = request.extensions().get() {
        api.admission.request(*address)?;
    }
    let report = api.engine.report().await?;
    Ok(Json(json!({
        "uptime_ms": api.engine.uptime().as_millis() as u64,
        "live": report.awake,
        "asleep": report.asleep(),
        "retired": report.counts.retired,
        "commits": report.counts.commits,
        "connections": api.admission.entered(),
    })))
}

#[derive(Default)]
struct Tally {
    total: usize,
    by_status: BTreeMap<String, u64>,
    members: usize,
}

impl Tally {
    fn count(&mut self, row: &Row) {
        self.total += 1;
        if let Some(summary) = &row.summary {
            *self.by_status.entry(summary.status.clone()).or_default() += 1;
            self.members += summary.members.len();
        }
    }
}

/// Of the operator's own tenant, with those that are in no list.
pub(super) async fn of_kind(
    State(api): State<Arc<Api>>,
    InPath(kind): InPath<String>,
    Signed(session): Signed,
) -> Result<Json<Value>, Refused> {
    session.operator()?;
    let kind: Name = kind.parse().map_err(|_| Code::BadName)?;
    api.engine.kind(&kind)?;
    let filter =
        Filter { tenant: Some(session.tenant), kind: Some(kind), private: true, unlisted: true, ..Filter::default() };
    let (mut tally, mut first, mut after) = (Tally::default(), Vec::<Value>::new(), None);
    loop {
        let page = api.engine.store().index.list(&filter, after.as_deref(), PAGE_MAX).await;
        let page = page.map_err(|_| Failure::from(Code::Unavailable).retry_after(1_000))?;
        if tally.total == 0 {
            first = rows(&api.engine.shared, &page).map(|row| json!(row)).collect();
        }
        page.rows.iter().for_each(|row| tally.count(row));
        after = page.next;
        if after.is_none() || tally.total >= STATS_ROWS_MAX {
            break;
        }
    }
    let Tally { total, by_status, members } = tally;
    let more = after.is_some();
    Ok(Json(json!({ "total": total, "more": more, "by_status": by_status, "members": members, "rows": first })))
}
