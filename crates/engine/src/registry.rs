//! Which actors are in memory, and how to reach their owners.
//!
//! Messages are handed over under the lock of the actor's shard, and an owner leaves under the same lock; so no message is ever
//! lost between an owner that leaves and the one that comes after it. A sleeping actor that nobody watches has no entry at all.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use dormouse_core::{Address, Code, Failure, limits::MAILBOX_MAX};
use tokio::sync::{mpsc, watch};

use crate::owner::{Message, WatchTable};

const SHARDS: usize = 64;

#[derive(Default)]
struct Slot {
    mailbox: Option<mpsc::Sender<Box<Message>>>,
    /// The viewers of an actor that sleeps.
    asleep: Option<Box<WatchTable>>,
    /// Tells followers of the events that there may be more.
    moved: Option<watch::Sender<u64>>,
}

impl Slot {
    fn is_empty(&self) -> bool {
        self.mailbox.is_none() && self.asleep.is_none() && self.moved.as_ref().is_none_or(|m| m.receiver_count() == 0)
    }
}

/// The actors of one host.
pub(crate) struct Registry {
    shards: Vec<Mutex<HashMap<Address, Slot>>>,
    hasher: RandomState,
}

/// What a new owner starts with.
pub(crate) struct Inheritance {
    pub(crate) mailbox: mpsc::Receiver<Box<Message>>,
    pub(crate) watchers: Box<WatchTable>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }

    fn shard(&self, address: &Address) -> MutexGuard<'_, HashMap<Address, Slot>> {
        let at = self.hasher.hash_one(address) as usize % SHARDS;
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hand a message to the actor's owner; `start` is called with what it inherits if there is none.
    ///
    /// # Errors
    /// [`Code::Busy`] if its mailbox is full.
    pub(crate) fn send(
        &self,
        address: &Address,
        message: Message,
        start: impl FnOnce(Inheritance),
    ) -> Result<(), Failure> {
        let mut message = Box::new(message);
        let mut shard = self.shard(address);
        if let Some(mailbox) = shard.get(address).and_then(|slot| slot.mailbox.as_ref()) {
            match mailbox.try_send(message) {
                Ok(()) => return Ok(()),
                Err(mpsc::error::TrySendError::Full(_)) => return Err(Failure::from(Code::Busy).retry_after(100)),
                // The owner's task was torn down: the next one begins with what the journal has.
                Err(mpsc::error::TrySendError::Closed(back)) => message = back,
            }
        }
        let slot = shard.entry(address.clone()).or_default();
        let (sender, mailbox) = mpsc::channel(MAILBOX_MAX);
        sender.try_send(message).unwrap_or_else(|_| unreachable!("a new mailbox has room"));
        slot.mailbox = Some(sender);
        start(Inheritance { mailbox, watchers: slot.asleep.take().unwrap_or_default() });
        Ok(())
    }

    /// Tell the actor's owner, if there is one and its mailbox has room; returns whether that was in the way.
    pub(crate) fn tell(&self, address: &Address, message: Message) -> bool {
        let shard = self.shard(address);
        let mailbox = shard.get(address).and_then(|slot| slot.mailbox.as_ref());
        let told = mailbox.map(|mailbox| mailbox.try_send(Box::new(message)));
        matches!(told, Some(Err(mpsc::error::TrySendError::Full(_))))
    }

    /// The owner leaves memory, unless a message came in the meantime. The viewers stay.
    pub(crate) fn leave(
        &self,
        address: &Address,
        is_idle: impl FnOnce() -> bool,
        watchers: &mut Box<WatchTable>,
    ) -> bool {
        let mut shard = self.shard(address);
        if !is_idle() {
            return false;
        }
        let Some(slot) = shard.get_mut(address) else { return true };
        slot.mailbox = None;
        let watchers = std::mem::take(watchers);
        slot.asleep = (!watchers.is_empty()).then_some(watchers);
        if slot.is_empty() {
            shard.remove(address);
        }
        true
    }

    /// Tell followers how far the journal reaches.
    pub(crate) fn moved(&self, address: &Address, seq: u64) {
        if let Some(moved) = self.shard(address).get(address).and_then(|slot| slot.moved.as_ref()) {
            moved.send_replace(seq);
        }
    }

    /// Hear how far the journal reaches.
    pub(crate) fn follow(&self, address: &Address) -> watch::Receiver<u64> {
        let mut shard = self.shard(address);
        let moved = &mut shard.entry(address.clone()).or_default().moved;
        moved.get_or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// A follower is gone.
    pub(crate) fn unfollow(&self, address: &Address, receiver: watch::Receiver<u64>) {
        let mut shard = self.shard(address);
        drop(receiver);
        let Some(slot) = shard.get_mut(address) else { return };
        slot.moved.take_if(|moved| moved.receiver_count() == 0);
        if slot.is_empty() {
            shard.remove(address);
        }
    }

    /// Whether anybody here would notice that the actor moved.
    pub(crate) fn is_known(&self, address: &Address) -> bool {
        self.shard(address).contains_key(address)
    }

    /// All of those.
    pub(crate) fn known(&self) -> Vec<Address> {
        let known = |shard: &Mutex<HashMap<Address, Slot>>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.keys().cloned().collect::<Vec<_>>()
        };
        self.shards.iter().flat_map(known).collect()
    }

    /// Actors in memory, and messages that wait for them.
    pub(crate) fn census(&self) -> (usize, usize) {
        let count = |(awake, waiting), shard: &Mutex<HashMap<Address, Slot>>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let mailboxes = shard.values().filter_map(|slot| slot.mailbox.as_ref());
            mailboxes.fold((awake, waiting), |(awake, waiting), mailbox| {
                (awake + 1, waiting + mailbox.max_capacity() - mailbox.capacity())
            })
        };
        self.shards.iter().fold((0, 0), count)
    }

    /// Whether this actor is in memory.
    pub(crate) fn is_awake(&self, address: &Address) -> bool {
        self.shard(address).get(address).is_some_and(|slot| slot.mailbox.is_some())
    }
}
