//! Asking the check helper for the caller: it alone may write the ledger for somebody who is not root. Its words become
//! the verifier's values here; what it refuses it has logged already.

use std::io::ErrorKind;

use twinlock_system::check_helper::{self, Reply};
use twinlock_system::clock;
use twinlock_verifier::verdict::Accepted;
use twinlock_verifier::{By, Credential, Rejection, Typed, recovery};
use zeroize::Zeroizing;

use crate::error::Error;

/// What this command is called where PAM services are named.
pub const SERVICE: &str = "twinlock";

/// Whether there is a helper on this host. One that is there and does not work is a trouble, not an absence.
pub fn is_installed() -> bool {
    !matches!(std::fs::symlink_metadata(check_helper::PATH), Err(error) if error.kind() == ErrorKind::NotFound)
}

/// How the caller stands, as the helper tells.
#[derive(Debug)]
pub struct Standing {
    /// There is a credential, or the ledger knows of one.
    pub enrolled: bool,
    /// The ledger knows it.
    pub registered: bool,
    /// The user's own switch.
    pub switched_off: bool,
    /// A code is required at one of the usual services.
    pub required: bool,
    /// Why a login would be refused whatever is typed.
    pub trouble: Option<String>,
    /// Recovery codes that can still be used.
    pub recovery_left: Option<u32>,
    /// Unix seconds and service of the last accepted code.
    pub last: Option<(i64, String)>,
    /// Wrong codes since then, and since when.
    pub failures: u32,
    /// Unix seconds of the first of them.
    pub failing_since: i64,
    /// Too many wrong codes.
    pub disabled: bool,
    /// Unix seconds until which no code is looked at; None for no wait.
    pub wait_until: Option<i64>,
}

/// Asks how the caller stands.
///
/// # Errors
/// [`Error::HelperUnavailable`], or that the helper cannot be asked.
pub fn standing() -> Result<Standing, Error> {
    let reply = ask("status", &Zeroizing::new(String::new()))?;
    if reply.word != "status" {
        return Err(unavailable(&reply));
    }
    let is = |key: &str| reply.detail(key) == Some("yes");
    let wait = reply.number("wait").filter(|&wait: &u64| wait > 0);
    Ok(Standing {
        enrolled: is("enrolled"),
        registered: is("registered"),
        switched_off: is("switched_off"),
        required: is("required"),
        trouble: reply.detail("trouble").map(str::to_owned),
        recovery_left: reply.number("recovery_left"),
        last: reply
            .number("last")
            .map(|at| (at, reply.detail("last_service").unwrap_or_default().to_owned())),
        failures: reply.number("failures").unwrap_or(0),
        failing_since: reply.number("failing_since").unwrap_or(0),
        disabled: is("disabled"),
        wait_until: wait.map(|wait| clock::now().saturating_add_unsigned(wait)),
    })
}

/// What came of an answer.
#[derive(Debug)]
pub enum Outcome {
    /// Done; and what the answer was, if one was judged.
    Accepted(Option<Accepted>),
    /// The answer was not right.
    Rejected(Rejection),
    /// Not allowed, or not possible as it was asked: the helper's word for why.
    Refused(String),
    /// The answer was right and is used up, but somebody else's change came before this one.
    TooLate,
}

/// Judges a code, which is used up by it.
///
/// # Errors
/// As for [`standing`].
pub fn verify(typed: &Typed) -> Result<Outcome, Error> {
    answered("verify", typed)
}

/// Turns the caller's own switch.
///
/// # Errors
/// As for [`standing`].
pub fn switch(on: bool, typed: &Typed) -> Result<Outcome, Error> {
    answered(if on { "enable" } else { "disable" }, typed)
}

fn answered(operation: &str, typed: &Typed) -> Result<Outcome, Error> {
    match answer(typed) {
        Ok(answer) => outcome(&ask(operation, &line("answer", &answer))?),
        Err(rejection) => Ok(Outcome::Rejected(rejection)),
    }
}

/// A new credential for the caller.
pub struct Change<'a> {
    /// The credential that it was made from; None for the first one, or where only root can read the old one.
    pub base: Option<&'a Credential>,
    /// A code of what is set up; None for the first one.
    pub answer: Option<&'a Typed>,
    /// A code of the authenticator that is new.
    pub confirm: Option<&'a str>,
    /// The new credential.
    pub new: &'a Credential,
}

/// Puts a new credential in the place of the caller's.
///
/// # Errors
/// As for [`standing`].
pub fn change(change: &Change<'_>) -> Result<Outcome, Error> {
    let answer = match change.answer.map(answer).transpose() {
        Ok(answer) => answer.unwrap_or_default(),
        Err(rejection) => return Ok(Outcome::Rejected(rejection)),
    };
    let base: String =
        change.base.map(Credential::fingerprint).iter().flatten().map(|byte| format!("{byte:02x}")).collect();
    let text = change.new.to_text();
    // Room for all of it: a buffer that grows leaves copies behind.
    let mut input = Zeroizing::new(String::with_capacity(text.len() + 256));
    for (key, value) in
        [("answer", answer.as_str()), ("confirm", change.confirm.unwrap_or_default()), ("base", &base)]
    {
        if !value.is_empty() {
            input.push_str(&line(key, value));
        }
    }
    input.push_str("credential\n");
    input.push_str(&text);
    outcome(&ask("change", &input)?)
}

/// An answer as the helper takes it. What has no shape of a code is not sent: it may be a password.
fn answer(typed: &Typed) -> Result<Zeroizing<String>, Rejection> {
    match typed {
        Typed::Code(code) => Ok(code.clone()),
        Typed::Recovery(code) => Ok(recovery::encode(code)),
        Typed::Empty => Err(Rejection::Empty),
        Typed::Unshaped => Err(Rejection::Unshaped),
    }
}

fn line(key: &str, value: &str) -> Zeroizing<String> {
    let mut line = Zeroizing::new(String::with_capacity(key.len() + value.len() + 2));
    [key, "=", value, "\n"].iter().for_each(|part| line.push_str(part));
    line
}

fn ask(operation: &str, input: &Zeroizing<String>) -> Result<Reply, Error> {
    let mut whole = Zeroizing::new(String::with_capacity(input.len() + 64));
    whole.push_str(&line("service", SERVICE));
    whole.push_str(input);
    Ok(check_helper::ask(operation, whole.as_bytes())?)
}

fn outcome(reply: &Reply) -> Result<Outcome, Error> {
    let reason = reply.detail("reason").unwrap_or_default();
    match reply.word.as_str() {
        "accepted" => Ok(Outcome::Accepted(accepted(reply))),
        "rejected" => Rejection::from_word(reason, reply.number("wait").unwrap_or(0))
            .map(Outcome::Rejected)
            .ok_or_else(|| unavailable(reply)),
        "refused" if reply.detail("answer") == Some("used") => Ok(Outcome::TooLate),
        "refused" => Ok(Outcome::Refused(reason.to_owned())),
        _ => Err(unavailable(reply)),
    }
}

fn accepted(reply: &Reply) -> Option<Accepted> {
    let by = match (reply.detail("authenticator"), reply.number("left")) {
        (Some(label), _) => By::Authenticator(label.to_owned()),
        (None, Some(left)) => By::RecoveryCode { left },
        (None, None) => return None,
    };
    let number = |key| reply.number(key).unwrap_or(0);
    Some(Accepted {
        by,
        failures: number("failures"),
        failing_since: reply.number("failing_since").unwrap_or(0),
    })
}

fn unavailable(reply: &Reply) -> Error {
    Error::HelperUnavailable(reply.detail("reason").unwrap_or("nothing").to_owned())
}
