//! Tickets: what stands in a query string where a header cannot, in place of a token.
//!
//! A ticket works once, within [`TICKET`], for the session that asked. All waiting ones are in memory, at most [`TICKETS_MAX`]
//! over all principals, and no more of one principal than it may open connections.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use dormouse_core::{
    Code, Failure, Time,
    limits::{CONNECTIONS_PER_PRINCIPAL_MAX, TICKET, TICKETS_MAX},
};

use super::Session;
use crate::world::World;

/// Letters of a ticket: 160 bits.
const TICKET_LETTERS: usize = 32;

/// The tickets that wait.
#[derive(Default)]
pub(super) struct Tickets(Mutex<Waiting>);

/// `order` and `tickets` hold the same tickets, `principals` counts them.
#[derive(Default)]
struct Waiting {
    tickets: HashMap<String, (Time, Session)>,
    order: BTreeSet<(Time, String)>,
    principals: HashMap<String, usize>,
}

impl Tickets {
    /// A new ticket for this session.
    pub(super) fn issue(&self, world: &dyn World, session: &Session) -> Result<String, Failure> {
        let now = world.now();
        let ticket = world.letters(TICKET_LETTERS);
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.drop_expired(now);
        waiting.check_room(now, session)?;
        waiting.insert(now.after(TICKET), ticket.clone(), session.clone());
        Ok(ticket)
    }

    /// The session that asked for it.
    pub(super) fn redeem(&self, now: Time, ticket: &str) -> Result<Session, Failure> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.remove(ticket) {
            Some((expires, session)) if now < expires => Ok(session),
            _ => Err(Code::BadTicket.into()),
        }
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 3] {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        [waiting.tickets.len(), waiting.order.len(), waiting.principals.len()]
    }
}

impl Waiting {
    fn drop_expired(&mut self, now: Time) {
        while let Some((expires, ticket)) = self.order.first().cloned()
            && expires <= now
        {
            self.remove(&ticket);
        }
    }

    fn check_room(&self, now: Time, session: &Session) -> Result<(), Failure> {
        let own = self.principals.get(&session.key()).copied().unwrap_or_default();
        if self.tickets.len() < TICKETS_MAX && own < CONNECTIONS_PER_PRINCIPAL_MAX {
            return Ok(());
        }
        let next = self.order.first().map_or(TICKET, |(expires, _)| expires.since(now));
        Err(Failure::from(Code::RateLimited).retry_after(u64::try_from(next.as_millis()).unwrap_or(u64::MAX).max(1)))
    }

    fn insert(&mut self, expires: Time, ticket: String, session: Session) {
        *self.principals.entry(session.key()).or_default() += 1;
        self.order.insert((expires, ticket.clone()));
        self.tickets.insert(ticket, (expires, session));
    }

    fn remove(&mut self, ticket: &str) -> Option<(Time, Session)> {
        let (ticket, (expires, session)) = self.tickets.remove_entry(ticket)?;
        self.order.remove(&(expires, ticket));
        let key = session.key();
        if let Some(count) = self.principals.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.principals.remove(&key);
            }
        }
        Some((expires, session))
    }
}
