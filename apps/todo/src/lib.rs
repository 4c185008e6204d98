//! A shared todo list: whoever has the link may change it, everybody sees it live.

use std::collections::BTreeMap;

use dormouse::prelude::*;

/// Characters of a title, after trimming: one line on a phone and then some.
pub const TITLE_CHARS_MAX: usize = 200;
/// Things on one list: a view of all of them still fits the limit of a view.
pub const ITEMS_MAX: usize = 500;

/// The list.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct TodoList {
    title: String,
    items: BTreeMap<u32, Item>,
    added: u32,
}

/// One thing to do.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    title: String,
    done: bool,
    by: Principal,
    created_at: Time,
}

/// What a list is made with.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TodoConfig {
    /// What to call it; "Todo list" if absent.
    title: Option<String>,
}

/// What people ask of a list.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs)]
pub enum TodoCommand {
    AddTodo { title: String },
    UpdateTodo { id: String, title: String },
    ToggleTodo { id: String },
    DeleteTodo { id: String },
    ClearCompleted {},
    RenameList { title: String },
}

/// What happened to a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum TodoEvent {
    ListRenamed { title: String },
    TodoAdded { id: u32, title: String, by: Principal },
    TodoRenamed { id: u32, title: String },
    TodoToggled { id: u32, done: bool },
    TodoDeleted { id: u32 },
    CompletedCleared { ids: Vec<u32> },
}

/// What everybody sees.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TodoView {
    title: String,
    /// By id; ids count up in the order of adding.
    items: BTreeMap<String, Item>,
    pending_count: usize,
}

impl Actor for TodoList {
    const KIND: &'static str = "todo";
    const RULES: u32 = 1;
    type Config = TodoConfig;
    type Command = TodoCommand;
    type Event = TodoEvent;
    type View = TodoView;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Created { config, .. } => {
                let title = checked(config.title.as_deref().unwrap_or("Todo list"))?;
                draft.emit(TodoEvent::ListRenamed { title });
            }
            Input::Command { by, command } => command_of(draft, by.principal.clone(), command)?,
            // Anybody with the link may also end it; there is nothing to wait for and nobody to tell.
            Input::Retire { .. } | Input::Joined { .. } | Input::Left { .. } => {}
            Input::Wake { .. } | Input::Reported { .. } => {}
        }
        Ok(())
    }

    fn evolve(&mut self, event: &TodoEvent, at: Moment) {
        match event.clone() {
            TodoEvent::ListRenamed { title } => self.title = title,
            TodoEvent::TodoAdded { id, title, by } => {
                self.added = id;
                self.items.insert(id, Item { title, done: false, by, created_at: at.time });
            }
            TodoEvent::TodoRenamed { id, title } => self.change(id, |item| item.title = title),
            TodoEvent::TodoToggled { id, done } => self.change(id, |item| item.done = done),
            TodoEvent::TodoDeleted { id } => drop(self.items.remove(&id)),
            TodoEvent::CompletedCleared { ids } => self.items.retain(|id, _| !ids.contains(id)),
        }
    }

    fn view(&self, _: &Sight) -> TodoView {
        TodoView {
            title: self.title.clone(),
            items: self.items.iter().map(|(id, item)| (id.to_string(), item.clone())).collect(),
            pending_count: self.pending(),
        }
    }

    fn reveal(&self, event: &TodoEvent, _: &Sight) -> Option<Value> {
        Some(match event {
            TodoEvent::ListRenamed { title } => json!({ "type": "list_renamed", "title": title }),
            TodoEvent::TodoAdded { id, title, by } => {
                json!({ "type": "todo_added", "id": id.to_string(), "title": title, "by": by })
            }
            TodoEvent::TodoRenamed { id, title } => {
                json!({ "type": "todo_renamed", "id": id.to_string(), "title": title })
            }
            TodoEvent::TodoToggled { id, done } => {
                json!({ "type": "todo_toggled", "id": id.to_string(), "done": done })
            }
            TodoEvent::TodoDeleted { id } => json!({ "type": "todo_deleted", "id": id.to_string() }),
            TodoEvent::CompletedCleared { ids } => {
                let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
                json!({ "type": "completed_cleared", "ids": ids })
            }
        })
    }

    fn summary(&self) -> Option<Summary> {
        let (pending, all) = (self.pending(), self.items.len());
        let status = if pending == 0 && all > 0 { "done" } else { "open" };
        Some(Summary { title: self.title.clone(), status: status.into(), ..Summary::default() })
    }
}

impl TodoList {
    fn pending(&self) -> usize {
        self.items.values().filter(|item| !item.done).count()
    }

    fn change(&mut self, id: u32, change: impl FnOnce(&mut Item)) {
        if let Some(item) = self.items.get_mut(&id) {
            change(item);
        }
    }

    fn find(&self, id: &str) -> Result<(u32, &Item), Rejection> {
        let known = id.parse().ok().and_then(|id| Some((id, self.items.get(&id)?)));
        known.ok_or_else(|| Rejection::new("no_such_item", "That one is not on the list any more."))
    }
}

fn command_of(draft: &mut Draft<'_, TodoList>, by: Principal, command: TodoCommand) -> Result<(), Rejection> {
    let event = match command {
        TodoCommand::AddTodo { title } => {
            if draft.items.len() == ITEMS_MAX {
                return Err(Rejection::new("list_full", "A list holds 500 things. Clear some that are done."));
            }
            TodoEvent::TodoAdded { id: draft.added + 1, title: checked(&title)?, by }
        }
        TodoCommand::UpdateTodo { id, title } => {
            let (id, title) = (draft.find(&id)?.0, checked(&title)?);
            TodoEvent::TodoRenamed { id, title }
        }
        TodoCommand::ToggleTodo { id } => {
            let (id, item) = draft.find(&id)?;
            TodoEvent::TodoToggled { id, done: !item.done }
        }
        TodoCommand::DeleteTodo { id } => TodoEvent::TodoDeleted { id: draft.find(&id)?.0 },
        TodoCommand::ClearCompleted {} => {
            let done = draft.items.iter().filter(|(_, item)| item.done).map(|(id, _)| *id);
            TodoEvent::CompletedCleared { ids: done.collect() }
        }
        TodoCommand::RenameList { title } => TodoEvent::ListRenamed { title: checked(&title)? },
    };
    draft.emit(event);
    Ok(())
}

/// A title as it is kept.
fn checked(title: &str) -> Result<String, Rejection> {
    text::line(title, TITLE_CHARS_MAX).map(str::to_owned).map_err(|why| {
        let code = match why {
            NotALine::Empty => "empty_title",
            NotALine::TooLong { .. } => "title_too_long",
            NotALine::Unprintable(_) => "bad_title",
        };
        Rejection::new(code, why.to_string())
    })
}
