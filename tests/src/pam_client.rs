//! A login through real libpam by the scripted application in `client/`: the test decides what the application sets and
//! calls, reads every message, gives every answer, and learns each hook's exact code and whether the module left the
//! application's process as it was. Every wait ends, by a panic that tells the dialogue so far.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::escape::{escape, unescape};
use crate::host::Host;
use crate::process::{self, Process};
use crate::{PATIENCE, artefacts};

/// What the application will be and do; [`PamClient::start`] runs it.
#[derive(Clone, Debug)]
pub struct PamClient {
    service: String,
    user: Option<String>,
    chain: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    under: Vec<String>,
    patience: Duration,
}

impl PamClient {
    /// An application of this PAM service. It calls `authenticate` and `acct_mgmt`, ends at the first hook that fails,
    /// as logins do, and knows no user name unless told.
    pub fn new(_on: &Host, service: &str) -> Self {
        Self {
            service: service.to_owned(),
            user: None,
            chain: "authenticate,acct_mgmt".to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            under: Vec::new(),
            patience: PATIENCE,
        }
    }

    /// PAM_USER.
    #[must_use]
    pub fn user(mut self, name: &str) -> Self {
        self.user = Some(name.to_owned());
        self
    }

    /// PAM_RHOST.
    #[must_use]
    pub fn rhost(self, address: &str) -> Self {
        self.option("rhost", address)
    }

    /// PAM_TTY.
    #[must_use]
    pub fn tty(self, name: &str) -> Self {
        self.option("tty", name)
    }

    /// PAM_RUSER.
    #[must_use]
    pub fn ruser(self, name: &str) -> Self {
        self.option("ruser", name)
    }

    /// The hooks to call, by comma: `authenticate`, `acct_mgmt`, `setcred`, `setcred_reinitialize`, `setcred_delete`,
    /// `open_session`, `close_session`, `chauthtok`; `hold` stops until [`Dialogue::release`].
    #[must_use]
    pub fn chain(mut self, hooks: &str) -> Self {
        hooks.clone_into(&mut self.chain);
        self
    }

    /// Goes on with the next hook after one that failed.
    #[must_use]
    pub fn keep_going(self) -> Self {
        self.flag("keep-going")
    }

    /// Does everything so many times, each with a handle of its own, in one process.
    #[must_use]
    pub fn repeat(self, times: u32) -> Self {
        self.option("repeat", &times.to_string())
    }

    /// PAM_SILENT.
    #[must_use]
    pub fn silent(self) -> Self {
        self.flag("silent")
    }

    /// A variable in PAM's own environment, as an application sets with `pam_putenv`.
    #[must_use]
    pub fn pam_env(self, name: &str, value: &str) -> Self {
        self.option("env", &format!("{name}={value}"))
    }

    /// A variable of the process.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Becomes this user before anything else: a screen locker.
    #[must_use]
    pub fn as_user(self, name: &str) -> Self {
        self.option("setuid", name)
    }

    /// Real ids this user's, effective ids root's: a setuid program.
    #[must_use]
    pub fn setuid_for(self, name: &str) -> Self {
        self.option("ruid", name)
    }

    /// Supplementary groups: `4,27`.
    #[must_use]
    pub fn groups(self, numbers: &str) -> Self {
        self.option("groups", numbers)
    }

    /// The umask, in octal.
    #[must_use]
    pub fn umask(self, octal: &str) -> Self {
        self.option("umask", octal)
    }

    /// The current folder.
    #[must_use]
    pub fn folder(self, path: &str) -> Self {
        self.option("cwd", path)
    }

    /// A signal's disposition by number: `default`, `ignore` or `block`.
    #[must_use]
    pub fn signal(self, number: i32, disposition: &str) -> Self {
        self.option("signal", &format!("{number}={disposition}"))
    }

    /// A resource limit: `fsize`, `core`, `nofile`, `as`, `data`, `stack`, `nproc`, `memlock`.
    #[must_use]
    pub fn limit(self, name: &str, value: u64) -> Self {
        self.option("limit", &format!("{name}={value}"))
    }

    /// Closes a descriptor before libpam is used.
    #[must_use]
    pub fn close(self, descriptor: i32) -> Self {
        self.option("close", &descriptor.to_string())
    }

    /// Calls `setlocale(LC_ALL, name)`.
    #[must_use]
    pub fn locale(self, name: &str) -> Self {
        self.option("locale", name)
    }

    /// Answers texts too, where no module expects an answer.
    #[must_use]
    pub fn answering_info(self, text: &str) -> Self {
        self.option("answer-info", text)
    }

    /// Has no conversation function.
    #[must_use]
    pub fn no_conversation(self) -> Self {
        self.flag("no-conversation")
    }

    /// Sleeps as `pam_fail_delay` asks, instead of noting it.
    #[must_use]
    pub fn real_delay(self) -> Self {
        self.flag("real-delay")
    }

    /// Moves the clock of this process alone: `+1y`, `-10m`, `@2038-01-19 03:14:00` in UTC (`faketime(1)`). Timers keep
    /// their pace. [`Host::set_clock`] does the same for all programs.
    #[must_use]
    pub fn clock(self, clock: &str) -> Self {
        self.env("LD_PRELOAD", &process::faketime_library())
            .env("FAKETIME", clock)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("TZ", "UTC")
    }

    /// Runs under another program: `["strace", "-f", "-o", "/tmp/trace"]`, `["valgrind"]`.
    #[must_use]
    pub fn under(mut self, program: &[&str]) -> Self {
        self.under = program.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// How long each step may take.
    #[must_use]
    pub fn patience(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    fn option(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([format!("--{name}"), value.to_owned()]);
        self
    }

    fn flag(mut self, name: &str) -> Self {
        self.arguments.push(format!("--{name}"));
        self
    }

    /// Starts the application.
    pub fn start(&self) -> Dialogue {
        let client = &artefacts::pamclient();
        let mut command = match self.under.split_first() {
            None => process::command(client),
            Some((program, arguments)) => {
                let mut command = process::command(Path::new(program));
                command.args(arguments).arg(client);
                command
            }
        };
        command.args(["--service", &self.service, "--chain", &self.chain]).args(&self.arguments);
        if let Some(user) = &self.user {
            command.args(["--user", user]);
        }
        command.envs(self.environment.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::spawn(&mut command);
        let answers = process.child.stdin.take();
        let output = process.child.stdout.take().expect("a pipe");
        let errors = process.child.stderr.take().expect("a pipe");
        let (said, lines) = channel();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = String::new();
            // Half a line is all that is left of an application that was killed while it wrote.
            while output.read_line(&mut line).is_ok() && line.ends_with('\n') {
                line.pop();
                if said.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        let stray = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = BufReader::new(errors).read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Dialogue {
            process,
            answers,
            lines,
            stray: Some(stray),
            patience: self.patience,
            transcript: String::new(),
            held: false,
            outcome: Outcome::default(),
        }
    }
}

/// How a message of the module reached the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// PAM_PROMPT_ECHO_OFF.
    PromptHidden,
    /// PAM_PROMPT_ECHO_ON.
    PromptShown,
    /// PAM_TEXT_INFO.
    Info,
    /// PAM_ERROR_MSG.
    Error,
    /// Anything else, which no login knows how to show.
    Other,
}

impl MessageKind {
    /// Whether the application answers it.
    pub fn is_prompt(self) -> bool {
        matches!(self, Self::PromptHidden | Self::PromptShown)
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its style.
    pub kind: MessageKind,
    /// Its text, lossily as UTF-8.
    pub text: String,
    /// Its text as sent.
    pub bytes: Vec<u8>,
    /// How many messages the same call of the conversation carried.
    pub together: usize,
}

/// One hook as the application saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// `authenticate`, `acct_mgmt`, ...; `start` when `pam_start` failed.
    pub name: String,
    /// What libpam returned.
    pub code: i32,
    /// `same`, or `changed:` and what of the process differs from before the hook.
    pub state: String,
}

/// A finished login.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The hooks in the order of their calls.
    pub hooks: Vec<Hook>,
    /// Exact codes of a module called through `pam_stage.so call=...`, by hook.
    pub witnessed: Vec<(String, i32)>,
    /// All messages.
    pub messages: Vec<Message>,
    /// PAM's environment at the end.
    pub env: BTreeMap<String, String>,
    /// Delays asked for with `pam_fail_delay`, in microseconds.
    pub delays: Vec<u32>,
    /// What the module itself printed on standard output or error: nothing, it is hoped.
    pub stray: String,
    /// How the process ended.
    pub status: Option<ExitStatus>,
}

impl Outcome {
    /// The code of the last call of a hook; panics when it was not called.
    pub fn code(&self, hook: &str) -> i32 {
        self.hooks
            .iter()
            .rfind(|called| called.name == hook)
            .unwrap_or_else(|| panic!("{hook} not called: {self:?}"))
            .code
    }

    /// The module's own code in the last call of a hook, through `pam_stage.so call=...`.
    pub fn module_code(&self, hook: &str) -> i32 {
        let seen = self.witnessed.iter().rfind(|(name, _)| name == hook);
        seen.unwrap_or_else(|| panic!("{hook} not witnessed: {self:?}")).1
    }

    /// Whether the hook was called.
    pub fn called(&self, hook: &str) -> bool {
        self.hooks.iter().any(|called| called.name == hook)
    }

    /// Panics unless every hook left the application's process as it was, and nothing was printed past it.
    pub fn assert_host_unchanged(&self) {
        for hook in &self.hooks {
            assert_eq!(hook.state, "same", "after {}", hook.name);
        }
        assert_eq!(self.stray, "", "printed by the module itself");
    }

    /// All messages' texts, one after the other.
    pub fn said(&self) -> String {
        self.messages.iter().map(|message| format!("{}\n", message.text)).collect()
    }
}

/// A login under way. Dropped, it is killed.
#[derive(Debug)]
pub struct Dialogue {
    process: Process,
    answers: Option<ChildStdin>,
    lines: Receiver<String>,
    stray: Option<JoinHandle<String>>,
    patience: Duration,
    transcript: String,
    held: bool,
    outcome: Outcome,
}

enum Event {
    Message(Message),
    Held,
    End,
}

impl Dialogue {
    /// The process that was started (the outer program under [`PamClient::under`]).
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// What there is of the outcome so far.
    pub fn so_far(&self) -> &Outcome {
        &self.outcome
    }

    /// The next message of the module; nothing when the application came to its end.
    pub fn next_message(&mut self) -> Option<Message> {
        match self.next_event() {
            Event::Message(message) => Some(message),
            Event::Held => panic!("the application holds; release it\n{}", self.transcript),
            Event::End => None,
        }
    }

    /// The next prompt; texts before it are kept for the outcome. Panics when the application ends instead.
    pub fn next_prompt(&mut self) -> Message {
        loop {
            match self.next_message() {
                Some(message) if message.kind.is_prompt() => return message,
                Some(_) => {}
                None => panic!("the application ended without another prompt\n{}", self.transcript),
            }
        }
    }

    /// The next prompt, whose text contains `text`.
    pub fn expect_prompt(&mut self, text: &str) -> Message {
        let prompt = self.next_prompt();
        assert!(
            prompt.text.contains(text),
            "prompt {:?}, expected {text:?}\n{}",
            prompt.text,
            self.transcript
        );
        prompt
    }

    /// Answers a prompt.
    pub fn answer(&mut self, text: &str) {
        self.answer_bytes(text.as_bytes());
    }

    /// Answers a prompt of an application that may be gone by now; whether it still was there.
    pub fn answer_if_there(&mut self, text: &str) -> bool {
        self.answers.as_mut().is_some_and(|pipe| writeln!(pipe, "text {}", escape(text.as_bytes())).is_ok())
    }

    /// Answers NULL to an application that may be gone by now; whether it still was there.
    pub fn answer_null_if_there(&mut self) -> bool {
        self.answers.as_mut().is_some_and(|pipe| writeln!(pipe, "null").is_ok())
    }

    /// Answers a prompt with bytes that need not be UTF-8; libpam's answers end at a zero byte.
    pub fn answer_bytes(&mut self, bytes: &[u8]) {
        self.send(&format!("text {}", escape(bytes)));
    }

    /// Answers with `text` repeated.
    pub fn answer_repeated(&mut self, text: &str, times: usize) {
        self.send(&format!("repeat {} {times}", escape(text.as_bytes())));
    }

    /// Answers NULL.
    pub fn answer_null(&mut self) {
        self.send("null");
    }

    /// PAM_SUCCESS without any array of answers.
    pub fn answer_no_array(&mut self) {
        self.send("no-array");
    }

    /// The conversation returns this code and no answer; PAM_CONV_ERR for one.
    pub fn fail_conversation(&mut self, code: i32) {
        self.send(&format!("code {code}"));
    }

    /// The application ends in the middle of the prompt.
    pub fn exit(&mut self) {
        self.send("exit");
    }

    /// Goes on after `hold` in the chain, which it waits for.
    pub fn release(&mut self) {
        self.wait_until_held();
        self.held = false;
        self.send("go");
    }

    /// Waits for `hold` in the chain.
    pub fn wait_until_held(&mut self) {
        while !self.held {
            match self.next_event() {
                Event::Held => self.held = true,
                Event::Message(message) if message.kind.is_prompt() => {
                    panic!("a prompt, not `hold`: {:?}\n{}", message.text, self.transcript)
                }
                Event::Message(_) => {}
                Event::End => panic!("the application ended before `hold`\n{}", self.transcript),
            }
        }
    }

    /// Answers every prompt by `answer` until `hold` in the chain.
    pub fn answer_until_held(&mut self, mut answer: impl FnMut(&mut Self, &Message)) {
        while !self.held {
            match self.next_event() {
                Event::Held => self.held = true,
                Event::Message(message) if message.kind.is_prompt() => answer(self, &message),
                Event::Message(_) => {}
                Event::End => panic!("the application ended before `hold`\n{}", self.transcript),
            }
        }
    }

    /// Kills the application in the middle.
    pub fn kill(&mut self) {
        self.process.end();
    }

    /// The outcome, after the end of the application. Panics when it still asks something, or does not end in time.
    pub fn finish(mut self) -> Outcome {
        while let Some(message) = self.next_message() {
            assert!(
                !message.kind.is_prompt(),
                "an unanswered prompt: {:?}\n{}",
                message.text,
                self.transcript
            );
        }
        self.answers = None;
        let Some(status) = self.process.wait(self.patience) else {
            panic!("said all and does not end within {:?}\n{}", self.patience, self.transcript)
        };
        let mut outcome = std::mem::take(&mut self.outcome);
        outcome.status = Some(status);
        outcome.stray = self.stray.take().map(|reader| reader.join().expect("reader")).unwrap_or_default();
        assert!(status.code() != Some(64), "pamclient: bad usage\n{}", outcome.stray);
        outcome
    }

    fn send(&mut self, line: &str) {
        self.transcript.push_str(&format!("  > {}\n", shortened(line)));
        let pipe = self.answers.as_mut().expect("the application still listens");
        if let Err(error) = writeln!(pipe, "{line}") {
            panic!("the application no longer listens: {error}\n{}", self.transcript);
        }
    }

    fn next_event(&mut self) -> Event {
        let mut together = 1;
        let deadline = Instant::now() + self.patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match self.lines.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => return Event::End,
                Err(RecvTimeoutError::Timeout) => {
                    self.process.end();
                    panic!("nothing for {:?}: hanging; killed\n{}", self.patience, self.transcript);
                }
            };
            self.transcript.push_str(&format!("  < {}\n", shortened(&line)));
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let kind = match word {
                "PROMPT_OFF" => MessageKind::PromptHidden,
                "PROMPT_ON" => MessageKind::PromptShown,
                "INFO" => MessageKind::Info,
                "ERROR" => MessageKind::Error,
                "RADIO" | "BINARY" | "UNKNOWN" => MessageKind::Other,
                "HOLD" => return Event::Held,
                "CONVERSATION" => {
                    together = rest.parse().unwrap_or(0);
                    continue;
                }
                _ => {
                    self.outcome.note(word, rest);
                    continue;
                }
            };
            let bytes = unescape(rest);
            let message =
                Message { kind, text: String::from_utf8_lossy(&bytes).into_owned(), bytes, together };
            self.outcome.messages.push(message.clone());
            return Event::Message(message);
        }
    }
}

impl Outcome {
    fn note(&mut self, word: &str, rest: &str) {
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("pamclient said {word} {rest}"));
        match word {
            "HOOK" => {
                let (call, state) = rest.split_once(" state=").expect("a state");
                let (name, code) = call.split_once('=').expect("a code");
                let state = String::from_utf8_lossy(&unescape(state)).into_owned();
                self.hooks.push(Hook { name: name.to_owned(), code: number(code), state });
            }
            "WITNESS" => {
                let (name, code) = rest.split_once('=').expect("a code");
                self.witnessed.push((name.to_owned(), number(code)));
            }
            "PAMENV" => {
                let variable = String::from_utf8_lossy(&unescape(rest)).into_owned();
                let (name, value) = variable.split_once('=').expect("a variable");
                self.env.insert(name.to_owned(), value.to_owned());
            }
            "DELAY" => self.delays.push(rest.parse().expect("microseconds")),
            "END" => assert_eq!(number(rest), 0, "pam_end"),
            _ => panic!("pamclient said {word} {rest}"),
        }
    }
}

fn shortened(line: &str) -> String {
    line.chars().take(300).collect()
}
