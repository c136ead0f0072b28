//! Killed with -9 at every system call of a login: afterwards no code works twice, no wrong guess whose verdict was told
//! is forgotten, and the user gets in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use twinlock_tests::witness::{count_faults, record_path};
use twinlock_tests::{Account, Dialogue, Host, MessageKind, Outcome, PamClient, Phone, STACK, oathtool, pam};
use twinlock_verifier::record::Slots;

/// Every login begins at this very time, so that codes and steps are the same in all of them.
const CLOCK: &str = "@2030-01-01 00:00:10";
const NOW: u64 = 1_893_456_010;
const CREDENTIAL: &str = ".twinlock/credential.toml";
/// The first system call of the first hook is the probe for memory: 1 MiB and the allocator's own. The second one needs
/// no call for it and begins with the policy.
const BEGIN: [&str; 2] = ["mmap(NULL, 1052672,", "openat(AT_FDCWD, \"/etc/twinlock\""];
/// What libpam does after a hook: a line for the kernel's audit.
const AFTER: &str = "socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)";

/// A system call of one hook: its name, and which of this name in the whole process it is.
struct Call {
    name: String,
    number: usize,
}

struct Stage {
    host: Host,
    maria: Account,
}

impl Stage {
    fn new() -> Self {
        let host = Host::that_requires_codes();
        // A first factor that passed: alone in its stack our PAM_IGNORE would be a refusal.
        host.pam_service("till", &format!("auth required pam_permit.so\n{STACK}"));
        let maria = host.add_user("maria", "secret");
        Self { host, maria }
    }

    fn client(&self) -> PamClient {
        PamClient::new(&self.host, "till").user("maria").rhost("192.0.2.7").clock(CLOCK)
    }

    /// Brings everything of the user's back to this record and credential.
    fn restore(&self, record: Option<&[u8]>, credential: Option<&str>) {
        for folder in ["ledger", "pending", "credentials"] {
            for file in std::fs::read_dir(format!("/var/lib/twinlock/{folder}")).unwrap() {
                std::fs::remove_file(file.unwrap().path()).unwrap();
            }
        }
        let _ = std::fs::remove_dir_all(self.maria.path(".twinlock"));
        if let Some(record) = record {
            self.host.write(record_path(&self.maria), "", 0o600);
            std::fs::write(record_path(&self.maria), record).unwrap();
        }
        if let Some(text) = credential {
            self.maria.write(CREDENTIAL, text, 0o600);
        }
    }

    /// The system calls of the hook of this number (0: authenticate, 1: acct_mgmt) of a login.
    fn calls(&self, hook: usize, login: impl FnOnce(Dialogue) -> Outcome) -> Vec<Call> {
        login(self.client().under(&["strace", "-o", "/tmp/trace"]).start());
        let trace = std::fs::read_to_string("/tmp/trace").unwrap();
        let lines: Vec<&str> = trace.lines().collect();
        let told = lines.iter().position(|line| line.contains("\"HOOK authenticate")).unwrap();
        let from = if hook == 0 { 0 } else { told };
        let begin = from + lines[from..].iter().position(|line| line.starts_with(BEGIN[hook])).unwrap();
        let length = lines[begin..].iter().position(|line| line.starts_with(AFTER)).unwrap();
        let name = |line: &str| line.split('(').next().unwrap().to_owned();
        (begin..begin + length)
            .map(|place| {
                let name = name(lines[place]);
                let number =
                    lines[..=place].iter().filter(|line| line.starts_with(&format!("{name}("))).count();
                Call { name, number }
            })
            .collect()
    }

    /// A login that is killed as it enters a system call.
    fn killed(&self, call: &Call, login: impl FnOnce(Dialogue) -> Outcome) -> Outcome {
        let filter = format!("trace={}", call.name);
        let inject = format!("inject={}:signal=KILL:when={}", call.name, call.number);
        let under = ["strace", "-o", "/tmp/trace", "-e", &filter, "-e", &inject];
        let outcome = login(self.client().under(&under).start());
        let trace = std::fs::read_to_string("/tmp/trace").unwrap();
        assert!(trace.contains("killed by SIGKILL"), "{}:{} not reached\n{trace}", call.name, call.number);
        outcome
    }

    /// The record, if there is one, is whole: a kill is no torn write.
    fn assert_record_is_whole(&self, at: &str) {
        if let Ok(bytes) = std::fs::read(record_path(&self.maria)) {
            assert!(Slots::decode(&bytes).expect(at).whole, "{at}");
        }
    }
}

/// A login that gives these answers as far as it is asked for them, and comes to whatever end.
fn answering<'a>(answers: &'a [&'a str]) -> impl FnOnce(Dialogue) -> Outcome + 'a {
    move |mut login| {
        let mut answers = answers.iter();
        while let Some(message) = login.next_message() {
            if message.kind.is_prompt() {
                match answers.next() {
                    Some(answer) => drop(login.answer_if_there(answer)),
                    None => login.answer_null(),
                }
            }
        }
        login.finish()
    }
}

/// A record that knows the phone, by a login one step before now.
fn registered(stage: &Stage, phone: &Phone) -> Vec<u8> {
    stage.restore(None, Some(&phone.credential()));
    let outcome = answering(&[&oathtool::code(&phone.secret, NOW - 30)])(stage.client().start());
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS);
    std::fs::read(record_path(&stage.maria)).unwrap()
}

#[test]
fn killed_at_every_system_call_of_a_login_a_right_code_works_once_and_not_twice() {
    let mut kills = 0;
    {
        let stage = Stage::new();
        let phone = Phone::numbered(1);
        let (code, next) = (oathtool::code(&phone.secret, NOW), oathtool::code(&phone.secret, NOW + 30));
        let known = registered(&stage, &phone);
        for record in [None, Some(known.as_slice())] {
            let mut lost = 0;
            stage.restore(record, Some(&phone.credential()));
            let calls = stage.calls(0, answering(&[&code]));
            for call in &calls {
                let at = format!("killed at {}:{}, record {}", call.name, call.number, record.is_some());
                stage.restore(record, Some(&phone.credential()));
                let outcome = stage.killed(call, answering(&[&code]));
                assert!(!outcome.called("authenticate"), "{at}");
                stage.assert_record_is_whole(&at);
                // The code, and if the dead login used it up, the next one.
                let outcome = answering(&[&code, &next])(stage.client().start());
                assert_eq!(
                    outcome.code("authenticate"),
                    pam::SUCCESS,
                    "{at}\n{}",
                    stage.host.journal().text()
                );
                let used_up = outcome.said().contains("used already");
                lost += usize::from(used_up);
                let outcome = answering(&[&code])(stage.client().start());
                assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{at}");
                assert!(outcome.said().contains("used already"), "{at}: {}", outcome.said());
                kills += 1;
            }
            assert!(lost > 0 && lost < calls.len(), "both sides of the write were reached: {lost}");
        }
    }
    count_faults("killed_at_every_system_call_of_a_login_a_right_code_works_once_and_not_twice", kills);
}

#[test]
fn killed_at_every_system_call_of_a_login_no_wrong_code_is_forgotten_once_its_verdict_was_told() {
    let mut kills = 0;
    {
        let stage = Stage::new();
        let phone = Phone::numbered(2);
        let near = oathtool::code_with(&phone.secret, NOW - 300, &["--window=20"]);
        let wrong = (0..).map(|code| format!("{code:06}")).find(|code| !near.contains(code)).unwrap();
        let code = oathtool::code(&phone.secret, NOW);
        stage.host.policy("require_mfa = true\nattempts = 1\n");
        let known = registered(&stage, &phone);
        for record in [None, Some(known.as_slice())] {
            let (mut told, mut counted) = (0, 0);
            stage.restore(record, Some(&phone.credential()));
            for call in &stage.calls(0, answering(&[&wrong])) {
                let at = format!("killed at {}:{}, record {}", call.name, call.number, record.is_some());
                stage.restore(record, Some(&phone.credential()));
                let outcome = stage.killed(call, answering(&[&wrong]));
                assert!(!outcome.called("authenticate"), "{at}");
                stage.assert_record_is_whole(&at);
                let was_told = outcome.said().contains("not right");
                let outcome = answering(&[&code])(stage.client().start());
                assert_eq!(
                    outcome.code("authenticate"),
                    pam::SUCCESS,
                    "{at}\n{}",
                    stage.host.journal().text()
                );
                let was_counted = outcome.said().contains("1 wrong code was typed");
                assert!(was_counted || !was_told, "{at}: told and forgotten");
                told += usize::from(was_told);
                counted += usize::from(was_counted);
                kills += 1;
            }
            assert!(told > 0 && counted > told, "{told} told, {counted} counted");
        }
    }
    count_faults(
        "killed_at_every_system_call_of_a_login_no_wrong_code_is_forgotten_once_its_verdict_was_told",
        kills,
    );
}

/// The key in an enrolment prompt of a login.
fn key(outcome: &Outcome) -> Option<Phone> {
    let prompt = outcome.messages.iter().find(|message| message.text.contains("Key: "))?;
    Some(Phone::with_key(prompt.text.split("Key: ").nth(1)?.split("   ").next()?.lines().next()?))
}

/// Enrols with whatever key is shown.
fn enrolling(confirm_at: u64) -> impl FnOnce(Dialogue) -> Outcome {
    move |mut login| {
        let mut phone = None;
        while let Some(message) = login.next_message() {
            if let Some(shown) = message.text.split("Key: ").nth(1) {
                phone = Some(Phone::with_key(shown.split("   ").next().unwrap().lines().next().unwrap()));
            }
            match (&phone, message.kind) {
                (Some(phone), MessageKind::PromptShown) if !message.text.contains("Press Enter") => {
                    login.answer_if_there(&oathtool::code(&phone.secret, confirm_at));
                }
                (_, kind) if kind.is_prompt() => drop(login.answer_if_there("")),
                _ => {}
            }
        }
        login.finish()
    }
}

/// From the first call after the answer: what comes before is the same for every code.
#[test]
fn killed_at_every_system_call_after_a_recovery_code_was_typed_it_works_once_and_not_twice() {
    let mut kills = 0;
    {
        let stage = Stage::new();
        stage.restore(None, None);
        let outcome = enrolling(NOW - 30)(stage.client().start());
        let said = outcome.said();
        let is_code = |word: &&str| word.len() == 19 && word.split('-').count() == 4;
        let codes: Vec<&str> = said.split_whitespace().filter(is_code).collect();
        assert_eq!(codes.len(), 10, "{said}");
        let record = std::fs::read(record_path(&stage.maria)).unwrap();
        let credential = stage.maria.read(CREDENTIAL);
        let restore = || stage.restore(Some(&record), Some(&credential));
        let mut lost = 0;
        let calls = stage.calls(0, answering(&[codes[0]]));
        for call in calls.iter().skip_while(|call| call.name != "prlimit64") {
            let at = format!("killed at {}:{}", call.name, call.number);
            restore();
            let outcome = stage.killed(call, answering(&[codes[0]]));
            assert!(!outcome.called("authenticate"), "{at}");
            stage.assert_record_is_whole(&at);
            let outcome = answering(&[codes[0], codes[1]])(stage.client().start());
            assert_eq!(outcome.code("authenticate"), pam::SUCCESS, "{at}\n{}", stage.host.journal().text());
            lost += usize::from(outcome.said().contains("8 left"));
            let outcome = answering(&[codes[0]])(stage.client().start());
            assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{at}");
            kills += 1;
        }
        assert!(lost > 0 && lost < kills, "both sides of the write were reached: {lost} of {kills}");
    }
    count_faults(
        "killed_at_every_system_call_after_a_recovery_code_was_typed_it_works_once_and_not_twice",
        kills,
    );
}

/// The calls of an enrolment are dealt out to several tests, since hashing ten recovery codes takes its time.
fn killed_while_enrolling(share: usize, shares: usize, test: &str) {
    let mut kills = 0;
    {
        let stage = Stage::new();
        stage.restore(None, None);
        let calls = stage.calls(1, enrolling(NOW - 30));
        let mut ends = [0; 3];
        for call in calls.iter().skip(share).step_by(shares) {
            let at = format!("killed at {}:{}", call.name, call.number);
            stage.restore(None, None);
            let dead = stage.killed(call, enrolling(NOW - 30));
            assert!(!dead.called("acct_mgmt"), "{at}");
            stage.assert_record_is_whole(&at);
            let shown = key(&dead);
            let written = Path::new(&stage.maria.path(CREDENTIAL)).exists();
            let end = if written {
                // The phone has the key already: a code of the next step lets in, and once.
                let phone = shown.expect(&at);
                let code = oathtool::code(&phone.secret, NOW);
                let outcome = answering(&[&code])(stage.client().start());
                assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS, "{at}\n{}", stage.host.journal().text());
                let outcome = answering(&[&code])(stage.client().start());
                assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{at}");
                2
            } else {
                let outcome = enrolling(NOW)(stage.client().start());
                assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS, "{at}\n{}", stage.host.journal().text());
                assert!(shown.is_none() || shown == key(&outcome), "{at}: another key after it was shown");
                usize::from(shown.is_some())
            };
            ends[end] += 1;
            kills += 1;
        }
        assert!(
            ends.iter().all(|&count| count > 0),
            "before the key, after it, and after the file: {ends:?}"
        );
    }
    count_faults(test, kills);
}

#[test]
fn killed_at_every_system_call_of_an_enrolment_the_user_finishes_it_at_the_next_login() {
    killed_while_enrolling(
        0,
        2,
        "killed_at_every_system_call_of_an_enrolment_the_user_finishes_it_at_the_next_login",
    );
}

#[test]
fn killed_at_every_other_system_call_of_an_enrolment_the_user_finishes_it_at_the_next_login() {
    killed_while_enrolling(
        1,
        2,
        "killed_at_every_other_system_call_of_an_enrolment_the_user_finishes_it_at_the_next_login",
    );
}
