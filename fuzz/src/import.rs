//! The files of other modules, which lie in homes and may hold anything.

#[path = "../../enroll-cli/src/import/google/file.rs"]
mod google;
#[path = "../../enroll-cli/src/import/oath/line.rs"]
mod oath;
#[path = "../../enroll-cli/src/import/token.rs"]
#[allow(dead_code, missing_docs, reason = "the command needs all of it")]
pub mod token;

use token::{Remark, Token, What};
use twinlock_verifier::steps::{self, code_at};
use twinlock_verifier::{Credential, Limits, Record, Rejection, Request, Source, Typed, Verdict, judge};

use crate::{credential, said};

const NOW: i64 = 1_900_000_005;

/// `~/.google_authenticator`.
pub fn run_google(bytes: &[u8]) -> bool {
    let (token, remarks) = google::parse(bytes, NOW);
    are_fit_to_print(bytes, bytes.split(|&byte| byte == b'\n').count(), &remarks);
    match token {
        Some(token) => {
            assert!(
                listed(bytes).iter().all(|step| *step <= token.last_step),
                "a used step is not used here"
            );
            is_taken_over(&token);
            true
        }
        None => {
            assert!(remarks.iter().any(|one| one.what.loses_a_token()), "a token is lost without a word");
            false
        }
    }
}

/// The steps that the module noted as used.
fn listed(bytes: &[u8]) -> Vec<u64> {
    let mut lines = bytes.split(|byte| b"\r\n".contains(byte));
    // The first line that gives the option counts, with numbers or without.
    let list = lines.find_map(|line| {
        line.strip_prefix(b"\" DISALLOW_REUSE")
            .filter(|rest| rest.first().is_none_or(|byte| b" \t".contains(byte)))
    });
    let list = list.unwrap_or_default();
    let numbers = list.split(|byte| byte.is_ascii_whitespace());
    numbers.filter_map(|number| std::str::from_utf8(number).ok()?.parse().ok()).collect()
}

/// The users file of pam_oath.
pub fn run_oath(bytes: &[u8]) -> bool {
    let mut taken = false;
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        match oath::parse(line, number, NOW) {
            oath::Line::Nothing => {}
            oath::Line::Nobodys(remark) => are_fit_to_print(line, number, &[remark]),
            oath::Line::Of(user, entry) => {
                assert!(!user.is_empty() && !user.contains(['\n', ' ', '\t', '\r', '\0']));
                are_fit_to_print(line, number, &entry.remarks);
                let lost = entry.remarks.iter().any(|one| one.what.loses_a_token());
                assert_eq!(entry.token.is_none(), lost, "a token is lost without a word");
                if let Some(token) = &entry.token {
                    last_code_is_used(line, token);
                    is_taken_over(token);
                    taken = true;
                }
            }
        }
    }
    taken
}

/// The sixth word of a line is the last code that was taken, perhaps one of a phone that is ahead.
fn last_code_is_used(line: &[u8], token: &Token) {
    let line = line.split(|&byte| byte == 0).next().unwrap_or_default();
    let mut words = line.split(|byte| b" \t\r".contains(byte)).filter(|word| !word.is_empty());
    let Some(code) = words.nth(5) else { return };
    let one = token.authenticator(1, "import".to_owned(), NOW);
    let now = steps::step_at(NOW, token.period).unwrap();
    let is_its = |step: &u64| code_at(&one, step * u64::from(token.period)).as_bytes() == code;
    assert!(
        (now - 1..=now + 60).filter(is_its).all(|step| step <= token.last_step),
        "a used code is not used here"
    );
}

/// What is printed of a remark is made of its fields alone (enroll-cli/src/texts/moving.rs).
fn are_fit_to_print(bytes: &[u8], lines: usize, remarks: &[Remark]) {
    for remark in remarks {
        assert!(
            remark.line.is_none_or(|line| (1..=lines).contains(&line)),
            "a line that is not there is named"
        );
        match remark.what {
            // Numbers that the file gives and that are told: how far off a clock is, how wide a window, how long a step; and
            // names of ours for what is wrong.
            What::Skew(_) | What::Window(_) | What::Period(_) | What::Invalid(_) => {}
            What::UsedUntil(end) => assert!(!twinlock_system::clock::readable(end).is_empty()),
            _ => said::nothing_of(bytes, &format!("{remark:?}")),
        }
    }
}

/// A token that is carried over is a credential that is written and reads back, and a code that was used there is not
/// taken here.
fn is_taken_over(token: &Token) {
    let one = token.authenticator(1, "import".to_owned(), NOW);
    assert!(token.is(&one));
    let written = Credential { authenticators: vec![one.clone()], recovery: None };
    let read = Credential::parse(written.to_text().as_bytes()).expect("what was carried over is not read");
    assert!(credential::is_same(&written, &read), "what was carried over reads as something else");
    assert!(token.drift.abs() <= steps::MAX_DRIFT);

    // As the command registers it.
    let mut record = Record::new("maria");
    record.register(&read);
    for entry in &mut record.authenticators {
        (entry.last_step, entry.drift) = (token.last_step, token.drift);
    }
    let identified = read.into();
    let now = steps::step_at(NOW, token.period).unwrap();
    for step in now.saturating_sub(6)..=now + 6 {
        let code = code_at(&one, step * u64::from(token.period));
        let request = Request {
            typed: &Typed::from_bytes(code.as_bytes()),
            recovery_hash: None,
            credential: &identified,
            now: NOW,
            built: 0,
            source: Source::Local,
            service: "login",
            policy: [0; 32],
            limits: &Limits::default(),
        };
        let verdict = judge(&request, &mut record.clone());
        let used = step <= token.last_step;
        let accepted = matches!(verdict, Verdict::Accepted(_));
        // Two steps with one code happen; then the code is that of an unused one.
        let twin = (now - 6..=now + 6)
            .any(|other| other > token.last_step && code_at(&one, other * u64::from(token.period)) == code);
        assert!(!(used && accepted) || twin, "a code that was used there is taken here");
        assert!(!matches!(verdict, Verdict::Rejected(Rejection::Unregistered)));
    }
}
