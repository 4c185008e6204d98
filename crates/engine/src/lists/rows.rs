//! The rows of a list, as HTTP and those who watch it are shown them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use dormouse_core::{Name, Position, Summary, Time};
use dormouse_journal::{Page, Row};
use serde::Serialize;

use crate::shared::Shared;

/// One actor of a list.
#[derive(Debug, Serialize)]
pub(crate) struct ListRow<'a> {
    kind: &'a Name,
    id: &'a Name,
    title: &'a str,
    status: &'a str,
    members: &'a [String],
    sort: i64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    private: bool,
    position: Position,
    created_at: Time,
    updated_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_wake: Option<Time>,
    awake: bool,
}

/// What is on this page for showing: an actor without a summary is not, because its rules have not said that it may be known of.
pub(crate) fn rows<'a>(shared: &'a Shared, page: &'a Page) -> impl Iterator<Item = ListRow<'a>> {
    page.rows.iter().filter_map(|row| ListRow::of(shared, row))
}

/// The view of a list that is watched: its rows by id, so that a patch says which of them changed.
pub(super) fn view(shared: &Shared, page: &Page) -> Bytes {
    #[derive(Serialize)]
    struct View<'a> {
        rows: BTreeMap<&'a Name, ListRow<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<&'a str>,
    }
    let rows = rows(shared, page).map(|row| (row.id, row)).collect();
    serde_json::to_vec(&View { rows, next: page.next.as_deref() }).expect("rows are plain data").into()
}

/// Whose rows are on this page.
pub(super) fn ids(page: &Page) -> BTreeSet<Name> {
    page.rows.iter().map(|row| row.address.id.clone()).collect()
}

impl<'a> ListRow<'a> {
    fn of(shared: &Shared, row: &'a Row) -> Option<Self> {
        let Summary { title, status, members, sort, private } = row.summary.as_ref()?;
        Some(Self {
            kind: &row.address.kind,
            id: &row.address.id,
            title,
            status,
            members,
            sort: *sort,
            private: *private,
            position: row.position,
            created_at: row.created,
            updated_at: row.updated,
            next_wake: row.wake,
            awake: shared.registry.is_awake(&row.address),
        })
    }
}
