//! One script on one host, and all that each of its people got.

use std::{sync::mpsc, thread, time::Duration};

use dormouse_core::{Kind, limits::LIST_LOOK};
use serde_json::{Value, json};

use super::{
    client::{Socket, Stream, ask, body},
    host::{Host, Log},
    script::{Script, Step},
};

/// How long a session may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(300);
/// Somebody who is not of the session. Everybody in a list may look.
const STRANGER: &str = "a stranger";
/// Time passes in strides of this length: a wake acts at most so late.
const STRIDE: Duration = Duration::from_millis(500);
/// Sockets are heard this often at least, or the host would take them for dead.
const STRIDES_UNHEARD: usize = 20;
/// Turns that everything else in the process gets before somebody looks at what became of it.
const TURNS: usize = 200;
/// Earlier commits that everybody looks at in the end.
const LOOKS_BACK: u64 = 40;

/// Something that somebody got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Got {
    pub(super) who: String,
    /// Over what: a request, a socket, an event stream.
    pub(super) over: String,
    /// After which step; 0 is before the first.
    pub(super) step: usize,
    pub(super) text: String,
}

/// Run a script on a host of its own; all that came out of it.
pub(super) fn run(kind: fn() -> Kind, script: &Script) -> Vec<Got> {
    let (done, ended) = mpsc::channel();
    let script = script.clone();
    let session = thread::spawn(move || {
        let _ = done.send(run_here(kind(), &script));
    });
    match ended.recv_timeout(PATIENCE) {
        Ok(got) => got,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the session does not end"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match session.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("a session that ends says what came out"),
        },
    }
}

fn run_here(kind: Kind, script: &Script) -> Vec<Got> {
    let log = Log::default();
    let _listening = log.listen();
    // One thread, which looks at its sockets after every turn, so that the same happens in the same order each time.
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).event_interval(1).build().expect("a runtime");
    let mut got = runtime.block_on(async {
        // While a thread is busy tokio's paused clock does not jump: time passes only when a script says so.
        let (let_go, held) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || held.recv());
        let got = play(kind, script).await;
        drop(let_go);
        got
    });
    let text = log.text();
    got.push(Got { who: "the log".into(), over: "lines".into(), step: script.steps.len(), text });
    got
}

async fn play(kind: Kind, script: &Script) -> Vec<Got> {
    let mut session = Session::begin(kind, script).await;
    session.everybody_looks().await;
    for step in &script.steps {
        session.step += 1;
        session.perform(step).await;
        session.everybody_looks().await;
    }
    // Lists are told late.
    session.wait(LIST_LOOK).await;
    session.everybody_looks().await;
    session.everybody_looks_back().await;
    session.end()
}

struct Session {
    host: Host,
    kind: String,
    id: String,
    people: Vec<Person>,
    step: usize,
    got: Vec<Got>,
}

struct Person {
    name: String,
    token: String,
    lines: Option<Lines>,
}

/// The connections of somebody who is there.
struct Lines {
    socket: Socket,
    streams: [(&'static str, Stream); 3],
}

impl Session {
    async fn begin(kind: Kind, script: &Script) -> Self {
        let name = kind.name.to_string();
        let host = Host::start(kind).await;
        let names = script.people.iter().map(String::as_str).chain([STRANGER]);
        let people: Vec<Person> =
            names.map(|name| Person { name: name.into(), token: host.guest(name), lines: None }).collect();
        let made = ask(host.address, &people[0].token, "POST", &format!("/v1/{name}"), Some(&script.config)).await;
        let id = body(&made)["id"].as_str().unwrap_or_else(|| panic!("no actor was made: {made}")).to_owned();
        let mut session = Self { host, kind: name, id, people, step: 0, got: vec![] };
        session.note(0, "POST", made);
        for who in 0..session.people.len() {
            session.come(who).await;
        }
        session
    }

    fn note(&mut self, who: usize, over: impl Into<String>, text: String) {
        let (who, step) = (self.people[who].name.clone(), self.step);
        self.got.push(Got { who, over: over.into(), step, text });
    }

    async fn perform(&mut self, step: &Step) {
        let actor = format!("{}/{}", self.kind, self.id);
        match step {
            Step::Send { who, command } => match &mut self.people[*who].lines {
                Some(lines) => lines.socket.send(&actor, command).await,
                None => self.ask(*who, "POST", "/commands", Some(&json!({ "command": command }))).await,
            },
            Step::Signal { who, signal } => {
                self.ask(*who, "POST", "/signals", Some(&json!({ "signal": signal }))).await
            }
            Step::Retire { who } => self.ask(*who, "DELETE", "", None).await,
            Step::Leave { who } => self.leave(*who).await,
            Step::Come { who } => self.come(*who).await,
            Step::Wait(time) => self.wait(*time).await,
        }
        settle().await;
    }

    /// Ask something of the actor.
    async fn ask(&mut self, who: usize, method: &str, of: &str, with: Option<&Value>) {
        self.ask_path(who, method, &format!("/v1/{}/{}{of}", self.kind, self.id), with).await;
    }

    async fn ask_path(&mut self, who: usize, method: &str, path: &str, with: Option<&Value>) {
        let answer = ask(self.host.address, &self.people[who].token, method, path, with).await;
        self.note(who, format!("{method} {path}"), answer);
    }

    /// Watch over a socket and over streams: the view, the events, and the list in which the actor may be.
    async fn come(&mut self, who: usize) {
        if self.people[who].lines.is_some() {
            return;
        }
        let (address, token) = (self.host.address, self.people[who].token.clone());
        let (mut socket, welcome) = Socket::open(address, &token).await;
        self.note(who, "socket", welcome);
        let (actor, path) = (format!("{}/{}", self.kind, self.id), format!("/v1/{}/{}/stream", self.kind, self.id));
        socket.say(json!({ "action": "subscribe", "actor": actor, "as": "view" })).await;
        socket.say(json!({ "action": "subscribe", "actor": actor, "as": "events", "from": "start" })).await;
        socket.say(json!({ "action": "subscribe", "list": { "kind": self.kind } })).await;
        socket.say(json!({ "action": "subscribe", "list": { "kind": self.kind, "mine": true } })).await;
        settle().await;
        let view = Stream::open(address, &token, &format!("{path}?as=view")).await;
        settle().await;
        let events = Stream::open(address, &token, &format!("{path}?as=events&from=start")).await;
        settle().await;
        let list = Stream::open(address, &token, &format!("/v1/{}/stream", self.kind)).await;
        settle().await;
        let streams = [("view stream", view), ("event stream", events), ("list stream", list)];
        self.people[who].lines = Some(Lines { socket, streams });
    }

    async fn leave(&mut self, who: usize) {
        self.hear(who).await;
        self.note_streams(who);
        self.people[who].lines = None;
    }

    fn note_streams(&mut self, who: usize) {
        let Some(lines) = &mut self.people[who].lines else { return };
        let text = |(name, stream): &mut (&'static str, Stream)| {
            stream.take();
            (*name, stream.text())
        };
        for (name, text) in lines.streams.each_mut().map(text) {
            self.note(who, name, text);
        }
    }

    async fn wait(&mut self, time: Duration) {
        let mut left = time;
        let mut strides = 0;
        while !left.is_zero() {
            let stride = left.min(STRIDE);
            tokio::time::advance(stride).await;
            settle().await;
            left -= stride;
            strides += 1;
            if strides % STRIDES_UNHEARD == 0 {
                self.everybody_hears().await;
            }
        }
    }

    async fn hear(&mut self, who: usize) {
        let Some(lines) = &mut self.people[who].lines else { return };
        lines.streams.iter_mut().for_each(|(_, stream)| stream.take());
        for frame in lines.socket.drain().await {
            self.note(who, "socket", frame);
        }
    }

    async fn everybody_hears(&mut self) {
        for who in 0..self.people.len() {
            self.hear(who).await;
        }
    }

    async fn everybody_looks(&mut self) {
        self.everybody_hears().await;
        for who in 0..self.people.len() {
            self.ask(who, "GET", "", None).await;
            self.ask_path(who, "GET", &format!("/v1/{}", self.kind), None).await;
        }
    }

    /// Whoever comes later reads what was.
    async fn everybody_looks_back(&mut self) {
        let head = self.head().await;
        for who in 0..self.people.len() {
            for seq in (1..=head).step_by((head / LOOKS_BACK + 1) as usize) {
                self.ask(who, "GET", &format!("?at_seq={seq}"), None).await;
            }
            for after in (0..=head).step_by(100) {
                self.ask(who, "GET", &format!("/events?after_seq={after}&limit=100"), None).await;
            }
            self.ask(who, "GET", "/history", None).await;
            self.ask_path(who, "GET", &format!("/v1/{}?mine=true", self.kind), None).await;
            // Replays and exports hold everything: no host hands them out.
            for whole in ["/replay", "/export", "/redrive"] {
                let method = if whole == "/redrive" { "POST" } else { "GET" };
                self.ask(who, method, whole, None).await;
                let answer = &self.got.last().expect("it was just noted").text;
                let status = answer.split(' ').nth(1).unwrap_or_default();
                assert!(status.starts_with('4'), "{whole} is not for everybody: {answer}");
            }
        }
    }

    /// The newest commit, as far as anybody may see the actor.
    async fn head(&mut self) -> u64 {
        let path = format!("/v1/{}/{}", self.kind, self.id);
        let mut head = 0;
        for who in 0..self.people.len() {
            let answer = ask(self.host.address, &self.people[who].token, "GET", &path, None).await;
            let position = body(&answer)["position"].as_str().and_then(|text| text.parse().ok());
            head = head.max(position.map_or(0, |position: dormouse_core::Position| position.seq));
        }
        head
    }

    fn end(mut self) -> Vec<Got> {
        for who in 0..self.people.len() {
            self.note_streams(who);
        }
        self.got
    }
}

/// Give everything that was set off its turns.
async fn settle() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    /// Keeps words, and shows how many.
    #[derive(Default, Serialize, Deserialize)]
    struct Words(Vec<String>);

    #[derive(Deserialize, JsonSchema)]
    struct Config {}

    #[derive(Deserialize, JsonSchema)]
    struct Word {
        word: String,
    }

    impl Actor for Words {
        const KIND: &'static str = "words";
        const RULES: u32 = 1;
        type Config = Config;
        type Command = Word;
        type Event = String;
        type View = usize;

        fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
            match input {
                Input::Command { command, .. } if command.word.is_empty() => Err(Rejection::new("empty", "Say one.")),
                Input::Command { command, .. } => {
                    draft.emit(command.word);
                    Ok(())
                }
                _ => Ok(()),
            }
        }

        fn evolve(&mut self, word: &String, _: Moment) {
            self.0.push(word.clone());
        }

        fn view(&self, _: &Sight) -> usize {
            self.0.len()
        }

        fn reveal(&self, word: &String, _: &Sight) -> Option<Value> {
            Some(json!(word.len()))
        }

        fn summary(&self) -> Option<Summary> {
            Some(Summary { title: "Words".into(), status: "open".into(), ..Summary::default() })
        }
    }

    /// A check of what nobody gets would pass for every actor.
    #[test]
    fn everybody_gets_all_that_a_host_gives() {
        let script = Script::new(&["ann"], json!({}))
            .signal("ann", json!({ "typing": true }))
            .send("ann", json!({ "word": "plume" }))
            .send("ann", json!({ "word": "" }))
            .leave("ann")
            .send("ann", json!({ "word": "quill" }))
            .come("ann");
        let got = run(Kind::of::<Words>, &script);
        let has = |who: &str, over: &str, what: &str| {
            let found = got.iter().any(|got| got.who == who && got.over.starts_with(over) && got.text.contains(what));
            assert!(found, "{who} does not get {what} over {over}: {got:#?}");
        };
        for what in ["welcome", "\"view\":2", "\"type\":\"events\"", "\"list\":{\"kind\":\"words\"}", "presence"] {
            has(STRANGER, "socket", what);
        }
        has("ann", "socket", "\"type\":\"accepted\"");
        has("ann", "socket", "\"type\":\"rejected\"");
        has(STRANGER, "socket", "\"typing\":true");
        has(STRANGER, "view stream", "\"view\":2");
        has(STRANGER, "event stream", "\"event\":5");
        has(STRANGER, "list stream", "\"title\":\"Words\"");
        has("ann", "POST /v1/words/", "\"position\":\"1:3:");
        has(STRANGER, "GET /v1/words/", "\"view\":1");
        has(STRANGER, "GET /v1/words", "\"rows\":[{");
        let log = &got.last().expect("the log is the last").text;
        assert!(log.lines().count() < 10 && !log.contains("plume") && !log.contains("quill"), "{log}");
    }
}
