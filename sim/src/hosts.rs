//! The hosts of one simulation, the lines to them, and what can befall both.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use dormouse_engine::Engine;
use dormouse_journal::{LocalHints, MemoryStore};
use tokio::{io::DuplexStream, time::Instant};

use crate::{
    chance::Chance,
    client::Dial,
    disk::{Ledgers, Line, Trouble},
    net::Wire,
    node::Node,
};

/// So many hosts share a journal.
pub const HOSTS: usize = 3;

pub struct Hosts {
    pub store: MemoryStore,
    pub ledgers: Arc<Ledgers>,
    began: Instant,
    chance: Chance,
    nodes: Vec<Option<Node>>,
    /// Whether bytes reach each host, and come from it.
    reaches: [[bool; 2]; HOSTS],
    paused: [bool; HOSTS],
    wires: Vec<Arc<Wire>>,
    hints: LocalHints,
    rough: Arc<AtomicBool>,
}

impl Hosts {
    pub fn new(chance: Chance, began: Instant) -> Self {
        let mut hosts = Self {
            store: MemoryStore::new(),
            ledgers: Arc::default(),
            began,
            chance,
            nodes: (0..HOSTS).map(|_| None).collect(),
            reaches: [[true; 2]; HOSTS],
            paused: [false; HOSTS],
            wires: Vec::new(),
            hints: LocalHints::default(),
            rough: Arc::new(AtomicBool::new(false)),
        };
        (0..HOSTS).for_each(|host| hosts.start(host));
        hosts
    }

    /// Whether stores and lines fail by themselves.
    pub fn set_rough(&self, rough: bool) {
        self.rough.store(rough, Ordering::Relaxed);
    }

    pub fn engines(&self) -> impl Iterator<Item = &Engine> {
        self.nodes.iter().flatten().map(|node| &node.engine)
    }

    /// Does nothing if it runs.
    pub fn start(&mut self, host: usize) {
        if self.nodes[host].is_none() {
            let line = Line::new(&self.store, &self.hints, self.chance.clone(), &self.rough, &self.ledgers);
            self.nodes[host] = Some(Node::start(line, self.began, &self.chance));
        }
    }

    /// False if it does not run.
    pub fn crash(&mut self, host: usize) -> bool {
        let Some(node) = self.nodes[host].take() else { return false };
        node.crash();
        self.paused[host] = false;
        self.wires.iter().filter(|wire| wire.host == host).for_each(|wire| wire.cut());
        true
    }

    /// Crash those that are not paused; who they were.
    pub fn crash_all(&mut self) -> Vec<usize> {
        (0..HOSTS).filter(|host| !self.paused[*host] && self.crash(*host)).collect()
    }

    pub fn drain(&self, host: usize) -> bool {
        self.nodes[host].as_ref().map(Node::drain).is_some()
    }

    pub fn pause(&mut self, host: usize, paused: bool) -> bool {
        let Some(node) = &self.nodes[host] else { return false };
        node.line.set_open(!paused);
        self.paused[host] = paused;
        self.hold_lines_of(host);
        true
    }

    pub fn part(&mut self, host: usize, to_host: bool, parted: bool) {
        self.reaches[host][usize::from(!to_host)] = !parted;
        self.hold_lines_of(host);
    }

    fn hold_lines_of(&self, host: usize) {
        self.wires.iter().filter(|wire| wire.host == host).for_each(|wire| self.hold(wire));
    }

    fn hold(&self, wire: &Wire) {
        for (at, to_host) in [true, false].into_iter().enumerate() {
            wire.hold(to_host, self.paused[wire.host] || !self.reaches[wire.host][at]);
        }
    }

    pub fn set_wrong(&self, host: usize, milliseconds: i64) {
        if let Some(node) = &self.nodes[host] {
            node.world.set_wrong(milliseconds);
        }
    }

    /// What is wrong with the disk of a host that runs.
    pub fn trouble(&self, host: usize) -> Option<Arc<Trouble>> {
        self.nodes[host].as_ref().map(|node| node.line.trouble.clone())
    }

    fn some_line(&self) -> Option<Arc<Wire>> {
        let whole: Vec<&Arc<Wire>> = self.wires.iter().filter(|wire| !wire.is_cut()).collect();
        (!whole.is_empty()).then(|| (*self.chance.one_of(&whole)).clone())
    }

    pub fn cut_a_line(&self) -> bool {
        self.some_line().map(|wire| wire.cut()).is_some()
    }

    /// Neither end hears anything more, and neither is told.
    pub fn forget_a_line(&mut self) -> bool {
        let Some(wire) = self.some_line() else { return false };
        [true, false].into_iter().for_each(|to_host| wire.hold(to_host, true));
        self.wires.retain(|other| !Arc::ptr_eq(other, &wire));
        true
    }

    /// Its client does not read for a while.
    pub fn hold_a_viewer(&self) -> Option<Arc<Wire>> {
        self.some_line().inspect(|wire| wire.hold(false, true))
    }
}

impl Dial for Hosts {
    fn dial(&mut self, _: usize) -> Option<(Arc<Wire>, DuplexStream)> {
        let host = self.chance.below(HOSTS as u64) as usize;
        let node = self.nodes[host].as_mut()?;
        let most_ms = if self.rough.load(Ordering::Relaxed) && self.chance.once_in(10) { 400 } else { 20 };
        let (wire, client, server) = Wire::open(host, &self.chance, most_ms);
        node.serve(server);
        self.hold(&wire);
        self.wires.retain(|wire| !wire.is_cut());
        self.wires.push(wire.clone());
        Some((wire, client))
    }
}
