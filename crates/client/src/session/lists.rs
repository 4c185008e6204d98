//! Lists that are followed: subscriptions like those of views, but for their history, which they have none of.

use std::sync::Arc;

use dormouse_core::frame::client::From;
use json_patch::PatchOperation;
use serde_json::Value;

use super::{
    Effect, Session,
    subs::{Phase, Subject, Subs},
};
use crate::frame::{Action, List, ListFrame, ListSaid};

impl Subs {
    pub(super) fn rows(&self, list: &Arc<List>) -> Option<Arc<Value>> {
        self.0.get(&Subject::List(list.clone()))?.view.clone()
    }
}

impl Session {
    pub(super) fn watch(&mut self, list: Arc<List>) {
        self.follow(&Subject::List(list), From::Now);
    }

    pub(super) fn on_list(&mut self, ListFrame { list, said }: ListFrame) {
        let list = Arc::new(list);
        let subject = Subject::List(list.clone());
        let Some(sub) = self.subs.0.get_mut(&subject) else { return };
        match said {
            ListSaid::Resumed { .. } => {
                sub.phase = Phase::Live;
                sub.retries = 0;
            }
            ListSaid::Snapshot { etag, view } => {
                sub.etag = Some(etag);
                sub.view = Some(view.clone());
                self.effects.push(Effect::Rows { list, view });
            }
            // While a question is out, its answer will say what there is.
            ListSaid::Patch { base, etag, ops } if sub.phase == Phase::Live => {
                if sub.etag.as_deref() != Some(&*base) {
                    return self.ask(&subject);
                }
                match patched(&mut sub.view, &ops) {
                    Some(view) => {
                        sub.etag = Some(etag);
                        self.effects.push(Effect::Rows { list, view });
                    }
                    // The etags agree and the views do not. Only the whole list repairs that.
                    None => {
                        sub.etag = None;
                        self.ask(&subject);
                    }
                }
            }
            ListSaid::Patch { .. } => {}
            ListSaid::Error { fault, action: Some(Action::Subscribe) | None } => self.refuse(&subject, &fault),
            // It ends nothing.
            ListSaid::Error { .. } => {}
        }
    }
}

fn patched(held: &mut Option<Arc<Value>>, ops: &[PatchOperation]) -> Option<Arc<Value>> {
    let view = held.as_mut()?;
    json_patch::patch(Arc::make_mut(view), ops).ok()?;
    Some(view.clone())
}
