//! What each sight sees: its own hand, never another's, and everything once the game is over. Slots count from 1.

use dormouse::prelude::*;

use crate::{
    game::{Deal, Game, GameEvent, Phase, RoundScore, StarterReason, Trick},
    pace::{self, Pace},
    pieces::{Piece, SEATS},
    plays::{PlayKind, Set},
    room::{Room, RoomEvent},
    score::{Mode, ranks},
    seats::{Level, Sitter, Who},
};

/// A room, as one sight sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoomView {
    pub(crate) title: String,
    pub(crate) mode: Mode,
    pub(crate) pace: Pace,
    pub(crate) private: bool,
    pub(crate) phase: Phase,
    pub(crate) seats: [Option<SeatView>; SEATS],
    /// The viewer's own slot.
    pub(crate) you: Option<usize>,
    pub(crate) round: u32,
    /// What this round's points are multiplied by.
    pub(crate) multiplier: u32,
    /// Who starts the round, once it is known.
    pub(crate) starter: Option<usize>,
    pub(crate) reason: Option<StarterReason>,
    /// Slots that everybody may know the game waits for.
    pub(crate) awaited: Vec<usize>,
    /// The end of the pause, or the deadline.
    pub(crate) until: Option<Time>,
    /// Your hand is weak, and you have not decided yet.
    pub(crate) weak_hand: Option<WeakHand>,
    /// What you may declare, if it is your turn to.
    pub(crate) may_declare: Vec<u8>,
    pub(crate) trick: TrickView,
    /// The tricks of this round that were resolved.
    pub(crate) tricks: Vec<TrickView>,
    pub(crate) sheet: Vec<RoundScore>,
    pub(crate) result: Option<GameResult>,
    /// Once the game is over: every deal, for anybody to make again.
    pub(crate) deals: Vec<Deal>,
    /// Once a player has made one: the room of the next game.
    pub(crate) rematch: Option<String>,
}

/// A seat, as one sight sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeatView {
    pub(crate) name: String,
    pub(crate) avatar: u8,
    /// Of a player; a bot has none.
    pub(crate) principal: Option<String>,
    /// Of a bot.
    pub(crate) level: Option<Level>,
    /// A bot stands in for this player.
    pub(crate) away: bool,
    pub(crate) host: bool,
    pub(crate) hand_count: usize,
    /// Yours, or everybody's once the game is over.
    pub(crate) hand: Option<Vec<Piece>>,
    pub(crate) declared: Option<u8>,
    pub(crate) piles: u8,
    pub(crate) score: i32,
}

/// What the holder of a weak hand is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WeakHand {
    /// When the page warns that time runs out.
    pub(crate) warn_at: Time,
    /// The multiplier after a redeal.
    pub(crate) next_multiplier: u32,
}

/// A trick; face down until everybody has played.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrickView {
    pub(crate) leader: usize,
    /// How many pieces everybody plays; none before the leader has.
    pub(crate) required: Option<usize>,
    pub(crate) plays: Vec<PlayView>,
    pub(crate) winner: Option<usize>,
}

/// One play of a trick.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlayView {
    pub(crate) slot_id: usize,
    /// Your own, or once the trick is flipped.
    pub(crate) pieces: Option<Vec<Piece>>,
    /// Of open pieces; none is a forfeit.
    pub(crate) kind: Option<PlayKind>,
}

/// How a game ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GameResult {
    /// Slots; ties share.
    pub(crate) winners: Vec<usize>,
    /// By seat, from 1.
    pub(crate) ranks: [usize; SEATS],
    pub(crate) turns_won: [u32; SEATS],
    /// Rounds with an exact declaration above 0.
    pub(crate) perfect_rounds: [usize; SEATS],
    pub(crate) rounds: u32,
    pub(crate) duration_ms: u64,
}

impl RoomView {
    pub(crate) fn of(room: &Room, sight: &Sight) -> Self {
        let (game, settings) = (&room.game, &room.settings);
        let you = if let Sight::Seat(seat) = sight { Some(usize::from(*seat)) } else { None };
        let starts = !matches!(game.phase, Phase::Waiting | Phase::Preparation);
        Self {
            title: settings.title.clone(),
            mode: settings.mode,
            pace: settings.pace,
            private: settings.is_private,
            phase: game.phase,
            seats: std::array::from_fn(|seat| Some(SeatView::of(room, seat, room.seats[seat].as_ref()?, sight))),
            you: you.map(slot),
            round: game.round,
            multiplier: game.multiplier,
            starter: starts.then(|| slot(game.starter)),
            reason: starts.then_some(game.reason),
            awaited: publicly_awaited(game),
            until: (!matches!(game.phase, Phase::Waiting | Phase::GameOver)).then_some(game.wait.until),
            weak_hand: you.and_then(|seat| WeakHand::of(game, seat)),
            may_declare: you.map(|seat| game.may_declare(seat)).unwrap_or_default(),
            trick: TrickView::of(&game.trick, sight),
            tricks: game.tricks.iter().map(|trick| TrickView::of(trick, sight)).collect(),
            sheet: game.sheet.clone(),
            result: game.ended_at.map(|ended_at| GameResult::of(game, ended_at)),
            deals: if *sight == Sight::All { game.deals.clone() } else { vec![] },
            rematch: room.rematch.clone(),
        }
    }
}

/// When the holders of weak hands were asked.
fn asked_at(game: &Game) -> Time {
    Time(game.wait.until.since(Time(pace::DECIDE_WITHIN.as_millis() as u64)).as_millis() as u64)
}

/// That a hand is weak is its holder's secret: the others see only that the deal takes longer.
fn publicly_awaited(game: &Game) -> Vec<usize> {
    match game.phase {
        Phase::Preparation => vec![],
        _ => game.awaited().into_iter().map(slot).collect(),
    }
}

/// Whether this sight may see what this seat hides.
fn is_open(sight: &Sight, seat: usize) -> bool {
    matches!(sight, Sight::All) || *sight == Sight::Seat(seat as u16)
}

fn slot(seat: usize) -> usize {
    seat + 1
}

impl SeatView {
    fn of(room: &Room, seat: usize, sitter: &Sitter, sight: &Sight) -> Self {
        let game = &room.game;
        let level = if let Who::Bot { level } = sitter.who { Some(level) } else { None };
        Self {
            name: sitter.name.clone(),
            avatar: sitter.avatar,
            principal: sitter.principal().map(str::to_owned),
            level,
            away: sitter.gone().is_some(),
            host: sitter.principal().is_some() && sitter.principal() == room.host.as_deref(),
            hand_count: game.hands[seat].len(),
            hand: is_open(sight, seat).then(|| game.hands[seat].clone()),
            declared: game.declared[seat],
            piles: game.piles[seat],
            score: game.scores[seat],
        }
    }
}

impl WeakHand {
    fn of(game: &Game, seat: usize) -> Option<Self> {
        let is_asked = game.phase == Phase::Preparation && game.awaited().contains(&seat);
        is_asked
            .then(|| Self { warn_at: asked_at(game).after(pace::DECIDE_WARNING), next_multiplier: game.multiplier + 1 })
    }
}

impl TrickView {
    fn of(trick: &Trick, sight: &Sight) -> Self {
        let plays = trick.plays.iter().enumerate().map(|(place, pieces)| {
            let seat = trick.seat(place);
            let open = trick.is_flipped() || is_open(sight, seat);
            let kind = Set::of(pieces).filter(|_| open).map(|set| set.kind);
            PlayView { slot_id: slot(seat), pieces: open.then(|| pieces.clone()), kind }
        });
        Self {
            leader: slot(trick.leader),
            required: trick.required(),
            plays: plays.collect(),
            winner: trick.is_flipped().then(|| slot(trick.winner())),
        }
    }
}

impl GameResult {
    fn of(game: &Game, ended_at: Time) -> Self {
        let is_perfect =
            |row: &&RoundScore, seat: usize| row.declared[seat] > 0 && row.declared[seat] == row.piles[seat];
        Self {
            winners: game.winners.iter().copied().map(slot).collect(),
            ranks: ranks(&game.scores, &game.winners),
            turns_won: game.turns_won,
            perfect_rounds: std::array::from_fn(|seat| game.sheet.iter().filter(|row| is_perfect(row, seat)).count()),
            rounds: game.round,
            duration_ms: ended_at.since(game.started_at).as_millis() as u64,
        }
    }
}

/// The row that the lobby shows.
pub(crate) fn summary(room: &Room) -> Summary {
    let people: Vec<String> = room.seats.iter().flatten().filter_map(Sitter::principal).map(str::to_owned).collect();
    let status = match room.game.phase {
        Phase::Waiting => "waiting",
        Phase::GameOver => "over",
        _ => "playing",
    };
    // Rooms that still have seats for people come first, fullest among them first.
    let has_seats = room.game.phase == Phase::Waiting && people.len() < SEATS;
    let sort = if has_seats { people.len() as i64 } else { -1 };
    let (title, private) = (room.settings.title.clone(), room.settings.is_private);
    Summary { title, status: status.into(), members: people, sort, private }
}

/// What happened, without what is hidden from this sight. A trick's pieces are in the view once it is flipped, whoever played them.
pub(crate) fn reveal(event: &RoomEvent, sight: &Sight) -> Option<Value> {
    Some(match event {
        RoomEvent::Opened { settings, .. } => json!({ "type": "room_created", "title": settings.title }),
        RoomEvent::Seated { seat, sitter } => {
            json!({ "type": "player_joined", "slot_id": slot(*seat), "name": sitter.name })
        }
        RoomEvent::Unseated { seat } => json!({ "type": "player_left", "slot_id": slot(*seat) }),
        RoomEvent::WentAway { seat } | RoomEvent::LeftGame { seat } => {
            json!({ "type": "bot_took_over", "slot_id": slot(*seat) })
        }
        RoomEvent::CameBack { seat } => json!({ "type": "player_returned", "slot_id": slot(*seat) }),
        RoomEvent::Noticed { .. } | RoomEvent::HostWentAway {} | RoomEvent::HostCameBack {} => return None,
        RoomEvent::HostChanged { host } => json!({ "type": "host_changed", "principal": host }),
        RoomEvent::Closed {} => json!({ "type": "room_closed" }),
        RoomEvent::Started {} => json!({ "type": "game_started" }),
        RoomEvent::Game(event) => return reveal_game(event, sight),
        RoomEvent::Rematched { seat, room } => json!({ "type": "rematch", "slot_id": slot(*seat), "room": room }),
    })
}

fn reveal_game(event: &GameEvent, sight: &Sight) -> Option<Value> {
    let open = |seat: &usize| is_open(sight, *seat);
    Some(match event {
        GameEvent::Dealt { seed } if *sight == Sight::All => json!({ "type": "dealt", "seed": seed }),
        GameEvent::Dealt { .. } => json!({ "type": "dealt" }),
        GameEvent::Redealt { seed, accepter } if *sight == Sight::All => {
            json!({ "type": "redealt", "slot_id": slot(*accepter), "seed": seed })
        }
        GameEvent::Redealt { accepter, .. } => json!({ "type": "redealt", "slot_id": slot(*accepter) }),
        GameEvent::Decided { seat, accept } if open(seat) => {
            json!({ "type": "redeal_decided", "slot_id": slot(*seat), "accept": accept })
        }
        GameEvent::Asked { .. } | GameEvent::Decided { .. } => return None,
        GameEvent::RoundStarted { starter, reason } => {
            json!({ "type": "round_started", "starter": slot(*starter), "reason": reason })
        }
        GameEvent::Declared { seat, value } => json!({ "type": "declared", "slot_id": slot(*seat), "value": value }),
        GameEvent::Played { seat, pieces } if open(seat) => {
            json!({ "type": "played", "slot_id": slot(*seat), "count": pieces.len(), "pieces": pieces })
        }
        GameEvent::Played { seat, pieces } => {
            json!({ "type": "played", "slot_id": slot(*seat), "count": pieces.len() })
        }
        GameEvent::TurnResolved { winner } => json!({ "type": "turn_resolved", "winner": slot(*winner) }),
        GameEvent::RoundScored {} => json!({ "type": "round_complete" }),
        GameEvent::Ended { winners } => {
            json!({ "type": "game_ended", "winners": winners.iter().copied().map(slot).collect::<Vec<_>>() })
        }
        // Phases are what the view is about.
        GameEvent::Waits { .. } => return None,
    })
}
