//! The words of `twinlock enroll`, for somebody who has never heard of TOTP.

use std::path::Path;

use twinlock_enrollment::Account;
use twinlock_verifier::Authenticator;
use zeroize::Zeroizing;

use super::defused;
use crate::cli::{Algorithm, NewKey};

/// The prompt, as at login.
pub const VERIFICATION_CODE: &str = "Verification code: ";
/// Shown while the recovery codes are hashed.
pub const HASHING: &str = "That is right. Making your recovery codes; this takes a moment ...\n";

/// Key and URI of a new authenticator.
pub struct Words<'a> {
    /// In groups of four.
    pub key: &'a str,
    /// otpauth://...
    pub uri: &'a str,
}

/// What comes before the key.
pub fn enroll_introduction(options: &NewKey, help: Option<&str>) -> String {
    let text = "\
This connects an app on your phone to your login. Once it is set up, a login
asks for a code that the app shows, besides what it asks for today.

You need an authenticator app, such as Aegis, FreeOTP or Google Authenticator.
Let it scan the picture, or choose \"enter a key\" in it and type in the key.
Then type the code that the app shows. Press Enter without a code to stop;
nothing is changed before a right code was typed.
";
    with_notes(text, options, help)
}

/// What comes before the key of another authenticator.
pub fn add_introduction(name: &str, asks_for_another: bool, options: &NewKey, help: Option<&str>) -> String {
    let codes = if asks_for_another {
        "Then type the code that it shows, and after that a code of an app that is\n\
         set up already, or a recovery code. Press Enter without a code to stop; nothing\n\
         is changed before both were right.\n"
    } else {
        "Then type the code that it shows. Press Enter without a code to stop; nothing\n\
         is changed before a right code was typed.\n"
    };
    let text = format!(
        "This connects an app on a phone to the login, under the name {:?}.\n\n\
         Let the app scan the picture, or choose \"enter a key\" in it and type in the key.\n{codes}",
        defused(name)
    );
    with_notes(&text, options, help)
}

/// What `authenticators add` prints where nobody confirms.
pub fn added_unattended(
    label: &str,
    account: &Account<'_>,
    words: Words<'_>,
    picture: &str,
    path: &str,
    other: Option<&str>,
) -> Zeroizing<String> {
    let names = names(account);
    let label = defused(label);
    let hand_over = other.map_or(String::new(), |user| {
        format!("Hand the key over to whoever is {label:?} at the login {}; keep nothing.\n", defused(user))
    });
    let after = format!("\nCredential: {}\n{hand_over}", defused(path));
    let room =
        64 + label.len() + words.key.len() + words.uri.len() + picture.len() + names.len() + after.len();
    let mut text = Zeroizing::new(String::with_capacity(room));
    for part in
        ["Name: ", &label, "\nKey: ", words.key, "\n", &names, "URI: ", words.uri, "\n", picture, &after]
    {
        text.push_str(part);
    }
    text
}

fn with_notes(text: &str, options: &NewKey, help: Option<&str>) -> String {
    let mut text = text.to_owned();
    if let Some(note) = ignored_by_apps(options) {
        text.push_str(&format!("\n{note}"));
    }
    if let Some(help) = help {
        text.push_str(&format!("\nHelp: {}\n", defused(help)));
    }
    text.push('\n');
    text
}

/// Which apps ignore what was asked for.
fn ignored_by_apps(options: &NewKey) -> Option<String> {
    let mut asked = Vec::new();
    if options.algorithm != Algorithm::Sha1 {
        asked.push("--algorithm");
    }
    if options.digits != 6 {
        asked.push("--digits");
    }
    if options.period != 30 {
        asked.push("--period");
    }
    if asked.is_empty() {
        return None;
    }
    Some(format!(
        "Note: {} is ignored by many apps, Google Authenticator and Microsoft\n\
         Authenticator among them: their codes are then never right. Aegis, FreeOTP\n\
         and 2FAS follow it.\n",
        asked.join(" ")
    ))
}

/// The lines right above the picture.
pub fn key_and_account(key: &str, account: &Account<'_>) -> Zeroizing<String> {
    let names = names(account);
    let mut text = Zeroizing::new(String::with_capacity(key.len() + names.len() + 16));
    text.push_str("Key: ");
    text.push_str(key);
    text.push('\n');
    text.push_str(&names);
    text
}

fn names(account: &Account<'_>) -> String {
    format!("Account: {}   Issuer: {}\n", account.shown_account(), account.shown_issuer())
}

/// The key in lines narrow enough to stand beside the picture.
pub fn key_beside(key: &str) -> Vec<Zeroizing<String>> {
    let mut lines = vec![Zeroizing::new("Key:".to_owned())];
    let groups: Vec<&str> = key.split(' ').collect();
    for four in groups.chunks(4) {
        let mut line = Zeroizing::new(String::with_capacity(20));
        for (number, group) in four.iter().enumerate() {
            if number > 0 {
                line.push(' ');
            }
            line.push_str(group);
        }
        lines.push(line);
    }
    lines
}

/// Instead of a picture that would not fit.
pub fn window_too_small(columns: usize, rows: usize) -> String {
    format!(
        "The window is too small for the picture. Type in the key; or press Enter and\n\
         start again in a window of {columns} columns and {rows} lines, or with\n\
         --qr png --output FILE.\n"
    )
}

/// Where the picture is.
pub fn scan_the_file(path: &Path) -> String {
    format!("Picture: {}\n", defused(&path.display().to_string()))
}

/// A wrong code; the right one is never shown.
pub fn code_was_not_right(authenticator: &Authenticator) -> String {
    format!(
        "That code was not right. Type the {} digits that the app shows now; they change\n\
         every {} seconds. If it fails again, see that the clocks of the phone and of\n\
         this host are right.\n",
        authenticator.digits, authenticator.period
    )
}

/// Something else than a code.
pub fn not_shaped_like_a_code(authenticator: &Authenticator) -> String {
    format!("A code from the app has {} digits.\n", authenticator.digits)
}

/// The end of an enrolment at a terminal.
pub fn enrolled(codes: &str, path: &str, registration: &str) -> Zeroizing<String> {
    const BEFORE: &str = "
The app is set up.

If you lose the phone, each of these recovery codes lets you in once, in place
of a code from the app. Print them or write them down now: they are never shown
again.

";
    let after = format!(
        "\nKeep them where you keep your keys, not on this computer.\n\nCredential: {}\n{registration}",
        defused(path)
    );
    let mut text = Zeroizing::new(String::with_capacity(BEFORE.len() + codes.len() + after.len()));
    text.push_str(BEFORE);
    text.push_str(codes);
    text.push_str(&after);
    text
}

/// What `enroll --unattended` prints.
pub fn unattended(
    account: &Account<'_>,
    words: Words<'_>,
    picture: &str,
    codes: &str,
    path: &str,
    registration: &str,
) -> Zeroizing<String> {
    let after = format!("\nCredential: {}\n{registration}", defused(path));
    let names = names(account);
    let room =
        64 + words.key.len() + words.uri.len() + picture.len() + codes.len() + names.len() + after.len();
    let mut text = Zeroizing::new(String::with_capacity(room));
    for part in
        ["Key: ", words.key, "\n", &names, "URI: ", words.uri, "\n", picture, "\nRecovery codes:\n", codes]
    {
        text.push_str(part);
    }
    text.push_str(&after);
    text
}

/// Who makes the login know the new credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registrar {
    /// Root, at once.
    Root,
    /// The check helper, at once.
    Helper,
    /// The first code that a login accepts.
    FirstCode,
}

/// Who makes the login know the new credential, in words.
pub fn registration(by: Registrar, user: &str) -> String {
    match by {
        Registrar::Root => "Registration: by root\n".to_owned(),
        Registrar::Helper => "Registration: at once\n".to_owned(),
        Registrar::FirstCode => format!(
            "Registration: by the first code that a login accepts. (The check helper, which\n\
             would do it at once, is not installed here.) If you were set up on this host\n\
             before, ask an administrator to run `twinlock reset {}` first.\n",
            defused(user)
        ),
    }
}

/// It is set up, and the login knows.
pub const REGISTERED: &str = "\nDone: from now on a login asks you for a code.\n";

/// What was set up for somebody else.
pub fn handed_over(user: &str) -> String {
    let user = defused(user);
    format!(
        "Registration: by root. From now on {user} needs a code, and the first that a login\n\
         accepts shows that the phone has the key. Hand over the key and the recovery codes;\n\
         keep neither.\n"
    )
}

/// After a picture was written to a file.
pub fn picture_is_a_secret(path: &Path) -> String {
    let path = defused(&path.display().to_string());
    format!("{path} holds the key. Remove it as soon as the phone has it.\n")
}
