//! How many connections there may be, and how fast they may send.
//!
//! Memory is bounded before anybody signs in: connections are counted only while they are held, and rates are kept for a fixed
//! number of slots into which addresses and principals are hashed. Two that share a slot share its rate; the hash is seeded,
//! so nobody can choose with whom. IPv6 addresses count by their /64, which is what one subscriber gets.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use dormouse_core::{
    Code, Failure,
    limits::{
        ADDRESS_SLOTS, CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, CONNECTIONS_PER_PRINCIPAL_MAX, PRINCIPAL_SLOTS,
        RATE_PER_ADDRESS, RATE_PER_CONNECTION, RATE_PER_PRINCIPAL, SIGNALS_PER_SECOND, SUBSCRIPTIONS_MAX,
        SUBSCRIPTIONS_PER_SECOND,
    },
};
use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed, keyed::HashMapStateStore},
};

use super::Session;

/// What to wait for when there are too many connections: others close at their own pace.
const FULL_RETRY_MS: u64 = 5_000;

type Slots<C> = RateLimiter<u64, HashMapStateStore<u64>, C, NoOpMiddleware<<C as Clock>::Instant>>;
type Single<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// How much of each there may be in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Commands, subscriptions and signed requests of one principal.
    pub per_principal: u32,
    /// Frames of one connection.
    pub per_connection: u32,
    /// Unsigned requests of one address.
    pub per_address: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { per_principal: RATE_PER_PRINCIPAL, per_connection: RATE_PER_CONNECTION, per_address: RATE_PER_ADDRESS }
    }
}

/// Counts connections and limits rates. One for each host.
pub struct Admission<C: Clock = DefaultClock> {
    addresses: Arc<Mutex<Table<IpAddr>>>,
    principals: Arc<Mutex<Table<String>>>,
    address_rates: Slots<C>,
    principal_rates: Slots<C>,
    rates: Rates,
    hasher: RandomState,
    clock: C,
}

impl Admission {
    /// Nobody is connected.
    pub fn new(rates: Rates) -> Self {
        Self::with_clock(rates, DefaultClock::default())
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self::new(Rates::default())
    }
}

impl<C: Clock + Clone> Admission<C> {
    /// The same, by another clock.
    pub fn with_clock(rates: Rates, clock: C) -> Self {
        Self {
            addresses: Table::shared(CONNECTIONS_PER_ADDRESS_MAX),
            principals: Table::shared(CONNECTIONS_PER_PRINCIPAL_MAX),
            address_rates: Slots::hashmap_with_clock(per_second(rates.per_address), clock.clone()),
            principal_rates: Slots::hashmap_with_clock(per_second(rates.per_principal), clock.clone()),
            rates,
            hasher: RandomState::new(),
            clock,
        }
    }

    /// Count a connection of this address, from accept until the answer is dropped.
    ///
    /// # Errors
    /// `too_many_connections` of this address or this host.
    pub fn connect(&self, address: IpAddr) -> Result<Held<IpAddr>, Failure> {
        Held::take(&self.addresses, network(address))
    }

    /// Count a connection of this principal, from `hello` (or a stream's start) until the answer is dropped.
    ///
    /// # Errors
    /// `too_many_connections` of this principal.
    pub fn enter(&self, session: &Session) -> Result<Held<String>, Failure> {
        Held::take(&self.principals, session.key())
    }

    /// Connections that are signed in: sockets after their `hello`, and event streams.
    pub fn entered(&self) -> usize {
        lock(&self.principals).total
    }

    /// Spend one request of an address that is not signed in.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn request(&self, address: IpAddr) -> Result<(), Failure> {
        let slot = self.hasher.hash_one(network(address)) % ADDRESS_SLOTS;
        self.address_rates.check_key(&slot).map_err(|until| wait(&self.clock, &until))
    }

    /// Spend one command, subscription or signed request of this principal.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn spend(&self, session: &Session) -> Result<(), Failure> {
        let slot = self.hasher.hash_one((&session.tenant, &session.viewer.principal.id)) % PRINCIPAL_SLOTS;
        self.principal_rates.check_key(&slot).map_err(|until| wait(&self.clock, &until))
    }

    /// The pace of one new connection.
    pub fn pace(&self) -> Pace<C> {
        let limiter = |quota| Single::direct_with_clock(quota, self.clock.clone());
        let burst = NonZeroU32::new(2 * SUBSCRIPTIONS_MAX as u32).expect("it is not zero");
        Pace {
            frames: limiter(per_second(self.rates.per_connection)),
            subscriptions: limiter(per_second(SUBSCRIPTIONS_PER_SECOND).allow_burst(burst)),
            signals: limiter(per_second(SIGNALS_PER_SECOND)),
            clock: self.clock.clone(),
        }
    }

    /// Forget the rates of those who are quiet. A host calls it from one task, about once in 10 seconds.
    pub fn sweep(&self) {
        for rates in [&self.address_rates, &self.principal_rates] {
            rates.retain_recent();
            rates.shrink_to_fit();
        }
        lock(&self.addresses).held.shrink_to_fit();
        lock(&self.principals).held.shrink_to_fit();
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 4] {
        let held = [lock(&self.addresses).held.len(), lock(&self.principals).held.len()];
        [held[0], held[1], self.address_rates.len(), self.principal_rates.len()]
    }
}

/// How fast one connection may send.
pub struct Pace<C: Clock = DefaultClock> {
    frames: Single<C>,
    subscriptions: Single<C>,
    signals: Single<C>,
    clock: C,
}

impl<C: Clock> Pace<C> {
    /// Spend one frame.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn frame(&self) -> Result<(), Failure> {
        self.spend(&self.frames)
    }

    /// Spend one subscription, beside its frame.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn subscription(&self) -> Result<(), Failure> {
        self.spend(&self.subscriptions)
    }

    /// Spend one signal, beside its frame.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn signal(&self) -> Result<(), Failure> {
        self.spend(&self.signals)
    }

    fn spend(&self, limiter: &Single<C>) -> Result<(), Failure> {
        limiter.check().map_err(|until| wait(&self.clock, &until))
    }
}

/// A place that is held until this is dropped.
#[must_use = "the place is given back when this is dropped"]
pub struct Held<K: Hash + Eq> {
    table: Arc<Mutex<Table<K>>>,
    key: K,
}

impl<K: Hash + Eq + Clone> Held<K> {
    fn take(table: &Arc<Mutex<Table<K>>>, key: K) -> Result<Self, Failure> {
        lock(table).take(&key)?;
        Ok(Self { table: Arc::clone(table), key })
    }
}

impl<K: Hash + Eq> Drop for Held<K> {
    fn drop(&mut self) {
        lock(&self.table).give_back(&self.key);
    }
}

/// Places that are held, in all at most [`CONNECTIONS_MAX`].
struct Table<K> {
    held: HashMap<K, usize>,
    total: usize,
    per_key_max: usize,
}

impl<K: Hash + Eq> Table<K> {
    fn shared(per_key_max: usize) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { held: HashMap::new(), total: 0, per_key_max }))
    }

    fn take(&mut self, key: &K) -> Result<(), Failure>
    where
        K: Clone,
    {
        let count = self.held.get(key).copied().unwrap_or_default();
        if self.total >= CONNECTIONS_MAX || count >= self.per_key_max {
            return Err(Failure::from(Code::TooManyConnections).retry_after(FULL_RETRY_MS));
        }
        self.held.insert(key.clone(), count + 1);
        self.total += 1;
        Ok(())
    }

    fn give_back(&mut self, key: &K) {
        self.total -= 1;
        if let Some(count) = self.held.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                self.held.remove(key);
            }
        }
    }
}

/// What one subscriber holds: an IPv4 address, also in its IPv6 form, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

fn per_second(rate: u32) -> Quota {
    Quota::per_second(NonZeroU32::new(rate.max(1)).expect("one is not zero"))
}

/// Rounded up, so that whoever waits as told is let in.
fn wait<C: Clock>(clock: &C, until: &NotUntil<C::Instant>) -> Failure {
    let nanoseconds = until.wait_time_from(clock.now()).as_nanos();
    let milliseconds = u64::try_from(nanoseconds.div_ceil(1_000_000)).unwrap_or(u64::MAX);
    Failure::from(Code::RateLimited).retry_after(milliseconds.max(1))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
