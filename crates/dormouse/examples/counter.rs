//! The counter of the README.

use dormouse::prelude::*;

#[derive(Default, Serialize, Deserialize)]
struct Counter {
    count: i64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    Add { by: i64 },
}

impl Actor for Counter {
    const KIND: &'static str = "counter";
    const RULES: u32 = 1;
    type Config = Value;
    type Command = Command;
    type Event = i64;
    type View = Value;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        if let Input::Command { command: Command::Add { by }, .. } = input {
            draft.emit(by);
        }
        Ok(())
    }

    fn evolve(&mut self, by: &i64, _: Moment) {
        self.count += by;
    }

    fn view(&self, _: &Sight) -> Value {
        json!({ "count": self.count })
    }
}

fn main() -> ExitCode {
    App::new("counter").actor::<Counter>().run()
}
