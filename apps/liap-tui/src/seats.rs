//! Who sits where: joining, leaving, what the host may do, and bots that take seats over.

use dormouse::prelude::*;

use crate::{
    flow,
    game::Phase,
    pace,
    pieces::SEATS,
    room::{Room, RoomEvent},
};

/// Characters of a player's name, after trimming.
pub const NAME_CHARS_MAX: usize = 50;
/// Bytes of a room's id.
const ROOM_ID_BYTES_MAX: usize = 64;

/// How well a bot plays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Greedy: the highest set that it has.
    #[default]
    Easy,
    /// Aims at what it declared.
    Hard,
}

/// Who holds a seat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sitter {
    pub(crate) name: String,
    /// One of eight colours.
    pub(crate) avatar: u8,
    pub(crate) who: Who,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Who {
    Bot {
        level: Level,
    },
    /// A principal. Its token is the seat's: whoever shows it comes back to this seat, however late.
    Human {
        id: String,
        /// Since when they do not watch the room. Only the engine knows when they do: a command over HTTP says nothing of it.
        away: Option<Time>,
        /// When they left the game; they may watch all the same.
        left: Option<Time>,
        /// The bot that made room for them, and takes the seat again if they go before the start.
        displaced: Option<Level>,
    },
}

impl Sitter {
    /// How a bot plays here. It aims at what an absent player declared.
    pub(crate) fn level(&self) -> Level {
        match self.who {
            Who::Bot { level } => level,
            Who::Human { .. } => Level::Hard,
        }
    }

    pub(crate) fn principal(&self) -> Option<&str> {
        match &self.who {
            Who::Bot { .. } => None,
            Who::Human { id, .. } => Some(id),
        }
    }

    /// Since when a player is not at the table, whatever the reason.
    pub(crate) fn gone(&self) -> Option<Time> {
        match self.who {
            Who::Bot { .. } => None,
            Who::Human { away, left, .. } => [away, left].into_iter().flatten().min(),
        }
    }

    pub(crate) fn is_present_human(&self) -> bool {
        self.principal().is_some() && self.gone().is_none()
    }

    fn displaced(&self) -> Option<Level> {
        match self.who {
            Who::Bot { .. } => None,
            Who::Human { displaced, .. } => displaced,
        }
    }

    fn watches(&self) -> bool {
        matches!(self.who, Who::Human { away: None, .. })
    }
}

impl Room {
    pub(crate) fn seat_of(&self, principal: &str) -> Option<usize> {
        self.seats.iter().position(|sitter| sitter.as_ref().and_then(Sitter::principal) == Some(principal))
    }

    pub(crate) fn is_bot(&self, seat: usize) -> bool {
        self.seats[seat].as_ref().is_some_and(|sitter| sitter.principal().is_none())
    }

    /// Whether a bot acts for this seat now: its own, or one that stands in for somebody away.
    pub(crate) fn is_bot_played(&self, seat: usize) -> bool {
        !self.seats[seat].as_ref().is_some_and(Sitter::is_present_human)
    }

    pub(crate) fn is_host(&self, by: &Viewer) -> bool {
        self.host.as_ref() == Some(&by.principal.id)
    }

    fn present_human(&self) -> Option<&str> {
        self.seats.iter().flatten().find(|sitter| sitter.is_present_human()).and_then(Sitter::principal)
    }

    /// Since when a host without a seat does not watch.
    fn host_gone(&self) -> Option<Time> {
        let has_seat = self.host.as_ref().is_some_and(|host| self.seat_of(host).is_some());
        self.host_away.filter(|_| !has_seat)
    }

    /// When somebody's absence has lasted long enough to matter: of anybody before the start, of everybody in a game.
    pub(crate) fn absent_at(&self) -> Option<Time> {
        let away = self.seats.iter().flatten().filter_map(Sitter::gone);
        let since = match self.game().phase {
            Phase::GameOver => None,
            Phase::Waiting => away.chain(self.host_gone()).min(),
            _ if self.present_human().is_some() => None,
            _ => away.max(),
        };
        since.map(|since| since.after(pace::ABSENT))
    }

    fn bot_name(&self, seat: usize) -> String {
        let taken = |name: &String| self.names().any(|(at, other)| at != seat && other == name);
        (seat + 1..).step_by(SEATS).map(|n| format!("Bot {n}")).find(|name| !taken(name)).expect("four seats")
    }

    fn names(&self) -> impl Iterator<Item = (usize, &String)> {
        self.seats.iter().enumerate().filter_map(|(at, sitter)| Some((at, &sitter.as_ref()?.name)))
    }

    /// The first of the eight colours that nobody else at the table has.
    fn free_avatar(&self, seat: usize) -> u8 {
        let others = || self.seats.iter().enumerate().filter(|(at, _)| *at != seat).filter_map(|(_, s)| s.as_ref());
        (0..8).find(|avatar| others().all(|other| other.avatar != *avatar)).unwrap_or_default()
    }
}

/// Somebody takes a seat, or comes back to theirs.
pub(crate) fn join(d: &mut Draft<'_, Room>, by: &Viewer, name: &str) -> Result<(), Rejection> {
    if let Some(seat) = d.seat_of(&by.principal.id) {
        let sitter = d.seats[seat].as_ref();
        return match sitter.is_some_and(Sitter::watches) && d.is_bot_played(seat) {
            true => back(d, by),
            false => {
                Err(Rejection::new("already_seated", "You have a seat here already; watch the room to play from it."))
            }
        };
    }
    waiting(d)?;
    let name = checked(name)?;
    if d.names().any(|(_, other)| text::folded(other) == text::folded(&name)) {
        return Err(Rejection::new("name_taken", "Somebody here has this name; choose another one."));
    }
    let empty = d.seats.iter().position(Option::is_none);
    let seat = empty.or_else(|| (0..SEATS).find(|seat| d.is_bot(*seat)));
    let seat = seat.ok_or_else(|| Rejection::new("room_full", "Four people sit here already; you may watch."))?;
    sit(d, seat, name, by);
    Ok(())
}

/// Whoever watches is back at once: what they see is another table from here.
pub(crate) fn sit(d: &mut Draft<'_, Room>, seat: usize, name: String, by: &Viewer) {
    let (avatar, id, away) = (d.free_avatar(seat), by.principal.id.clone(), Some(d.now()));
    let displaced = d.seats[seat].as_ref().map(Sitter::level);
    d.emit(RoomEvent::Seated {
        seat,
        sitter: Sitter { name, avatar, who: Who::Human { id, away, left: None, displaced } },
    });
}

pub(crate) fn seat_bot(d: &mut Draft<'_, Room>, seat: usize, level: Level) {
    let (name, avatar) = (d.bot_name(seat), d.free_avatar(seat));
    d.emit(RoomEvent::Seated { seat, sitter: Sitter { name, avatar, who: Who::Bot { level } } });
}

/// The host fills an empty seat with a bot, or exchanges one.
pub(crate) fn add_bot(d: &mut Draft<'_, Room>, by: &Viewer, slot_id: u8, level: Level) -> Result<(), Rejection> {
    let seat = hosted_seat(d, by, slot_id)?;
    if d.seats[seat].is_some() && !d.is_bot(seat) {
        return Err(Rejection::new("seat_taken", "A player sits there; remove them first."));
    }
    seat_bot(d, seat, level);
    Ok(())
}

/// The host empties a seat.
pub(crate) fn remove(d: &mut Draft<'_, Room>, by: &Viewer, slot_id: u8) -> Result<(), Rejection> {
    let seat = hosted_seat(d, by, slot_id)?;
    match &d.seats[seat] {
        None => Err(Rejection::new("seat_empty", "Nobody sits there.")),
        Some(sitter) if sitter.principal() == Some(&by.principal.id) => {
            Err(Rejection::new("permission_denied", "To go yourself, leave the room; that closes it."))
        }
        Some(_) => {
            d.emit(RoomEvent::Unseated { seat });
            Ok(())
        }
    }
}

fn hosted_seat(d: &Draft<'_, Room>, by: &Viewer, slot_id: u8) -> Result<usize, Rejection> {
    hosting(d, by)?;
    waiting(d)?;
    let seat = usize::from(slot_id).checked_sub(1).filter(|seat| *seat < SEATS);
    seat.ok_or_else(|| Rejection::new("no_such_slot", "Slots are 1 to 4."))
}

/// The host begins the game.
pub(crate) fn start(d: &mut Draft<'_, Room>, by: &Viewer) -> Result<(), Rejection> {
    hosting(d, by)?;
    waiting(d)?;
    if d.seats.iter().any(Option::is_none) {
        return Err(Rejection::new("not_enough_players", "Four seats must be filled; bots may fill them."));
    }
    d.emit(RoomEvent::Started {});
    flow::deal(d);
    Ok(())
}

fn hosting(d: &Draft<'_, Room>, by: &Viewer) -> Result<(), Rejection> {
    match d.is_host(by) {
        true => Ok(()),
        false => Err(Rejection::new("permission_denied", "Only the host does that.")),
    }
}

fn waiting(d: &Draft<'_, Room>) -> Result<(), Rejection> {
    match d.game().phase {
        Phase::Waiting => Ok(()),
        _ => Err(Rejection::new("game_already_started", "The game has begun; you may watch.")),
    }
}

/// Somebody leaves on purpose. Before the start the seat is free, and the host's leaving closes the room; later a bot plays on.
pub(crate) fn leave(d: &mut Draft<'_, Room>, by: &Viewer) -> Result<(), Rejection> {
    let seat = d.seat_of(&by.principal.id);
    match (d.game().phase, seat) {
        (Phase::Waiting, _) if d.is_host(by) => d.emit(RoomEvent::Closed {}),
        (_, None) => return Err(Rejection::new("not_seated", "You have no seat here.")),
        (Phase::Waiting, Some(seat)) => vacate(d, seat),
        (_, Some(seat)) if d.is_bot_played(seat) => {
            return Err(Rejection::new("seat_left", "A bot plays for you already."));
        }
        (_, Some(seat)) => go_away(d, seat, RoomEvent::LeftGame { seat })?,
    }
    Ok(())
}

/// Somebody's last connection is gone.
pub(crate) fn lost(d: &mut Draft<'_, Room>, who: &Viewer) -> Result<(), Rejection> {
    match d.seat_of(&who.principal.id) {
        Some(seat) => return go_away(d, seat, RoomEvent::WentAway { seat }),
        None if d.is_host(who) => d.emit(RoomEvent::HostWentAway {}),
        None => return Ok(()),
    }
    find_host(d);
    Ok(())
}

/// A bot takes the seat at once, and a weak hand is kept.
fn go_away(d: &mut Draft<'_, Room>, seat: usize, how: RoomEvent) -> Result<(), Rejection> {
    d.emit(how);
    if d.game().phase == Phase::Preparation && d.game().awaited().contains(&seat) {
        flow::decide(d, seat, false)?;
    }
    find_host(d);
    Ok(())
}

/// In a game somebody present is the host, if anybody is.
fn find_host(d: &mut Draft<'_, Room>) {
    let seat = d.host.as_ref().and_then(|host| d.seat_of(host));
    let is_there = seat.map_or(d.host_away.is_none(), |seat| !d.is_bot_played(seat));
    if d.game().phase != Phase::Waiting
        && !is_there
        && let Some(next) = d.present_human().map(str::to_owned)
    {
        d.emit(RoomEvent::HostChanged { host: next });
    }
}

/// Somebody watches again. Recorded even if nobody missed them, so that the engine can tell when they have gone.
pub(crate) fn back(d: &mut Draft<'_, Room>, who: &Viewer) -> Result<(), Rejection> {
    match d.seat_of(&who.principal.id) {
        Some(seat) => d.emit(RoomEvent::CameBack { seat }),
        None if d.is_host(who) => d.emit(RoomEvent::HostCameBack {}),
        None => {}
    }
    find_host(d);
    Ok(())
}

/// Before the start, who does not watch is there for a while after whatever they say.
pub(crate) fn notice(d: &mut Draft<'_, Room>, by: &Viewer) {
    let seat = d.seat_of(&by.principal.id);
    let is_missed = seat.is_some_and(|seat| d.is_bot_played(seat)) || (d.is_host(by) && d.host_gone().is_some());
    if d.game().phase == Phase::Waiting && is_missed && !d.is_closed {
        d.emit(RoomEvent::Noticed { seat });
    }
}

/// Somebody was away for too long: an abandoned game closes, and before the start a seat becomes free.
pub(crate) fn give_up(d: &mut Draft<'_, Room>) {
    let due = |sitter: &Sitter| sitter.gone().is_some_and(|since| since.after(pace::ABSENT) <= d.now());
    let seats: Vec<usize> = (0..SEATS).filter(|seat| d.seats[*seat].as_ref().is_some_and(due)).collect();
    let is_host = |seat: &usize| d.seats[*seat].as_ref().and_then(Sitter::principal) == d.host.as_deref();
    let host_gone = d.host_gone().is_some_and(|since| since.after(pace::ABSENT) <= d.now());
    if d.game().phase != Phase::Waiting || host_gone || seats.iter().any(is_host) {
        return d.emit(RoomEvent::Closed {});
    }
    for seat in seats {
        vacate(d, seat);
    }
}

/// A player goes before the start. The table is as full as before they came, so that nobody can keep a game from beginning.
fn vacate(d: &mut Draft<'_, Room>, seat: usize) {
    let displaced = d.seats[seat].as_ref().and_then(Sitter::displaced);
    d.emit(RoomEvent::Unseated { seat });
    if let Some(level) = displaced {
        seat_bot(d, seat, level);
    }
}

/// A player names the room of the next game, once: this room keeps its record and its open hands.
pub(crate) fn rematch(d: &mut Draft<'_, Room>, by: &Viewer, room: String) -> Result<(), Rejection> {
    let seat = d.seat_of(&by.principal.id);
    let seat = seat.ok_or_else(|| Rejection::new("permission_denied", "You watch; a player asks for a rematch."))?;
    if d.game().phase != Phase::GameOver {
        return Err(Rejection::new("game_not_over", "A rematch follows the end of this game."));
    }
    if let Some(room) = &d.rematch {
        return Err(Rejection::new("rematch_stands", format!("The rematch is in room {room} already; join there.")));
    }
    if !is_id(&room) {
        return Err(Rejection::new("invalid_room", "A room's id is 1 to 64 of A-Z, a-z, 0-9, _ and -."));
    }
    d.emit(RoomEvent::Rematched { seat, room });
    Ok(())
}

/// Whether an actor may be called so.
fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=ROOM_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// A name as it is shown.
pub(crate) fn checked(name: &str) -> Result<String, Rejection> {
    text::line(name, NAME_CHARS_MAX).map(str::to_owned).map_err(|why| {
        let code = match why {
            NotALine::Empty => "empty_name",
            NotALine::TooLong { .. } => "name_too_long",
            NotALine::Unprintable(_) => "bad_name",
        };
        Rejection::new(code, why.to_string())
    })
}
