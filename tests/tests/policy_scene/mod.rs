//! What the policy's tests share: services behind a first factor that passes, one login, and what its log line says.
#![allow(dead_code, reason = "each test program uses its part of it")]

use std::sync::atomic::{AtomicU32, Ordering};

use twinlock_tests::{Account, Host, Outcome, PamClient, Phone, oathtool, pam};

/// A first factor that passes, then our lines.
pub const STACK: &str = "auth required pam_permit.so\nauth required pam_twinlock.so account_phase\n\
                         account required pam_twinlock.so\naccount required pam_permit.so\n";

/// The password, then our lines, as an administrator has them.
pub const PASSWORD_STACK: &str = "auth required pam_unix.so\nauth required pam_twinlock.so account_phase\n\
     account required pam_twinlock.so\naccount required pam_unix.so\nsession required pam_permit.so\n";

/// Seconds of a day.
pub const DAY: u64 = 86_400;

/// A host with the module, this policy, and the services `till` and `kiosk`.
pub fn stage(policy: &str) -> Host {
    let host = Host::new();
    host.install_twinlock();
    host.policy(policy);
    for service in ["till", "kiosk"] {
        host.pam_service(service, STACK);
    }
    host
}

/// A user with a phone.
pub fn enrolled(host: &Host, name: &str) -> (Account, Phone) {
    let account = host.add_user(name, "secret");
    let phone = Phone::of(&account);
    (account, phone)
}

/// A login at `till` from an address.
pub fn till(host: &Host, user: &str) -> PamClient {
    PamClient::new(host, "till").user(user).rhost("192.0.2.7")
}

/// Waits until the journal has heard all that was sent to it so far.
pub fn settle(host: &Host) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let mark = format!("mark {}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let socket = std::os::unix::net::UnixDatagram::unbound().expect("a socket");
    socket.send_to(format!("<85>Nov 25 00:00:00 test: {mark}.").as_bytes(), "/dev/log").expect("the journal");
    host.journal().wait_for(|line| line.message == format!("{mark}."));
}

/// Forgets the journal so far; no late line of an earlier login is left.
pub fn forget(host: &Host) {
    settle(host);
    host.journal().clear();
}

/// One login that answers each prompt with the next of these answers, and with NULL when there are none left.
pub fn log_in(client: &PamClient, answers: &[&str]) -> Outcome {
    let mut login = client.start();
    let mut answers = answers.iter();
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            match answers.next() {
                Some(answer) => login.answer(answer),
                None => login.answer_null(),
            }
        }
    }
    login.finish()
}

/// Whether a login came to its end: every hook that was called said PAM_SUCCESS, the account hook among them.
pub fn is_in(outcome: &Outcome) -> bool {
    outcome.called("acct_mgmt") && outcome.hooks.iter().all(|hook| hook.code == pam::SUCCESS)
}

/// Whether the login was asked for anything.
pub fn was_asked(outcome: &Outcome) -> bool {
    outcome.messages.iter().any(|message| message.kind.is_prompt())
}

/// What the log says about a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub event: String,
    /// `required`, `user_driven` or `exempt`.
    pub decision: String,
    pub would_be: Option<String>,
    pub rule: String,
    pub reason: Option<String>,
    pub line: String,
}

/// Runs a login that answers nothing, and reads its first line with a decision.
pub fn said(host: &Host, client: &PamClient) -> Said {
    said_of(host, client, &[]).0
}

/// Runs a login, and reads its first line with a decision.
pub fn said_of(host: &Host, client: &PamClient, answers: &[&str]) -> (Said, Outcome) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    // A terminal of its own: no late line of another login is taken for this one's.
    let tty = format!("line/{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let outcome = log_in(&client.clone().tty(&tty), answers);
    let mine = format!(" tty={tty} ");
    let line =
        host.journal().wait_for(|line| line.message.contains(&mine) && line.message.contains(" decision="));
    let value = |key| field(&line.message, key);
    let said = Said {
        event: value("event").expect("an event"),
        decision: value("decision").expect("a decision"),
        would_be: value("would_be"),
        rule: value("rule").expect("a rule"),
        reason: value("reason"),
        line: line.message.clone(),
    };
    (said, outcome)
}

/// The value of a key in a line of logfmt, without its quotes.
pub fn field(line: &str, key: &str) -> Option<String> {
    let start = line
        .match_indices(&format!("{key}="))
        .map(|(at, found)| (at, at + found.len()))
        .find(|(at, _)| *at == 0 || line.as_bytes()[at - 1] == b' ')?
        .1;
    let rest = &line[start..];
    let Some(quoted) = rest.strip_prefix('"') else {
        return Some(rest.split(' ').next().unwrap_or_default().to_owned());
    };
    let mut value = String::new();
    let mut letters = quoted.chars();
    loop {
        match letters.next()? {
            '"' => return Some(value),
            '\\' => value.extend(letters.next()),
            letter => value.push(letter),
        }
    }
}

/// The day (UTC) that lies so many days after today, as a policy writes it.
pub fn day(days: i64) -> String {
    let moment = oathtool::now().checked_add_signed(days * DAY as i64).expect("a time");
    let date = twinlock_tests::process::run(twinlock_tests::process::command("date").args([
        "-u",
        "+%F",
        "-d",
        &format!("@{moment}"),
    ]));
    date.ok().stdout.trim().to_owned()
}

/// The code that a phone shows after its clock and the host's moved by so many seconds.
pub fn code_after(phone: &Phone, seconds: i64) -> String {
    oathtool::code(&phone.secret, oathtool::now().checked_add_signed(seconds).expect("a time"))
}
