//! One room: four seats, and the game that they play.

#[cfg(test)]
mod properties;

use dormouse::prelude::*;

use crate::{
    flow,
    game::{Game, GameEvent, Phase},
    pace::Pace,
    pieces::SEATS,
    score::Mode,
    seats::{self, Level, Sitter, Who},
    view::RoomView,
};

/// A room.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Room {
    pub(crate) settings: Settings,
    /// The principal whose room it is.
    pub(crate) host: Option<String>,
    /// Since when the host, without a seat, does not watch.
    pub(crate) host_away: Option<Time>,
    pub(crate) seats: [Option<Sitter>; SEATS],
    pub(crate) game: Game,
    /// The room where these people play again.
    pub(crate) rematch: Option<String>,
    /// Nobody sees the room any more.
    pub(crate) is_closed: bool,
}

/// What stays the same for as long as the room is there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Settings {
    pub(crate) title: String,
    pub(crate) mode: Mode,
    pub(crate) pace: Pace,
    pub(crate) is_private: bool,
}

/// What a room is made with.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoomConfig {
    /// The host's name in slot 1; without one the host watches, and bots have all four seats.
    pub name: Option<String>,
    /// How well the bots play that fill the room.
    pub bots: Level,
    /// How the game is won.
    pub mode: Mode,
    /// How fast the presentation is.
    pub pace: Pace,
    /// In the lists of its players alone: others find it by its code.
    pub private: bool,
}

/// What people ask of a room.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs)]
pub enum RoomCommand {
    Join {
        name: String,
    },
    LeaveRoom {},
    AddBot {
        slot_id: u8,
        #[serde(default)]
        level: Level,
    },
    RemovePlayer {
        slot_id: u8,
    },
    StartGame {},
    RedealDecision {
        accept: bool,
    },
    Declare {
        value: u8,
    },
    Play {
        indices: Vec<u8>,
    },
    /// The game is over, and this new room is for another one.
    Rematch {
        room: String,
    },
}

/// What happened in a room. Seats count from 0 here, and from 1 to the outside.
///
/// `Noticed` is somebody who does not watch and said something: who has no seat is the host. `HostWentAway` is of a host without a seat.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum RoomEvent {
    Opened { settings: Settings, host: String },
    Seated { seat: usize, sitter: Sitter },
    Unseated { seat: usize },
    Noticed { seat: Option<usize> },
    WentAway { seat: usize },
    LeftGame { seat: usize },
    CameBack { seat: usize },
    HostWentAway {},
    HostCameBack {},
    HostChanged { host: String },
    Closed {},
    Started {},
    Game(GameEvent),
    Rematched { seat: usize, room: String },
}

impl Actor for Room {
    const KIND: &'static str = "liap-tui";
    const RULES: u32 = 1;
    type Config = RoomConfig;
    type Command = RoomCommand;
    type Event = RoomEvent;
    type View = RoomView;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Created { by, config } => open(draft, &by, config),
            Input::Command { by, command } => {
                command_of(draft, &by, command)?;
                seats::notice(draft, &by);
                Ok(())
            }
            Input::Wake { key } => woken(draft, &key),
            Input::Joined { who } => seats::back(draft, &who),
            Input::Left { who } => seats::lost(draft, &who),
            Input::Retire { by } if draft.is_host(&by) => Ok(()),
            Input::Retire { .. } => Err(Rejection::new("permission_denied", "Only the host ends a room.")),
            Input::Reported { .. } => Ok(()),
        }
    }

    fn evolve(&mut self, event: &RoomEvent, at: Moment) {
        match event {
            RoomEvent::Opened { settings, host } => {
                (self.settings, self.host) = (settings.clone(), Some(host.clone()));
                self.host_away = Some(at.time);
            }
            RoomEvent::Seated { seat, sitter } => self.seats[*seat] = Some(sitter.clone()),
            RoomEvent::Unseated { seat } => self.seats[*seat] = None,
            RoomEvent::WentAway { seat } => self.set_away(*seat, Some(at.time)),
            RoomEvent::LeftGame { seat } => self.set_left(*seat, Some(at.time)),
            RoomEvent::CameBack { seat } => {
                self.set_away(*seat, None);
                self.set_left(*seat, None);
            }
            RoomEvent::Noticed { seat: Some(seat) } => self.set_away(*seat, Some(at.time)),
            RoomEvent::Noticed { seat: None } | RoomEvent::HostWentAway {} => self.host_away = Some(at.time),
            RoomEvent::HostCameBack {} => self.host_away = None,
            RoomEvent::HostChanged { host } => self.host = Some(host.clone()),
            RoomEvent::Closed {} => self.is_closed = true,
            RoomEvent::Started {} => self.game = Game::new(at.time),
            RoomEvent::Game(event) => self.game.evolve(event, at),
            RoomEvent::Rematched { room, .. } => self.rematch = Some(room.clone()),
        }
    }

    /// A seat sees its own hand, everybody else none, and everybody all of them once the game is over.
    fn sight(&self, viewer: &Viewer) -> Sight {
        match self.seat_of(&viewer.principal.id) {
            _ if self.is_closed => Sight::Nothing,
            _ if self.game.phase == Phase::GameOver => Sight::All,
            Some(seat) => Sight::Seat(seat as u16),
            None => Sight::Public,
        }
    }

    fn view(&self, sight: &Sight) -> RoomView {
        RoomView::of(self, sight)
    }

    /// All pauses and deadlines. A wake acts on the state that it finds, so a late one acts once.
    fn agenda(&self) -> Agenda {
        if self.is_closed {
            return Agenda::default();
        }
        let agenda = self.absent_at().into_iter().fold(Agenda::default(), |agenda, at| agenda.wake(at, "absent"));
        let (awaited, wait) = (self.game.awaited(), self.game.wait);
        match self.game.phase {
            Phase::Waiting | Phase::GameOver => agenda,
            _ if awaited.is_empty() => agenda.wake(wait.until, "pause"),
            _ => {
                let bots = awaited.iter().filter(|seat| self.is_bot_played(**seat)).count();
                // Lists show when a room wakes, and whose hand is weak is a secret: it wakes at a bot's pace whoever was asked.
                let is_secret = self.game.phase == Phase::Preparation && wait.bot_at < wait.until;
                let agenda = if bots > 0 || is_secret { agenda.wake(wait.bot_at, "bot") } else { agenda };
                if bots < awaited.len() { agenda.wake(wait.until, "deadline") } else { agenda }
            }
        }
    }

    fn reveal(&self, event: &RoomEvent, sight: &Sight) -> Option<Value> {
        crate::view::reveal(event, sight)
    }

    fn summary(&self) -> Option<Summary> {
        (!self.is_closed).then(|| crate::view::summary(self))
    }
}

impl Room {
    pub(crate) fn game(&self) -> &Game {
        &self.game
    }

    fn set_left(&mut self, seat: usize, since: Option<Time>) {
        if let Some(Sitter { who: Who::Human { left, .. }, .. }) = &mut self.seats[seat] {
            *left = since;
        }
    }

    fn set_away(&mut self, seat: usize, since: Option<Time>) {
        if let Some(Sitter { who: Who::Human { away, .. }, .. }) = &mut self.seats[seat] {
            *away = since;
        }
    }
}

/// A room is born full: bots have every seat that the host does not take.
fn open(draft: &mut Draft<'_, Room>, by: &Viewer, config: RoomConfig) -> Result<(), Rejection> {
    let name = config.name.as_deref().map(seats::checked).transpose()?;
    let title = name.as_ref().map_or_else(|| "A table of bots".to_owned(), |name| format!("{name}'s table"));
    let settings = Settings { title, mode: config.mode, pace: config.pace, is_private: config.private };
    draft.emit(RoomEvent::Opened { settings, host: by.principal.id.clone() });
    let first_bot = usize::from(name.is_some());
    if let Some(name) = name {
        seats::sit(draft, 0, name, by);
    }
    for seat in first_bot..SEATS {
        seats::seat_bot(draft, seat, config.bots);
    }
    Ok(())
}

fn command_of(draft: &mut Draft<'_, Room>, by: &Viewer, command: RoomCommand) -> Result<(), Rejection> {
    match command {
        RoomCommand::Join { name } => seats::join(draft, by, &name),
        RoomCommand::LeaveRoom {} => seats::leave(draft, by),
        RoomCommand::AddBot { slot_id, level } => seats::add_bot(draft, by, slot_id, level),
        RoomCommand::RemovePlayer { slot_id } => seats::remove(draft, by, slot_id),
        RoomCommand::StartGame {} => seats::start(draft, by),
        RoomCommand::RedealDecision { accept } => {
            let seat = on_turn(draft, by, Phase::Preparation)?;
            flow::decide(draft, seat, accept)
        }
        RoomCommand::Declare { value } => {
            let seat = on_turn(draft, by, Phase::Declaration)?;
            flow::declare(draft, seat, value)
        }
        RoomCommand::Play { indices } => {
            let seat = on_turn(draft, by, Phase::Turn)?;
            flow::play(draft, seat, &indices)
        }
        RoomCommand::Rematch { room } => seats::rematch(draft, by, room),
    }
}

/// The sender's seat, if the game waits for it in this phase and in time.
fn on_turn(draft: &Draft<'_, Room>, by: &Viewer, phase: Phase) -> Result<usize, Rejection> {
    let seat = draft.seat_of(&by.principal.id);
    let seat = seat.ok_or_else(|| Rejection::new("permission_denied", "You watch; only seats play."))?;
    if draft.is_bot_played(seat) {
        return Err(Rejection::new(
            "seat_left",
            "A bot plays for you. Watch the room, or join again if you left it, to take your seat back.",
        ));
    }
    if draft.game.phase != phase || !draft.game.awaited().contains(&seat) {
        return Err(Rejection::new("not_your_turn", "The game does not wait for that from you now."));
    }
    if draft.now() >= draft.game.wait.until {
        return Err(Rejection::new("too_late", "The time for that is over."));
    }
    Ok(seat)
}

fn woken(draft: &mut Draft<'_, Room>, key: &str) -> Result<(), Rejection> {
    match key {
        "absent" => seats::give_up(draft),
        "pause" => flow::go_on(draft),
        _ => return act_for_awaited(draft, key == "bot"),
    }
    Ok(())
}

/// Bots act for the seats that they play, or, at the deadline, for those whose players let it pass.
fn act_for_awaited(draft: &mut Draft<'_, Room>, bots: bool) -> Result<(), Rejection> {
    let awaited = draft.game.awaited();
    let due: Vec<usize> = awaited.into_iter().filter(|seat| draft.is_bot_played(*seat) == bots).collect();
    due.into_iter().try_for_each(|seat| flow::act(draft, seat))?;
    if bots {
        flow::wait_for_people(draft);
    }
    Ok(())
}
