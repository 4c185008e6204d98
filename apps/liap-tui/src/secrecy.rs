//! What a sight may not know of a room: the others' pieces, what they have played face down, who of them was asked about a weak hand, and
//! how a deal was drawn. Once the game is over nothing is hidden.

use dormouse::{Hides, prelude::*};

use crate::{
    Room, RoomEvent,
    game::{Game, GameEvent},
    pieces::{Piece, SEATS},
};

impl Hides for Room {
    fn permute(&mut self, sight: &Sight, dice: &mut Dice) {
        if *sight == Sight::All {
            return;
        }
        self.game.exchange_pieces(sight, dice);
        for deal in &mut self.game.deals {
            deal.seed = any_seed(dice);
        }
        self.game.exchange_asked(hidden_seats(sight).collect(), dice);
    }

    fn permute_event(event: &mut RoomEvent, sight: &Sight, dice: &mut Dice) {
        let RoomEvent::Game(event) = event else { return };
        let is_hidden = |seat: &usize| hidden_seats(sight).any(|hidden| hidden == *seat);
        match event {
            GameEvent::Dealt { seed } | GameEvent::Redealt { seed, .. } if *sight != Sight::All => {
                *seed = any_seed(dice);
            }
            GameEvent::Asked { seats } => seats.retain(|seat| !is_hidden(seat)),
            GameEvent::Decided { seat, accept } if is_hidden(seat) => *accept = !*accept,
            GameEvent::Played { seat, pieces } if is_hidden(seat) => {
                pieces.fill_with(|| Piece::ALL[dice.below(Piece::ALL.len() as u64) as usize]);
            }
            _ => {}
        }
    }
}

/// Whose pieces this sight may not see.
fn hidden_seats(sight: &Sight) -> impl Iterator<Item = usize> {
    (0..SEATS).filter(|seat| *sight != Sight::All && *sight != Sight::Seat(*seat as u16))
}

fn any_seed(dice: &mut Dice) -> Seed {
    let bits: [[u8; 8]; 4] = std::array::from_fn(|_| dice.bits().to_le_bytes());
    Seed(bits.as_flattened().try_into().expect("32 bytes"))
}

impl Game {
    /// Everything that is hidden is one heap, from which all get as many pieces as they had.
    fn exchange_pieces(&mut self, sight: &Sight, dice: &mut Dice) {
        let mut places: Vec<&mut Vec<Piece>> = vec![];
        let (leader, is_flipped) = (self.trick.leader, self.trick.is_flipped());
        let is_hidden = |seat: usize| hidden_seats(sight).any(|hidden| hidden == seat);
        places.extend(self.hands.iter_mut().enumerate().filter(|(seat, _)| is_hidden(*seat)).map(|(_, hand)| hand));
        let plays = self.trick.plays.iter_mut().enumerate();
        places.extend(plays.filter(|(at, _)| !is_flipped && is_hidden((leader + at) % SEATS)).map(|(_, play)| play));
        let mut heap: Vec<Piece> = places.iter().flat_map(|place| place.iter().copied()).collect();
        dice.shuffle(&mut heap);
        for place in places {
            *place = heap.split_off(heap.len() - place.len());
            place.sort_by(|a, b| b.cmp(a));
        }
    }

    /// Who of these was asked, and said what, is exchanged among them.
    fn exchange_asked(&mut self, among: Vec<usize>, dice: &mut Dice) {
        let mut others = among.clone();
        dice.shuffle(&mut others);
        let asked: Vec<_> = among.iter().map(|seat| self.asked.remove(seat)).collect();
        for (seat, said) in others.into_iter().zip(asked) {
            if let Some(said) = said {
                self.asked.insert(seat, said);
            }
        }
    }
}
