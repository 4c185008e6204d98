//! What must hold once everything has come to rest: the journal against what every player was promised and heard.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dormouse_core::{Address, Kind};
use dormouse_engine::{Engine, LoadOptions, load};
use dormouse_journal::MemoryStore;
use serde_json::Value;

use crate::{
    audit::{Audit, Found, Story},
    client::Player,
    play::viewer,
    rules::Ledger,
};

/// What came of everything.
#[derive(Default)]
pub struct Sum {
    pub acknowledged: u64,
    /// Commands of which their client could not know what became of them.
    pub unknown: u64,
}

/// Hold the journal against what every player was promised and heard, and every host against the journal.
pub async fn check(audit: &mut Audit, store: &MemoryStore, hosts: &[&Engine], players: &mut [Player]) -> Sum {
    let (stories, found) = (&audit.stories, &mut audit.found);
    for (address, story) in stories {
        story.end(address, found);
        replayed(store, hosts, address, found).await;
    }
    let mut sum = Sum::default();
    for player in players.iter_mut() {
        std::mem::take(&mut player.violations).into_iter().for_each(|violation| found.must(false, || violation));
        promises(player, stories, found, &mut sum);
        heard(player, stories, found);
        shown(player, hosts[0], found).await;
    }
    in_order(players, found);
    sum
}

/// SNAPSHOT-PURE and REPLAY-EQUAL: from the first commit and from the snapshot the same comes out, and every host shows that.
async fn replayed(store: &MemoryStore, hosts: &[&Engine], address: &Address, found: &mut Found) {
    let kind = Arc::new(Kind::of::<Ledger>());
    let from_start = load(store, &kind, address, LoadOptions { from_start: true, until: None }).await;
    let from_snapshot = load(store, &kind, address, LoadOptions::default()).await;
    let (replayed, restored) = match (from_start, from_snapshot) {
        (Ok(replayed), Ok(restored)) => (replayed, restored),
        (Err(error), _) | (_, Err(error)) => return found.must(false, || format!("CHAIN-OK: {address}: {error}")),
    };
    let is_same = replayed.state_hash() == restored.state_hash();
    found.must(is_same && replayed.snapshot() == restored.snapshot(), || format!("SNAPSHOT-PURE: {address}"));
    for host in hosts {
        match host.look(address, &viewer(0)).await {
            Ok(looked) => {
                let view = replayed.view(&looked.sight).ok();
                let is_same = view.as_deref() == Some(&*looked.view);
                found.must(is_same, || format!("REPLAY-EQUAL: a host shows another {address}"));
            }
            Err(failure) => found.must(false, || format!("LIVE-AFTER-HEAL: a host cannot show {address}: {failure}")),
        }
    }
}

fn address(player: &Player, actor: &str) -> Address {
    let tenant = player.tenant.parse().expect("a name");
    Address::in_tenant(&tenant, actor).expect("a name")
}

/// ACK-DURABLE and NO-PHANTOM: what was accepted is where its answer says, and what was refused is nowhere.
fn promises(player: &Player, stories: &BTreeMap<Address, Story>, found: &mut Found, sum: &mut Sum) {
    for (what, sent) in &player.sent {
        let address = address(player, &sent.actor);
        let Some(story) = stories.get(&address) else { continue };
        let at = story.at.get(what).copied();
        match &sent.answered {
            Some((_, Ok(position))) => {
                sum.acknowledged += 1;
                // What came after the copy that was restored is lost, and only that.
                found.must(at == Some(position.seq) || story.lost.contains(what), || {
                    format!("ACK-DURABLE: {what} of {address} is at {at:?}, not at {position}")
                });
            }
            // The client says itself that it cannot know; of an id that is too old the host does.
            Some((_, Err(name))) if matches!(name.as_str(), "unknown_outcome" | "unknown_command_age") => {
                sum.unknown += 1
            }
            Some((_, Err(name))) => {
                found.must(at.is_none(), || {
                    format!("NO-PHANTOM: {what} of {address} was refused ({name}) and is at {at:?}")
                });
            }
            // Its client was gone when the answer came.
            None => {}
        }
    }
}

/// RESUME-EXACT: over all drops every player heard each event of the journal once.
fn heard(player: &Player, stories: &BTreeMap<Address, Story>, found: &mut Found) {
    for actor in &player.actors {
        let Some(story) = stories.get(&address(player, actor)) else { continue };
        let Some(heard) = player.heard.get(actor) else {
            found.must(false, || format!("LIVE-AFTER-HEAL: player {} heard nothing of {actor}", player.index));
            continue;
        };
        found.must(heard.ended.is_none(), || format!("LIVE-AFTER-HEAL: {actor} ended: {:?}", heard.ended));
        found.must(heard.resets == 0 || story.fences > 0, || {
            format!("RESUME-EXACT: {actor} was reset {} times for player {}", heard.resets, player.index)
        });
        let all = &story.told[player.seat];
        found.must(heard.told == *all, || {
            let told = &heard.told;
            let first = told.iter().zip(all).position(|(a, b)| a != b).unwrap_or(told.len().min(all.len()));
            let (who, count, of) = (player.index, told.len(), all.len());
            let (a, b) = (told.get(first), all.get(first));
            format!(
                "RESUME-EXACT: player {who} heard {count} of {of} events of {actor}; they part at {first}: {a:?}, {b:?}"
            )
        });
    }
}

/// RESUME-EXACT: what each player holds after all its drops is what a fresh look shows.
async fn shown(player: &Player, host: &Engine, found: &mut Found) {
    for actor in &player.actors {
        let address = address(player, actor);
        let looked = host.look(&address, &viewer(player.seat)).await;
        let view: Option<Value> = looked.ok().and_then(|it| serde_json::from_slice(&it.view).ok());
        let held = player.heard.get(actor).and_then(|heard| heard.view.as_ref()).map(|(_, view)| view);
        found.must(held == view.as_ref(), || {
            format!("RESUME-EXACT: player {} holds {held:?} of {address}, which is {view:?}", player.index)
        });
    }
}

/// CAS-LINEAR: what was begun after another command of the actor had been answered comes after it. Since answers tell the order, that is
/// the whole of linearizability.
fn in_order(players: &[Player], found: &mut Found) {
    /// When it was begun and answered, and the commit that it is.
    type Span = (Duration, Duration, (u32, u64));
    let mut by_actor: BTreeMap<(&str, &str), Vec<Span>> = BTreeMap::new();
    for player in players {
        for sent in player.sent.values() {
            if let Some((answered, Ok(position))) = &sent.answered {
                let place = (position.epoch, position.seq);
                by_actor.entry((player.tenant, &sent.actor)).or_default().push((sent.begun, *answered, place));
            }
        }
    }
    for ((tenant, actor), mut answers) in by_actor {
        answers.sort_unstable_by_key(|(begun, ..)| *begun);
        let mut by_end: Vec<_> = answers.iter().map(|(_, answered, place)| (*answered, *place)).collect();
        by_end.sort_unstable();
        let (mut ended, mut newest) = (0, (0, 0));
        for (begun, _, place) in answers {
            while let Some((_, of)) = by_end.get(ended).filter(|(answered, _)| *answered < begun) {
                newest = newest.max(*of);
                ended += 1;
            }
            found.must(place > newest, || {
                format!("CAS-LINEAR: {tenant}/{actor}: commit {place:?} was begun after {newest:?} was answered")
            });
        }
    }
}
