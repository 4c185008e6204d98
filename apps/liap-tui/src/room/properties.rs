//! Ten thousand games of bots, of people who play anything, and of lines that break; whatever happens, everything adds up.
//!
//! `LIAP_GAMES` plays another number of them. Every message names its game; the same number makes the same game.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use dormouse::core::dice::Secret;

use super::*;
use crate::{
    Table,
    pieces::{HAND, Piece, deck},
    plays::{PLAY_PIECES_MAX, Set},
    score::{ROUNDS_MAX, ZEROS_MAX, points},
};

const GAMES: u64 = 10_000;

/// Four who may sit, and one who never does.
const PEOPLE: [&str; 5] = ["ann", "bob", "cid", "dee", "eve"];

/// What the rules may refuse people here.
const CODES: [&str; 12] = [
    "already_seated",
    "game_already_started",
    "game_not_over",
    "invalid_declaration",
    "invalid_play",
    "invalid_room",
    "not_seated",
    "not_your_turn",
    "permission_denied",
    "rematch_stands",
    "seat_left",
    "too_late",
];

/// What happened in some games: they must not be about nothing.
#[derive(Debug, Default)]
struct Tally {
    games: u64,
    over: u64,
    abandoned: u64,
    rejected: u64,
    absences: u64,
    redeals: u64,
}

#[test]
fn whatever_happens_games_end_add_up_and_replay() {
    let games = std::env::var("LIAP_GAMES").map_or(GAMES, |text| text.parse().expect("a number"));
    let next = AtomicU64::new(0);
    let play_some = || {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed)).take_while(|n| *n < games);
        numbers.fold(Tally::default(), |tally, number| tally.plus(&Play::start(number).finish()))
    };
    let tally = thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(play_some)).collect();
        // Its thread has said in which game a worker panicked.
        let parts = workers.into_iter().map(|worker| worker.join().expect("no game fails"));
        parts.fold(Tally::default(), |tally, part| tally.plus(&part))
    });
    assert_eq!((tally.games, tally.over + tally.abandoned), (games, games));
    let enough = tally.over > games / 2 && tally.abandoned > games / 100;
    let eventful = tally.rejected > games && tally.absences > games && tally.redeals > games;
    assert!(games < 1000 || enough && eventful, "games worth the name: {tally:?}");
}

impl Tally {
    fn plus(self, other: &Self) -> Self {
        Self {
            games: self.games + other.games,
            over: self.over + other.over,
            abandoned: self.abandoned + other.abandoned,
            rejected: self.rejected + other.rejected,
            absences: self.absences + other.absences,
            redeals: self.redeals + other.redeals,
        }
    }
}

/// One game, and who decides what happens in it.
struct Play {
    number: u64,
    table: Table,
    dice: Dice,
    tally: Tally,
    /// Who sat down, by seat.
    sitters: Vec<Option<String>>,
    /// The room as it stood after some commit.
    snapshot: (usize, Vec<u8>),
}

impl Play {
    /// Bots of both levels and some of the four people, up to the first deal.
    fn start(number: u64) -> Self {
        let dice = Secret([7; 32]).seed(number, 0).dice();
        let (table, tally) = (Table::new(number), Tally { games: 1, ..Tally::default() });
        let snapshot = (0, bytes(&Room::default()));
        let mut play = Self { number, table, dice, tally, sitters: vec![], snapshot };
        let who = play.dice.below(16);
        let config = RoomConfig {
            name: (who & 1 == 1).then(|| "Ann".to_owned()),
            bots: play.level(),
            mode: [Mode::FirstTo50, Mode::FirstTo50, Mode::Exactly50, Mode::MostAfter20][play.below(4)],
            pace: [Pace::Normal, Pace::Fast][play.below(2)],
            private: play.chance(4),
        };
        play.must(Input::Created { by: viewer(0), config });
        play.must(Input::Joined { who: viewer(0) });
        for person in (1..4).filter(|person| who & (1 << person) != 0) {
            play.must_command(person, RoomCommand::Join { name: PEOPLE[person].to_owned() });
            play.must(Input::Joined { who: viewer(person) });
        }
        for slot_id in (1..=4).filter(|slot_id| play.table.state.is_bot(slot_id - 1)).collect::<Vec<_>>() {
            let level = play.level();
            play.must_command(0, RoomCommand::AddBot { slot_id: slot_id as u8, level });
        }
        play.must_command(0, RoomCommand::StartGame {});
        play.sitters = sitters(&play.table.state);
        play
    }

    fn finish(mut self) -> Tally {
        while self.step() {
            self.check();
            if self.chance(500) {
                self.snapshot = (self.table.history.len(), bytes(&self.table.state));
            }
        }
        self.check_replay();
        match self.table.state.is_closed {
            true => self.tally.abandoned += 1,
            false if self.table.state.game.phase == Phase::GameOver => self.tally.over += 1,
            false => panic!("game {}: nothing is waited for", self.number),
        }
        self.tally.redeals += self.table.state.game.deals.len() as u64 - u64::from(self.table.state.game.round);
        self.tally
    }

    /// One thing happens; `false` if nothing more will.
    fn step(&mut self) -> bool {
        match self.below(64) {
            0 | 1 => self.attempt(),
            2 => self.line_breaks(),
            3..=6 => self.line_heals(),
            7 | 8 => {
                let late = if self.chance(50) { 3_600_000 } else { 0 };
                self.table.at.time.0 += late;
                return self.table.wake();
            }
            _ => match self.awaited_person() {
                Some((person, seat)) => self.play(person, seat),
                None => return self.table.wake(),
            },
        }
        true
    }

    fn awaited_person(&self) -> Option<(usize, usize)> {
        let room = &self.table.state;
        let seat = *room.game.awaited().iter().find(|seat| !room.is_bot_played(**seat))?;
        let in_time = self.table.at.time < room.game.wait.until;
        let id = room.seats[seat].as_ref().and_then(Sitter::principal)?;
        in_time.then(|| (PEOPLE.iter().position(|person| *person == id).expect("one of them"), seat))
    }

    /// A person does what they may: anything of it.
    fn play(&mut self, person: usize, seat: usize) {
        let game = &self.table.state.game;
        let command = match game.phase {
            Phase::Preparation => RoomCommand::RedealDecision { accept: self.chance(2) },
            Phase::Declaration => {
                let legal = game.may_declare(seat);
                RoomCommand::Declare { value: legal[self.below(legal.len().min(5) as u64)] }
            }
            _ => RoomCommand::Play { indices: self.places(seat) },
        };
        self.must_command(person, command);
    }

    /// Places of a hand that may be played: as many as were led, or any valid set.
    fn places(&mut self, seat: usize) -> Vec<u8> {
        let game = &self.table.state.game;
        let (hand, required) = (game.hands[seat].clone(), game.trick.required());
        let mut all: Vec<u8> = (0..hand.len() as u8).collect();
        for _ in 0..4 {
            let count = required.unwrap_or_else(|| 1 + self.below(hand.len().min(PLAY_PIECES_MAX) as u64));
            self.dice.shuffle(&mut all);
            let pieces: Vec<Piece> = all[..count].iter().map(|at| hand[usize::from(*at)]).collect();
            if required.is_some() || Set::of(&pieces).is_some() {
                return all[..count].to_vec();
            }
        }
        all[..1].to_vec()
    }

    /// Somebody sends something that is most often wrong. A rejection changes nothing.
    fn attempt(&mut self) {
        let (person, command) = (self.below(5), self.anything());
        let before = bytes(&self.table.state);
        let was_seated = self.table.state.seat_of(PEOPLE[person]).is_some();
        match self.table.decide(Input::Command { by: viewer(person), command: command.clone() }) {
            Ok(()) => assert!(was_seated, "game {}: {} did {command:?}", self.number, PEOPLE[person]),
            Err(Rejection { code, .. }) => {
                self.tally.rejected += 1;
                assert!(CODES.contains(&code), "game {}: {code} for {command:?}", self.number);
                assert!(before == bytes(&self.table.state), "game {}: {command:?} changed something", self.number);
            }
        }
    }

    fn anything(&mut self) -> RoomCommand {
        match self.below(20) {
            0 => RoomCommand::LeaveRoom {},
            1 => RoomCommand::Join { name: "Ann".to_owned() },
            2 => RoomCommand::StartGame {},
            3 => RoomCommand::AddBot { slot_id: self.below(7) as u8, level: self.level() },
            4 => RoomCommand::RemovePlayer { slot_id: self.below(7) as u8 },
            5 => RoomCommand::Rematch { room: ["", "4F2A9C", "a b"][self.below(3)].to_owned() },
            6..=8 => RoomCommand::RedealDecision { accept: self.chance(2) },
            9..=13 => RoomCommand::Declare { value: self.below(10) as u8 },
            _ => {
                let count = self.below(8);
                RoomCommand::Play { indices: (0..count).map(|_| self.below(9) as u8).collect() }
            }
        }
    }

    /// Of anybody, also of who watches.
    fn line_breaks(&mut self) {
        let person = self.below(5);
        let seat = self.table.state.seat_of(PEOPLE[person]);
        self.tally.absences += u64::from(seat.is_some_and(|seat| !self.table.state.is_bot_played(seat)));
        self.must(Input::Left { who: viewer(person) });
    }

    fn line_heals(&mut self) {
        let person = self.below(5);
        self.must(Input::Joined { who: viewer(person) });
    }

    fn must_command(&mut self, person: usize, command: RoomCommand) {
        self.must(Input::Command { by: viewer(person), command });
    }

    fn must(&mut self, input: Input<Room>) {
        let said = format!("{input:?}");
        let decided = self.table.decide(input);
        assert!(decided.is_ok(), "game {}: {said} is refused: {decided:?}", self.number);
    }

    fn below(&mut self, n: u64) -> usize {
        self.dice.below(n) as usize
    }

    /// Once in `n` times.
    fn chance(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn level(&mut self) -> Level {
        if self.chance(2) { Level::Easy } else { Level::Hard }
    }
}

/// What holds after every commit.
impl Play {
    fn check(&self) {
        self.check_pieces();
        self.check_piles();
        self.check_declarations();
        self.check_scores();
        self.check_seats();
        self.check_agenda();
    }

    /// Every piece is in a hand or was played, and once; so their points are always 192.
    fn check_pieces(&self) {
        let game = &self.table.state.game;
        let played = game.tricks.iter().chain([&game.trick]).flat_map(|trick| &trick.plays);
        let mut left = [0_i8; 15];
        deck().iter().for_each(|piece| left[usize::from(piece.points())] += 1);
        game.hands.iter().chain(played).flatten().for_each(|piece| left[usize::from(piece.points())] -= 1);
        assert_eq!(left, [0; 15], "game {}: pieces that are missing", self.number);
    }

    /// A trick is worth as many piles as pieces each player gave to it, so a round has eight.
    fn check_piles(&self) {
        let game = &self.table.state.game;
        let taken = usize::from(game.piles.iter().sum::<u8>());
        for (seat, hand) in game.hands.iter().enumerate() {
            let in_trick = (0..game.trick.plays.len()).find(|place| game.trick.seat(*place) == seat);
            let played = in_trick.map_or(0, |place| game.trick.plays[place].len());
            assert_eq!(taken + hand.len() + played, HAND, "game {}: seat {seat} at {game:?}", self.number);
        }
    }

    fn check_declarations(&self) {
        let game = &self.table.state.game;
        let sum: Option<u8> = game.declared.iter().copied().sum();
        assert_ne!(sum, Some(HAND as u8), "game {}: somebody must fail", self.number);
        assert!(game.zeros.iter().all(|zeros| *zeros <= ZEROS_MAX), "game {}: a third zero", self.number);
    }

    /// Scores are the sum of the sheet, whose rows follow from what was said and taken.
    fn check_scores(&self) {
        let game = &self.table.state.game;
        let mut sums = [0; SEATS];
        for row in &game.sheet {
            assert_eq!(row.piles.iter().sum::<u8>(), HAND as u8, "game {}: piles of {row:?}", self.number);
            for (seat, sum) in sums.iter_mut().enumerate() {
                let due = points(row.declared[seat], row.piles[seat]) * row.multiplier as i32;
                assert_eq!(row.points[seat], due, "game {}: seat {seat} in {row:?}", self.number);
                *sum += due;
            }
        }
        assert_eq!(game.scores, sums, "game {}: scores", self.number);
        assert!(game.round <= ROUNDS_MAX, "game {}: round {}", self.number, game.round);
        let deals = game.deals.iter().filter(|deal| deal.round == game.round).count();
        assert_eq!(game.multiplier as usize, deals, "game {}: a redeal raises the multiplier", self.number);
    }

    /// Nobody loses their seat, and who hosts is one of those.
    fn check_seats(&self) {
        let room = &self.table.state;
        assert_eq!(sitters(room), self.sitters, "game {}: who sits where", self.number);
        let host = room.host.as_deref();
        assert!(host.is_some_and(|host| PEOPLE[..4].contains(&host)), "game {}: {host:?} hosts", self.number);
    }

    /// As long as a game goes on it waits for something, and then for nothing.
    fn check_agenda(&self) {
        let room = &self.table.state;
        let goes_on = !room.is_closed && room.game.phase != Phase::GameOver;
        assert_eq!(room.agenda().wakes.is_empty(), !goes_on, "game {}: {:?}", self.number, room.agenda());
    }

    /// The history makes the same bytes again: from its beginning, and from a state on its way.
    fn check_replay(&self) {
        let (snapshot_at, snapshot) = &self.snapshot;
        let from_snapshot = serde_json::from_slice(snapshot).expect("what was saved can be read");
        let end = bytes(&self.table.state);
        for (room, from) in [(Room::default(), 0), (from_snapshot, *snapshot_at)] {
            let replayed = self.replay(room, from);
            assert!(bytes(&replayed) == end, "game {}: the replay from commit {from} ends elsewhere", self.number);
            // What is not saved would be missing here.
            assert_eq!(format!("{replayed:?}"), format!("{:?}", self.table.state), "game {}", self.number);
        }
    }

    fn replay(&self, mut room: Room, from: usize) -> Room {
        for (at, events) in &self.table.history[from..] {
            for event in events {
                room.evolve(&serde_json::from_slice(event).expect("what was written can be read"), *at);
            }
        }
        room
    }
}

fn viewer(person: usize) -> Viewer {
    let id = PEOPLE[person];
    Viewer::new(Principal { id: id.into(), name: id.into() }, vec![])
}

/// Who has which seat; a bot is nobody.
fn sitters(room: &Room) -> Vec<Option<String>> {
    room.seats.iter().map(|sitter| sitter.as_ref()?.principal().map(str::to_owned)).collect()
}

fn bytes(room: &Room) -> Vec<u8> {
    serde_json::to_vec(room).expect("a room serialises")
}
