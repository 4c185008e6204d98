//! What comes next in a game: each function says what happened and opens what follows.

use std::time::Duration;

use dormouse::prelude::*;

use crate::{
    bot,
    game::{GameEvent, Phase, Wait},
    pace,
    pieces::Piece,
    plays::{PLAY_PIECES_MAX, Set},
    room::{Room, RoomEvent},
    seats::Sitter,
};

type D<'a> = Draft<'a, Room>;

/// Begin a round.
pub(crate) fn deal(d: &mut D<'_>) {
    let seed = d.seed();
    say(d, GameEvent::Dealt { seed });
    pause(d, Phase::Preparation, pace::AFTER_DEAL);
}

fn redeal(d: &mut D<'_>, accepter: usize) {
    let seed = d.seed();
    say(d, GameEvent::Redealt { seed, accepter });
    pause(d, Phase::Preparation, pace::AFTER_REDEAL);
}

/// The pause of this phase is over.
pub(crate) fn go_on(d: &mut D<'_>) {
    match d.game().phase {
        Phase::Preparation => ask_the_weak(d),
        Phase::RoundStart => open(d, Phase::Declaration, pace::DECLARE_WITHIN),
        Phase::Turn => resolve(d),
        Phase::TurnResults if d.game().is_played_out() => score(d),
        Phase::TurnResults => open(d, Phase::Turn, pace::PLAY_WITHIN),
        Phase::Scoring => match d.game().outcome(d.settings.mode) {
            Some(winners) => say(d, GameEvent::Ended { winners }),
            None => deal(d),
        },
        Phase::Waiting | Phase::Declaration | Phase::GameOver => {}
    }
}

fn ask_the_weak(d: &mut D<'_>) {
    let seats = d.game().weak_seats();
    if seats.is_empty() {
        return start_round(d);
    }
    say(d, GameEvent::Asked { seats });
    open(d, Phase::Preparation, pace::DECIDE_WITHIN);
}

/// A weak hand's holder has decided; everybody who was asked is waited for.
pub(crate) fn decide(d: &mut D<'_>, seat: usize, accept: bool) -> Result<(), Rejection> {
    say(d, GameEvent::Decided { seat, accept });
    if d.game().awaited().is_empty() {
        match d.game().first_accepter() {
            Some(accepter) => redeal(d, accepter),
            None => start_round(d),
        }
    }
    Ok(())
}

fn start_round(d: &mut D<'_>) {
    let (starter, reason) = d.game().next_starter();
    say(d, GameEvent::RoundStarted { starter, reason });
    pause(d, Phase::RoundStart, pace::ROUND_START);
}

fn resolve(d: &mut D<'_>) {
    let winner = d.game().trick.winner();
    say(d, GameEvent::TurnResolved { winner });
    pause(d, Phase::TurnResults, pace::TURN_RESULTS);
}

fn score(d: &mut D<'_>) {
    say(d, GameEvent::RoundScored {});
    pause(d, Phase::Scoring, pace::SCORING);
}

/// Show something for a while.
fn pause(d: &mut D<'_>, phase: Phase, normal: Duration) {
    let until = d.now().after(d.settings.pace.pause(normal));
    say(d, GameEvent::Waits { phase, wait: Wait { until, bot_at: until } });
}

/// Wait for somebody.
fn open(d: &mut D<'_>, phase: Phase, within: Duration) {
    let thinking = d.settings.pace.thinking(&mut d.dice());
    let wait = Wait { until: d.now().after(within), bot_at: d.now().after(thinking) };
    say(d, GameEvent::Waits { phase, wait });
}

/// Bots have decided about their weak hands, if they had any; a wake that found none says so too.
pub(crate) fn wait_for_people(d: &mut D<'_>) {
    let (phase, until) = (d.game().phase, d.game().wait.until);
    if phase == Phase::Preparation && !d.game().awaited().is_empty() {
        say(d, GameEvent::Waits { phase, wait: Wait { until, bot_at: until } });
    }
}

fn say(d: &mut D<'_>, event: GameEvent) {
    d.emit(RoomEvent::Game(event));
}

/// A player declares.
pub(crate) fn declare(d: &mut D<'_>, seat: usize, value: u8) -> Result<(), Rejection> {
    let legal = d.game().may_declare(seat);
    if !legal.contains(&value) {
        return Err(Rejection::new("invalid_declaration", format!("You may declare one of {legal:?}.")));
    }
    say(d, GameEvent::Declared { seat, value });
    match d.game().awaited().is_empty() {
        true => open(d, Phase::Turn, pace::PLAY_WITHIN),
        false => open(d, Phase::Declaration, pace::DECLARE_WITHIN),
    }
    Ok(())
}

/// A player plays these places of their hand.
pub(crate) fn play(d: &mut D<'_>, seat: usize, indices: &[u8]) -> Result<(), Rejection> {
    let pieces = chosen(&d.game().hands[seat], indices)?;
    match d.game().trick.required() {
        None if Set::of(&pieces).is_none() => return Err(invalid("These make no valid set; a trick begins with one.")),
        Some(count) if count != pieces.len() => {
            return Err(invalid(format!("Everybody plays {count} in this trick, any pieces you like.")));
        }
        _ => {}
    }
    say(d, GameEvent::Played { seat, pieces });
    match d.game().trick.is_flipped() {
        true => pause(d, Phase::Turn, pace::FLIP),
        false => open(d, Phase::Turn, pace::PLAY_WITHIN),
    }
    Ok(())
}

fn chosen(hand: &[Piece], indices: &[u8]) -> Result<Vec<Piece>, Rejection> {
    let is_repeated = (1..indices.len()).any(|at| indices[..at].contains(&indices[at]));
    if indices.is_empty() || indices.len() > PLAY_PIECES_MAX || is_repeated {
        return Err(invalid("Choose 1 to 6 different pieces."));
    }
    let pieces = indices.iter().map(|at| hand.get(usize::from(*at)).copied());
    pieces.collect::<Option<_>>().ok_or_else(|| invalid(format!("Your hand has {} pieces; count from 0.", hand.len())))
}

fn invalid(message: impl Into<String>) -> Rejection {
    Rejection::new("invalid_play", message)
}

/// A bot acts for this awaited seat, on what that seat sees and nothing else, by the rules of everybody.
pub(crate) fn act(d: &mut D<'_>, seat: usize) -> Result<(), Rejection> {
    let view = d.view(&Sight::Seat(seat as u16));
    let level = d.seats[seat].as_ref().map(Sitter::level).unwrap_or_default();
    match d.game().phase {
        Phase::Declaration => declare(d, seat, bot::declares(&view, level)),
        Phase::Turn => play(d, seat, &bot::plays(&view, level)),
        // Whoever is away keeps their hand.
        _ => {
            let accept = d.is_bot(seat) && bot::accepts(&view, &mut d.dice());
            decide(d, seat, accept)
        }
    }
}
