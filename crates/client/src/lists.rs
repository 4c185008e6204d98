//! Lists of a kind's actors: read page by page, or followed.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use dormouse_core::{Name, Position, Time, limits::SUMMARY_TEXT_BYTES_MAX};
use futures_util::stream::Stream;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    client::Shared,
    driver::Call,
    fault::{Action, Fault},
    frame::List,
    handle::{ActorKind, Types},
    http::{Ask, typed},
    mailbox::Mailbox,
};

/// What of a kind's actors to list.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)] // As in docs/protocol.md.
pub struct ListOptions {
    pub mine: bool,
    pub status: Option<String>,
    pub limit: Option<usize>,
    pub after: Option<String>,
}

/// What of a kind's actors to follow.
#[derive(Debug, Clone, Default)]
pub struct WatchOptions {
    /// Only those that name the client's principal among their members, the private ones too.
    pub mine: bool,
    /// Only those of this status; at most 512 bytes, which no status has more of.
    pub status: Option<String>,
}

/// A page of a list, in its order.
#[derive(Debug, Clone, Deserialize)]
pub struct Page {
    /// At most as many as were asked for.
    pub rows: Vec<Row>,
    /// There are more: [`ListOptions::after`] of a request for them.
    pub next: Option<String>,
}

/// One actor in a list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[allow(missing_docs)] // As in docs/protocol.md.
#[non_exhaustive]
pub struct Row {
    pub kind: String,
    pub id: String,
    pub title: String,
    pub status: String,
    pub members: Vec<String>,
    /// The list's own order, highest first.
    pub sort: i64,
    /// Only its members see it, in their own list.
    #[serde(default)]
    pub private: bool,
    pub position: Position,
    pub updated_at: Time,
    pub created_at: Time,
    pub awake: bool,
    pub next_wake: Option<Time>,
}

impl<T: Types> ActorKind<T> {
    /// The actors of this kind that the host lists.
    ///
    /// # Errors
    /// What the host says, or that it cannot be reached.
    pub async fn list(&self, options: ListOptions) -> Result<Page, Fault> {
        let ask = Ask::get(format!("/v1/{}", self.kind))
            .with("mine", options.mine.then_some(true))
            .with("status", options.status)
            .with("limit", options.limit)
            .with("after", options.after);
        self.shared.http.request(ask).await
    }

    /// Follow the first rows of the list. Those who watch the same rows share their wire.
    ///
    /// # Errors
    /// If the kind is no name, or the status too long.
    pub fn watch(&self, options: WatchOptions) -> Result<ListSubscription, Fault> {
        let WatchOptions { mine, status } = options;
        if status.as_ref().is_some_and(|status| status.len() > SUMMARY_TEXT_BYTES_MAX) {
            return Err(Fault::too_large("status", SUMMARY_TEXT_BYTES_MAX));
        }
        let kind = named(&self.kind)?;
        let feed = Arc::new(ListFeed { list: Arc::new(List { kind, mine, status }), inner: Mutex::default() });
        self.shared.tell(Call::Watch(feed.clone()));
        Ok(ListSubscription { shared: self.shared.clone(), feed })
    }
}

/// A kind or an id.
pub(crate) fn named(text: &str) -> Result<Name, Fault> {
    text.parse().map_err(|_| {
        let message = format!("{text:?} is no kind or id: those are 1 to 64 of A-Z, a-z, 0-9, _ and -.");
        Fault::local("bad_name", message, Action::Stop)
    })
}

/// One listener's end of a list that is followed.
pub(crate) struct ListFeed {
    pub(crate) list: Arc<List>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    view: Option<Arc<Value>>,
    /// The newest rows, unless the reader took them.
    mailbox: Mailbox<Arc<Value>>,
}

impl ListFeed {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn on_rows(&self, view: &Arc<Value>) {
        let mut inner = self.inner();
        inner.view = Some(view.clone());
        inner.mailbox.put_newest(view.clone());
    }

    pub(crate) fn end(&self, fault: Option<Fault>) {
        self.inner().mailbox.end(fault);
    }

    fn poll(&self, waker: &Waker) -> Poll<Option<Result<Arc<Value>, Fault>>> {
        self.inner().mailbox.poll(waker)
    }
}

/// The first rows of a list whenever they change, over drops too: the newest, whatever came in between. It ends with an error
/// that says why, or when the client is closed.
pub struct ListSubscription {
    shared: Arc<Shared>,
    feed: Arc<ListFeed>,
}

impl ListSubscription {
    /// The newest rows; `None` before the first answer.
    pub fn rows(&self) -> Option<Page> {
        let view = self.feed.inner().view.clone();
        view.and_then(|view| page(&view).ok())
    }
}

impl Stream for ListSubscription {
    type Item = Result<Page, Fault>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.feed.poll(context.waker()).map(|next| next.map(|view| view.and_then(|view| page(&view))))
    }
}

impl Drop for ListSubscription {
    fn drop(&mut self) {
        self.shared.tell(Call::Unwatch(self.feed.clone()));
    }
}

/// The view of a list has its rows by id.
fn page(view: &Value) -> Result<Page, Fault> {
    #[derive(Deserialize)]
    struct View {
        rows: BTreeMap<String, Row>,
        next: Option<String>,
    }
    let View { rows, next } = typed("list", view)?;
    let mut rows: Vec<Row> = rows.into_values().collect();
    // As the host orders them.
    rows.sort_by(|a, b| (b.sort, b.updated_at, &b.id).cmp(&(a.sort, a.updated_at, &a.id)));
    Ok(Page { rows, next })
}
