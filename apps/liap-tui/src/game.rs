//! The state of one game, and how its events change it. Who may do what, and what comes next, is in `flow.rs`.

use std::collections::BTreeMap;

use dormouse::prelude::*;

use crate::{
    pieces::{HAND, Piece, SEATS, deal, is_weak, without},
    plays::taker,
    score::{Mode, legal_declarations, points, winners},
};

/// Where a game stands; the spec's phases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before the start.
    #[default]
    Waiting,
    /// Hands are dealt, and weak ones may be dealt again.
    Preparation,
    /// The starter is shown.
    RoundStart,
    /// Everybody says how many piles they will take.
    Declaration,
    /// A trick is played, and then flipped.
    Turn,
    /// Its winner is shown.
    TurnResults,
    /// The round's points are shown.
    Scoring,
    /// And everything is open.
    GameOver,
}

/// Why somebody starts a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum StarterReason {
    AcceptedRedeal,
    #[default]
    HasGeneralRed,
    WonLastTurn,
}

/// How long the phase lasts, if nobody ends it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The end of the pause, or the deadline of whoever is awaited.
    pub until: Time,
    /// When a bot acts for whoever is awaited. Drawn for everybody, so that a bot which takes a seat over acts at once.
    pub bot_at: Time,
}

/// What happens in a game.
///
/// `Dealt` begins a round. `Redealt` is for a weak hand that asked for it: the multiplier rises, and who asked will start.
/// `Asked` are those whose hands are weak.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum GameEvent {
    Dealt { seed: Seed },
    Redealt { seed: Seed, accepter: usize },
    Asked { seats: Vec<usize> },
    Decided { seat: usize, accept: bool },
    RoundStarted { starter: usize, reason: StarterReason },
    Declared { seat: usize, value: u8 },
    Played { seat: usize, pieces: Vec<Piece> },
    TurnResolved { winner: usize },
    RoundScored {},
    Ended { winners: Vec<usize> },
    Waits { phase: Phase, wait: Wait },
}

/// One trick: the leader's play first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trick {
    /// Who leads.
    pub leader: usize,
    /// What was played, in seat order from the leader.
    pub plays: Vec<Vec<Piece>>,
}

impl Trick {
    /// Who made the play at this place.
    pub fn seat(&self, place: usize) -> usize {
        (self.leader + place) % SEATS
    }

    /// Whether everybody has played: the pieces are open.
    pub fn is_flipped(&self) -> bool {
        self.plays.len() == SEATS
    }

    /// Who takes it, once it is flipped.
    pub fn winner(&self) -> usize {
        self.seat(taker(&self.plays))
    }

    /// How many pieces a follower must play.
    pub fn required(&self) -> Option<usize> {
        self.plays.first().map(Vec::len)
    }
}

/// One line of the score sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoundScore {
    /// 1 and up.
    pub round: u32,
    /// 1, and one more for each redeal.
    pub multiplier: u32,
    /// What each seat said.
    pub declared: [u8; SEATS],
    /// What each seat took.
    pub piles: [u8; SEATS],
    /// What each seat got for it, multiplied.
    pub points: [i32; SEATS],
}

/// A deal that was made; its seed makes it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deal {
    /// Of which round; redeals of a round follow its first deal.
    pub round: u32,
    /// Shuffles the sorted deck; seats take eight each, in order.
    pub seed: Seed,
}

/// A game.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Game {
    pub(crate) phase: Phase,
    pub(crate) wait: Wait,
    pub(crate) started_at: Time,
    pub(crate) ended_at: Option<Time>,
    pub(crate) round: u32,
    pub(crate) multiplier: u32,
    /// Where play order begins while weak hands are decided: seat 1, later the starter of the round before.
    pub(crate) order_from: usize,
    pub(crate) accepter: Option<usize>,
    pub(crate) starter: usize,
    pub(crate) reason: StarterReason,
    pub(crate) hands: [Vec<Piece>; SEATS],
    pub(crate) asked: BTreeMap<usize, Option<bool>>,
    pub(crate) declared: [Option<u8>; SEATS],
    pub(crate) piles: [u8; SEATS],
    pub(crate) trick: Trick,
    /// The tricks of this round that were resolved.
    pub(crate) tricks: Vec<Trick>,
    pub(crate) scores: [i32; SEATS],
    pub(crate) zeros: [u8; SEATS],
    pub(crate) turns_won: [u32; SEATS],
    pub(crate) sheet: Vec<RoundScore>,
    pub(crate) deals: Vec<Deal>,
    pub(crate) winners: Vec<usize>,
}

impl Game {
    pub(crate) fn new(started_at: Time) -> Self {
        Self { started_at, ..Self::default() }
    }

    pub(crate) fn evolve(&mut self, event: &GameEvent, at: Moment) {
        match event {
            GameEvent::Dealt { seed } => self.begin_round(*seed),
            GameEvent::Redealt { seed, accepter } => {
                self.multiplier += 1;
                self.accepter = Some(*accepter);
                self.take_deal(*seed);
            }
            GameEvent::Asked { seats } => self.asked = seats.iter().map(|seat| (*seat, None)).collect(),
            GameEvent::Decided { seat, accept } => drop(self.asked.insert(*seat, Some(*accept))),
            GameEvent::RoundStarted { starter, reason } => {
                (self.starter, self.reason) = (*starter, *reason);
                self.trick.leader = *starter;
            }
            GameEvent::Declared { seat, value } => {
                self.declared[*seat] = Some(*value);
                self.zeros[*seat] = if *value == 0 { self.zeros[*seat] + 1 } else { 0 };
            }
            GameEvent::Played { seat, pieces } => {
                self.hands[*seat] = without(&self.hands[*seat], pieces);
                self.trick.plays.push(pieces.clone());
            }
            GameEvent::TurnResolved { winner } => self.take_trick(*winner),
            GameEvent::RoundScored {} => self.score_round(),
            GameEvent::Ended { winners } => {
                (self.winners, self.ended_at) = (winners.clone(), Some(at.time));
                self.phase = Phase::GameOver;
            }
            GameEvent::Waits { phase, wait } => (self.phase, self.wait) = (*phase, *wait),
        }
    }

    fn begin_round(&mut self, seed: Seed) {
        self.round += 1;
        self.multiplier = 1;
        self.order_from = self.starter;
        self.accepter = None;
        self.declared = [None; SEATS];
        self.piles = [0; SEATS];
        self.tricks.clear();
        self.take_deal(seed);
    }

    fn take_deal(&mut self, seed: Seed) {
        self.hands = deal(seed);
        self.asked.clear();
        self.deals.push(Deal { round: self.round, seed });
    }

    /// A trick is worth as many piles as each player gave pieces, so a round always has eight.
    fn take_trick(&mut self, winner: usize) {
        // Who won leads the next one.
        let trick = std::mem::replace(&mut self.trick, Trick { leader: winner, plays: vec![] });
        self.piles[winner] += trick.plays[0].len() as u8;
        self.turns_won[winner] += 1;
        self.tricks.push(trick);
    }

    fn score_round(&mut self) {
        let declared = self.declared.map(Option::unwrap_or_default);
        let points = std::array::from_fn(|seat| points(declared[seat], self.piles[seat]) * self.multiplier as i32);
        for (score, points) in self.scores.iter_mut().zip(points) {
            *score += points;
        }
        let multiplier = self.multiplier;
        self.sheet.push(RoundScore { round: self.round, multiplier, declared, piles: self.piles, points });
    }

    /// Whose hands are weak.
    pub(crate) fn weak_seats(&self) -> Vec<usize> {
        (0..SEATS).filter(|seat| is_weak(&self.hands[*seat])).collect()
    }

    /// The first in play order who asked for another deal.
    pub(crate) fn first_accepter(&self) -> Option<usize> {
        (0..SEATS).map(|place| (self.order_from + place) % SEATS).find(|seat| self.asked.get(seat) == Some(&Some(true)))
    }

    /// Who starts the round once all hands stand, and why.
    pub(crate) fn next_starter(&self) -> (usize, StarterReason) {
        if let Some(accepter) = self.accepter {
            return (accepter, StarterReason::AcceptedRedeal);
        }
        if self.round > 1 {
            return (self.trick.leader, StarterReason::WonLastTurn);
        }
        let holder = self.hands.iter().position(|hand| hand.contains(&Piece::RedGeneral));
        (holder.unwrap_or_default(), StarterReason::HasGeneralRed)
    }

    /// Seats that the game waits for now; in a pause, none.
    pub(crate) fn awaited(&self) -> Vec<usize> {
        match self.phase {
            Phase::Preparation => self.asked.iter().filter(|(_, said)| said.is_none()).map(|(seat, _)| *seat).collect(),
            Phase::Declaration => self.declaring().into_iter().collect(),
            Phase::Turn if !self.trick.is_flipped() => vec![self.trick.seat(self.trick.plays.len())],
            _ => vec![],
        }
    }

    fn declaring(&self) -> Option<usize> {
        (0..SEATS).map(|place| (self.starter + place) % SEATS).find(|seat| self.declared[*seat].is_none())
    }

    /// What this seat may declare, if it is its turn to.
    pub(crate) fn may_declare(&self, seat: usize) -> Vec<u8> {
        if self.phase != Phase::Declaration || self.declaring() != Some(seat) {
            return vec![];
        }
        let before: Vec<u8> = self.declared.iter().flatten().copied().collect();
        legal_declarations(&before, self.zeros[seat])
    }

    /// Whether a round's pieces are all played.
    pub(crate) fn is_played_out(&self) -> bool {
        self.piles.iter().sum::<u8>() == HAND as u8
    }

    /// Who has won, if this was the last round.
    pub(crate) fn outcome(&self, mode: Mode) -> Option<Vec<usize>> {
        winners(mode, self.round, &self.scores)
    }
}
