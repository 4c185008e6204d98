//! `replay`: one actor, folded again from its first commit.

use std::process::ExitCode;

use dormouse_core::Sight;
use dormouse_engine::{LoadOptions, load};
use serde_json::{Value, json};

use super::{Problem, kind_of, open_existing, parse_actor, say};
use crate::app::{App, Replay};

pub(crate) async fn replay(app: &App, options: Replay) -> Result<ExitCode, Problem> {
    let address = parse_actor(&options.actor)?;
    let kind = kind_of(&app.kinds, &address)?;
    let store = open_existing(&options.data.data)?;
    let asked = LoadOptions { until: options.at_seq, from_start: true };
    let machine = load(&store, &kind, &address, asked).await?;
    store.close().await;
    if machine.head().seq == 0 {
        return Err(Problem::Usage(format!("there is no actor {address}")));
    }
    if let Some(seq) = options.at_seq.filter(|seq| *seq != machine.head().seq) {
        return Err(Problem::Usage(format!("{address} has no commit {seq}; its last is {}", machine.head().seq)));
    }
    let view = machine.view(&Sight::All).map_err(|failure| Problem::Usage(failure.to_string()))?;
    let view: Value = serde_json::from_slice(&view).unwrap_or_default();
    let (position, hash) = (machine.head().position(), machine.state_hash().to_string());
    let said = json!({
        "actor": address,
        "position": position,
        "time": machine.time(),
        "events": machine.events(),
        "state_hash": hash,
        "retired": machine.is_retired(),
        "view": view,
    });
    if options.json {
        say(said)?;
    } else {
        say(format_args!("{address} at {position}\nstate {hash}\n{view:#}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
