//! The words of `twinlock authenticators`, `recovery-codes`, `disable`, `enable` and `move`, and what can go wrong with
//! them and with the check helper.

use twinlock_system::check_helper;
use twinlock_verifier::Credential;
use zeroize::Zeroizing;

use super::{count, defused};
use crate::authenticators::{List, Replaces};
use crate::enroll::Known;
use crate::error::Error;
use crate::place::Moved;
use crate::switch::Switched;

/// The prompt for a code of what is set up, as the check helper wants it.
pub const CODE_OF_WHAT_IS_SET_UP: &str = "Code of an app that is set up already, or a recovery code: ";
/// A new app's code that was right and is not any more.
pub const CODE_IS_TOO_OLD: &str =
    "The code of the new app is not right any more. Type the one that it shows now.\n";
/// A new app's code of a time whose codes count as used.
pub const CODE_IS_TOO_SOON: &str =
    "The code of the new app is of a time whose codes count as used. Wait for the next one.\n";
/// Somebody else was faster, and the answer is used up.
pub const TOO_LATE: &str =
    "Somebody else changed what is set up at the same moment, and that code is used up. Type another one.\n";
/// While a set is hashed.
pub const MAKING_RECOVERY_CODES: &str = "Making new recovery codes; this takes a moment ...\n";
/// The prompt of an offer.
pub const YOUR_CHOICE: &str = "Your choice: ";
/// Which one is to be replaced.
pub const WHICH_ONE: &str = "Which one is to be replaced? Its number or name: ";
/// A recovery code was typed.
pub fn recovery_code_used(left: u32) -> String {
    format!("The recovery code is used up; {left} left.\n")
}

/// Wrong codes since the last right one.
pub fn wrong_codes_before(failures: u32, since: i64) -> String {
    let number = usize::try_from(failures).unwrap_or(usize::MAX);
    format!("{} for your login since {}.\n", count(number, "wrong code"), super::instant(since))
}

/// A name that will not do.
pub const ANOTHER_NAME: &str = "That name is taken, or longer than 64 characters. Type another one.\n";
/// What can be done about a credential that only root can read.
pub const SEALED_OFFER: &str = "\
Your login is set up already, in a place that only root can read.

  r   replaces all of it by a new phone and new recovery codes; this takes a
      current code or a recovery code. Whoever shares this login is out by that.

To add a phone and keep the others, ask an administrator. Press Enter to leave it
as it is.
";

/// What is there, and what can be done.
pub fn offer(known: &[Known]) -> String {
    let mut text = format!("Your login has {} already:\n", count(known.len(), "authenticator"));
    for (number, one) in (1..).zip(known) {
        let day = super::instant(one.enrolled).chars().take(10).collect::<String>();
        text.push_str(&format!("  {number}. {}, enrolled {day}\n", defused(&one.label)));
    }
    text.push_str(
        "\n  a   adds another one and keeps what is there\n  \
         r   replaces one by a new phone\n\n\
         Either takes a current code or a recovery code. Press Enter to leave it as it is.\n",
    );
    text
}

/// Asks for a name.
pub fn name_for_it(free: &str) -> String {
    format!("Name for the new one [{free}]: ")
}

/// All of them.
pub fn authenticators(list: &List) -> String {
    let mut text = String::new();
    if list.changed {
        text.push_str("Done. Now there are:\n");
    }
    for one in &list.authenticators {
        let day = one.enrolled.split('T').next().unwrap_or_default();
        let unknown = if one.registered == Some(false) { "; NOT REGISTERED" } else { "" };
        text.push_str(&format!(
            "{:<24} {}, {} digits, {} s, enrolled {day}{unknown}\n",
            defused(&one.label),
            one.algorithm,
            one.digits,
            one.period
        ));
    }
    text
}

/// After one was added.
pub fn added(label: &str, replaces: Replaces, new: &Credential) -> String {
    let what =
        if replaces == Replaces::Nothing { "is set up" } else { "is set up, in the place of the old one" };
    let after = match &new.recovery {
        None => "There are no recovery codes; `twinlock recovery-codes` makes some.\n",
        Some(_) => "The recovery codes stay as they are.\n",
    };
    format!("\n{:?} {what}. There {} now.\n{after}", defused(label), are(new.authenticators.len()))
}

fn are(number: usize) -> String {
    format!("{} {}", if number == 1 { "is" } else { "are" }, count(number, "authenticator"))
}

/// After everything was replaced.
pub fn all_replaced(codes: &str) -> Zeroizing<String> {
    around(
        "\nThe new phone is set up, and what was there before is dead.\n\nYour new recovery codes:\n\n",
        codes,
    )
}

/// A new set.
pub fn recovery_codes(codes: &str) -> Zeroizing<String> {
    around("\nThe old recovery codes are dead. Each of these lets you in once:\n\n", codes)
}

fn around(before: &str, codes: &str) -> Zeroizing<String> {
    const AFTER: &str = "\nPrint them or write them down now: they are never shown again. Keep them where\n\
                         you keep your keys, not on this computer.\n";
    let mut text = Zeroizing::new(String::with_capacity(before.len() + codes.len() + AFTER.len()));
    [before, codes, AFTER].iter().for_each(|part| text.push_str(part));
    text
}

/// The switch.
pub fn switched(switched: &Switched, other: Option<&str>) -> String {
    let whose = other.map_or("your login".to_owned(), |user| format!("the login of {}", defused(user)));
    let state = if switched.enabled { "on" } else { "off" };
    let already = if switched.changed { "" } else { " already: unchanged" };
    format!("Codes are switched {state} for {whose}{already}.\n")
}

/// Where a credential is now.
pub fn moved(moved: &Moved) -> String {
    let already = if moved.changed { "" } else { " already: unchanged" };
    format!("The credential of {} is {}{already}.\n", defused(&moved.user), defused(&moved.path))
}

/// What the check helper says is wrong, in words.
pub fn helper_trouble(reason: &str) -> String {
    match reason {
        "credential_missing" => "the credential is gone, and the ledger knows that there was one",
        "credential_unregistered" => "the credential holds something that this host does not know",
        "credential_damaged" => "the credential is damaged",
        "ledger_damaged" => "the ledger's record is damaged",
        "ledger_repaired" => "one copy of the ledger's record was damaged; codes of the last minutes and all recovery codes count as used now",
        "uid_reused" => "the ledger's record is of another user name",
        "lock_held" => "another login of this user is under way",
        "unsafe_file" => "a file is not as private as it must be",
        "missing" | "io" => "a file cannot be read or written",
        "lookup" | "unknown_user" => "the user database does not answer, or does not know this user",
        _ => return format!("the check helper cannot tell ({reason})"),
    }
    .to_owned()
}

/// What went wrong, and what to do now.
pub fn upkeep_error(error: &Error) -> (String, String) {
    let both = |what: &str, mend: &str| (what.to_owned(), mend.to_owned());
    match error {
        Error::NoCredentialOf(user) => (
            format!("nothing is set up for {user}."),
            format!("Set it up with `twinlock enroll --user {user}`, or let them run `twinlock enroll`."),
        ),
        Error::CredentialMissing(user) => (
            format!("the credential of {user} is gone, and the ledger knows that there was one."),
            format!("Bring it back, or run `twinlock reset {user}` and set it up anew."),
        ),
        Error::Unregistered(user) => (
            format!("the credential of {user} holds something that the ledger does not know."),
            format!("Bring the old file back, or run `twinlock reset {user}` and set it up anew."),
        ),
        Error::Sealed => both(
            "your credential is kept where only root can read it.",
            "An administrator can do this: run the same with sudo and --user, and your name. `twinlock enroll` \
             replaces all of it.",
        ),
        Error::NotListed => {
            both("what is set up cannot be used.", "`twinlock status` says what is wrong with it.")
        }
        Error::NoHelper => (
            format!("{} is not installed, and only it could do this for you.", check_helper::PATH),
            "Ask an administrator to install it, or to do this: sudo, the same command, and --user."
                .to_owned(),
        ),
        Error::HelperUnavailable(reason) => (
            format!("{}.", helper_trouble(reason)),
            "Nothing was changed. The log (authpriv) has the cause; an administrator can read it.".to_owned(),
        ),
        Error::HelperRefused(reason) => helper_refused(reason),
        Error::LedgerRepaired => both(
            "one copy of the ledger's record was damaged.",
            "It is whole again; codes of the last minutes and all recovery codes count as used. Run this again.",
        ),
        Error::CredentialChanged => both(
            "somebody else changed what is set up at the same time.",
            "Nothing was changed by this. See `twinlock status`, then run it again.",
        ),
        Error::Impossible(fault) => {
            (format!("that would make no credential: {fault}."), "Nothing was changed.".to_owned())
        }
        Error::Edit(fault) => (format!("{fault}."), "Nothing was changed.".to_owned()),
        Error::LabelTaken(label) => (
            format!("there is an authenticator {label:?} already."),
            "Nothing was changed. Choose another name; `twinlock authenticators list` shows all.".to_owned(),
        ),
        Error::NoSuchAuthenticator { label, labels } => {
            let names: Vec<_> = labels.iter().map(|label| format!("{label:?}")).collect();
            (
                format!("there is no authenticator {label:?}."),
                format!("Nothing was changed. There {} {}.", are_called(names.len()), names.join(", ")),
            )
        }
        Error::TooManyAuthenticators => both(
            "there are 64 authenticators already, as many as one login can have.",
            "Remove one first: twinlock authenticators remove NAME",
        ),
        Error::LastAuthenticator { label, user } => (
            format!("{label:?} is the last authenticator, and the last one is never removed."),
            match user {
                None => {
                    "Nothing was changed. Add another one first; or, where no code is required, `twinlock \
                         disable` switches codes off."
                        .to_owned()
                }
                Some(user) => {
                    format!("Nothing was changed. To take everything away, run `twinlock reset {user}`.")
                }
            },
        ),
        Error::Required(user) => (
            match user {
                None => "a code is required of you, so codes cannot be switched off.".to_owned(),
                Some(user) => format!("a code is required of {user}, so codes cannot be switched off."),
            },
            "Nothing was changed. The policy says who needs a code; an administrator can change it."
                .to_owned(),
        ),
        Error::NotRegisteredYet => both(
            "no code was accepted yet, so there is nothing to switch.",
            "Log in with a code first, or remove the credential's file.",
        ),
        Error::LeftAsItIs => both("nothing was chosen.", "Everything is as it was."),
        _ => both("something went wrong.", "See the log."),
    }
}

fn are_called(number: usize) -> &'static str {
    if number == 1 { "is only" } else { "are" }
}

fn helper_refused(reason: &str) -> (String, String) {
    let (what, mend) = match reason {
        "required" => (
            "a code is required of you, so codes cannot be switched off.",
            "The policy says who needs a code; an administrator can change it.",
        ),
        "enrollment_not_allowed" => (
            "on this host only an administrator sets codes up.",
            "Ask an administrator to run `twinlock enroll --user` for you.",
        ),
        "not_enrolled" => ("nothing is set up for your login.", "Set it up with `twinlock enroll`."),
        "changed_meanwhile" => (
            "somebody else changed what is set up at the same time.",
            "See `twinlock status`, then run it again.",
        ),
        "confirm_wrong" => (
            "the code of the new app was not right any more when it was checked.",
            "Run it again; see that the clocks of the phone and of this host are right.",
        ),
        "confirm_too_soon" => (
            "codes of the last minute count as used, since an authenticator was just removed.",
            "Wait a minute, then run it again.",
        ),
        "clock" => (
            "the clock of this host is behind, so codes cannot be checked.",
            "Set it (timedatectl set-ntp true), then run it again.",
        ),
        _ => ("the check helper does not take this.", "The log (authpriv) has the cause."),
    };
    (what.to_owned(), format!("Nothing was changed. {mend}"))
}
