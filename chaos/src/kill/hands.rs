//! Clients that add things, and what they were told.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use dormouse_client::{Client, Fault, Status};
use dormouse_core::Dice;
use serde_json::json;
use tokio::task::JoinHandle;

use super::{LISTS, PER_LIST, Stage, handle, lock};
use crate::{Broken, PATIENCE, client, dice};

const HANDS: u64 = 4;

/// One client and those who give it commands.
pub(super) struct Worker {
    pub(super) client: Client,
    hands: Vec<JoinHandle<Result<(), Broken>>>,
}

impl Worker {
    pub(super) fn start(stage: &Arc<Stage>, seed: u64) -> Result<Self, Broken> {
        let client = client(&stage.url)?;
        let hands = (0..HANDS).map(|hand| tokio::spawn(work(stage.clone(), client.clone(), dice(seed * 100 + hand))));
        Ok(Self { hands: hands.collect(), client })
    }

    /// Until everything it began is answered.
    pub(super) async fn finish(self) -> Result<(), Broken> {
        for hand in self.hands {
            let done = tokio::time::timeout(PATIENCE, hand).await;
            done.map_err(|_| Broken(format!("commands wait for ever: {:?}", self.client)))???;
        }
        Ok(())
    }

    pub(super) async fn leave(self) -> Result<(), Broken> {
        self.client.close().await;
        self.finish().await
    }
}

async fn work(stage: Arc<Stage>, client: Client, mut random: Dice) -> Result<(), Broken> {
    while !stage.over.load(Ordering::Relaxed) {
        let list = lock(&stage.open)[random.below(LISTS as u64) as usize].clone();
        if list.begun.fetch_add(1, Ordering::Relaxed) >= PER_LIST + 50 {
            if *client.status().borrow() == Status::Closed {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        let title = format!("thing {}", stage.titles.fetch_add(1, Ordering::Relaxed));
        let sent = handle(&client, &list)?.send(&json!({ "type": "add_todo", "title": title })).await;
        let mut promises = lock(&stage.promises);
        match sent {
            Ok(accepted) => {
                promises.again += u64::from(accepted.again);
                promises.acknowledged.insert(title, (list.id.clone(), accepted.position));
            }
            Err(Fault { name, .. }) if name == "closed" => {
                promises.unknown += 1;
                return Ok(());
            }
            Err(fault) => return Err(Broken(format!("{title}: {fault:?}"))),
        }
    }
    Ok(())
}
