//! Every app of this repository in one binary.

use dormouse::prelude::*;

fn main() -> ExitCode {
    liap_tui::app(App::new("arcade").actor::<todo::TodoList>()).run()
}
