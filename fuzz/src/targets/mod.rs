//! The targets. Each says in its first lines which properties hold for any bytes at all.

mod events;
mod frames;
mod history;
mod identity;
mod names;
mod patch;
mod people;
mod record;
mod rules;
mod said;
mod session;
pub(crate) mod stage;

pub use events::last_event_id;
pub use frames::{client_frame, server_frame};
pub use history::{history, import};
pub use identity::{key_file, token};
pub use names::{name, position};
pub use patch::patch;
pub use record::{record, snapshot};
pub use rules::{command, rules};
pub use session::session;
