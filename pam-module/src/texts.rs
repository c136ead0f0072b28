//! What the module says to people, all in one place. Plain words, no jargon, and never the word that means the
//! first factor: some clients would answer with it. The texts of enrolment are the enrollment room's.

use twinlock_system::clock;
use twinlock_verifier::verdict::Accepted;
use twinlock_verifier::{By, Rejection};

/// The prompt. Scripts written for google-authenticator expect exactly this.
pub const CODE: &str = "Verification code: ";
/// The prompt for clients that ask once (`forward_pass`), as google-authenticator words it. The one text with that
/// word in it: the password is what is asked for.
pub const ONE_ANSWER: &str = "Password & verification code: ";

/// Why an answer did not let anybody in.
pub fn rejection(rejection: Rejection, help: Option<&str>) -> String {
    let text = match rejection {
        Rejection::Empty => "No code was typed.".to_owned(),
        Rejection::Unshaped => "That is not a code. Type the digits that your app shows now.".to_owned(),
        Rejection::Replayed => "That code was used already. Wait for the next one.".to_owned(),
        Rejection::Wrong => "That code was not right.".to_owned(),
        Rejection::WrongRecovery => "That recovery code was not right, or was used already.".to_owned(),
        Rejection::Throttled { wait } => {
            format!("Too many wrong codes. Try again in {}.", duration(wait))
        }
        Rejection::Disabled => {
            "Too many wrong codes: codes are turned off for this account. Use a recovery code, or ask your \
             administrator."
                .to_owned()
        }
        Rejection::Clock => {
            "The clock of this computer is wrong, so it cannot check codes. Use a recovery code, or tell your \
             administrator."
                .to_owned()
        }
        Rejection::Unregistered => return unavailable(help),
    };
    with_help(text, help)
}

/// Something that must work does not.
pub fn unavailable(help: Option<&str>) -> String {
    with_help(
        "Your code cannot be checked at the moment. The log of this computer says why.".to_owned(),
        help,
    )
}

/// A copy of the record was damaged; whatever may have been used counts as used.
pub fn repaired(help: Option<&str>) -> String {
    with_help(
        "The record of used codes was damaged and has been repaired. Wait two minutes, then use the next code."
            .to_owned(),
        help,
    )
}

/// A code is required, the user has none, and may not enrol.
pub fn may_not_enrol(help: Option<&str>) -> String {
    with_help("This login needs a code from a phone app, and none is set up for you.".to_owned(), help)
}

/// A login by key alone where a code is required.
pub fn no_way_around(help: Option<&str>) -> String {
    with_help(
        "This login needs a code, and none was asked for. The administrator has to set \
         'AuthenticationMethods publickey,keyboard-interactive' for sshd."
            .to_owned(),
        help,
    )
}

/// Nobody can set up a phone against a clock that is wrong.
pub fn clock_is_wrong(help: Option<&str>) -> String {
    with_help(
        "The clock of this computer is wrong, so no code can be set up. Tell your administrator.".to_owned(),
        help,
    )
}

/// Enrolment did not end with a right code.
pub fn not_enrolled(help: Option<&str>) -> String {
    with_help("No code was set up. Log in again to go on with the same key.".to_owned(), help)
}

/// Enrolled by somebody else while this login was at its prompt.
pub fn enrolled_meanwhile() -> &'static str {
    "A code was set up for this account in another login just now. Log in again."
}

/// In grace: enrolment is offered, and may be put off until this time (Unix seconds).
pub fn reminder(until: i64) -> String {
    format!(
        "From {} on this login needs a code from a phone app. Set it up now? Type y for yes, or press Enter \
         for later: ",
        clock::readable(until)
    )
}

/// In grace at a service that cannot lead through enrolment, or under a policy that lets nobody enrol at login.
pub fn reminder_elsewhere(until: i64, help: Option<&str>) -> String {
    let until = clock::readable(until);
    with_help(
        format!(
            "From {until} on this login needs a code from a phone app. Set it up before: run 'twinlock enroll'."
        ),
        help,
    )
}

/// What a success has to tell, if anything.
pub fn accepted(accepted: &Accepted) -> Option<String> {
    let mut text = String::new();
    if let By::RecoveryCode { left } = accepted.by {
        text.push_str(&format!("Recovery code accepted; {left} left."));
    }
    if accepted.failures > 0 {
        if !text.is_empty() {
            text.push(' ');
        }
        let (codes, were) = if accepted.failures == 1 { ("code", "was") } else { ("codes", "were") };
        text.push_str(&format!(
            "{} wrong {codes} {were} typed for this account since {}.",
            accepted.failures,
            clock::readable(accepted.failing_since)
        ));
    }
    (!text.is_empty()).then_some(text)
}

fn with_help(mut text: String, help: Option<&str>) -> String {
    if let Some(help) = help.filter(|help| !help.is_empty()) {
        text.push_str(" Help: ");
        text.extend(help.chars().map(|letter| if letter.is_control() { ' ' } else { letter }));
    }
    text
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..=1 => "a second".to_owned(),
        2..=90 => format!("{seconds} seconds"),
        91..=5400 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3600)),
    }
}
