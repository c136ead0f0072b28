//! The words of enrolment at login, all in one place, for somebody who has never heard of TOTP. English, so
//! that they can be translated one day; ASCII outside the picture and the names, because the OpenSSH client
//! prints anything else in octal in the C locale; and no escape sequence, because it escapes those everywhere.
//! A text here must never contain the word 'password': one-answer clients look for it.

mod layout;

use zeroize::Zeroizing;

use crate::pending::Pending;
use crate::qr::{Form, Polarity, QrCode};
use crate::uri::printable;
use crate::{Account, Parameters, RecoveryCodes, key_in_groups, otpauth_uri};
use layout::{Line, WIDTH, beside, join, text, width_beside, wrap};

/// Rows of the smallest terminal for which the prompt is laid out.
const ROWS: usize = 24;
/// Two modules instead of the four of the standard: scanners accept it, and 24 rows have no room for more.
const QUIET_ZONE: u8 = 2;
const VERIFICATION_CODE: &str = "Verification code: ";

/// Which picture stands in the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// Half blocks: the first prompt.
    HalfBlocks(Polarity),
    /// `##` and spaces: after the answer `a`.
    Ascii(Polarity),
    /// None: a client that cannot show one.
    None,
}

/// What whoever sees a key must know about where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// It was made for this login.
    New,
    /// An earlier login was shown it, at this time in words; the prompt then says when and where.
    ShownBefore(&'a str),
    /// It takes the place of one that another login was shown as well, while this one set it up.
    InPlaceOfOneThatOthersSaw,
}

/// What the enrolment prompt shows.
#[derive(Clone, Copy, Debug)]
pub struct Enrolment<'a> {
    /// Whose code it will be.
    pub account: Account<'a>,
    /// The enrolment under way: secret, parameters, and when and where it was first shown.
    pub pending: &'a Pending,
    /// Where the secret came from.
    pub origin: Origin<'a>,
    /// The policy's `help`.
    pub help: Option<&'a str>,
    /// Which picture to show.
    pub picture: Picture,
}

/// The prompt that shows the key and asks for the first code: key, account, issuer and help, then the picture,
/// then `Verification code: `. One string of several lines, for one PAM message whose answer is echoed.
///
/// The words stand beside the picture, so that the whole of it fits an 80x24 terminal: with the issuer `ACME ERP`
/// and the account `maria@erp-terminal-3` the URI has 106 characters and the code 37 modules (version 5); with a
/// quiet zone of 2 that is 41 columns and 21 rows, and 2 rows above and 1 below make 24. A URI of more than 114
/// characters needs version 6 and 26 rows, of more than 142 version 7 and 28; the key, which has then left the
/// screen, is repeated beside the picture. Where the words find no room there, they stand above the picture.
/// A URI too long for a QR code leaves the key alone.
pub fn scan_and_confirm(enrolment: &Enrolment<'_>) -> Zeroizing<String> {
    let Pending { secret, parameters, .. } = enrolment.pending;
    let uri = otpauth_uri(&enrolment.account, &**secret, parameters);
    let above = names(enrolment);
    match (enrolment.picture, QrCode::from_uri(&uri)) {
        (Picture::HalfBlocks(polarity), Ok(code)) => with_half_blocks(enrolment, above, &code, polarity),
        (Picture::Ascii(polarity), Ok(code)) => with_ascii(enrolment, above, &code, polarity),
        (Picture::None, _) | (_, Err(_)) => {
            let mut lines = above;
            lines.extend(explanation(enrolment, WIDTH, "type in the key above"));
            text(&lines, VERIFICATION_CODE)
        }
    }
}

/// Whether the answer to [`scan_and_confirm`] asks for the ASCII picture.
pub fn wants_ascii_picture(answer: &str) -> bool {
    answer.trim().eq_ignore_ascii_case("a")
}

/// The prompt after a first code that was not right.
pub fn code_was_not_right(parameters: &Parameters, help: Option<&str>) -> String {
    let mut lines = wrap(
        &format!(
            "That code was not right. Type the {} digits that the app shows now. They change every {} seconds.",
            parameters.digits, parameters.period
        ),
        WIDTH,
        0,
    );
    lines.extend(wrap("If it fails again, see that the phone sets its clock by itself.", WIDTH, 0));
    lines.extend(help_line(help).iter().flat_map(|help| wrap(help, WIDTH, 2)));
    text(&lines, VERIFICATION_CODE).to_string()
}

/// The recovery codes inside a 'press Enter' prompt: as a prompt, because `PAM_SILENT` mutes mere texts and
/// these are shown only once.
pub fn recovery_codes(codes: &RecoveryCodes) -> Zeroizing<String> {
    const BEFORE: &str = "\
The app is set up. From now on this login asks for a code from it.

If you lose the phone, each of these recovery codes lets you in once, in place
of the code from the app. Write them down now; they are never shown again.

";
    const AFTER: &str = "
Keep them where you keep your keys, not on this computer.
Press Enter when you have written them down: ";
    let block = codes.printable();
    let mut text = Zeroizing::new(String::with_capacity(BEFORE.len() + block.len() + AFTER.len()));
    text.push_str(BEFORE);
    text.push_str(&block);
    text.push_str(AFTER);
    text
}

/// The message where a code is required, none is set up, and this service cannot set one up (a screen
/// locker, a graphical login): short, without a picture.
pub fn set_up_elsewhere(help: Option<&str>) -> String {
    let mut message = "This login needs a code from a phone app, and none is set up yet. \
                       Log in by SSH or on a text console to set it up."
        .to_owned();
    if let Some(help) = help_line(help) {
        message.push(' ');
        message.push_str(&help);
    }
    message
}

/// The lines above any picture: the key first, for a client that garbles all that follows.
fn names(enrolment: &Enrolment<'_>) -> Vec<Line> {
    let mut lines = vec![key_line(enrolment)];
    let mut parts = vec![format!("Account: {}", enrolment.account.shown_account())];
    let issuer = enrolment.account.shown_issuer();
    if !issuer.is_empty() {
        parts.push(format!("Issuer: {issuer}"));
    }
    parts.extend(help_line(enrolment.help));
    parts.extend(unusual(&enrolment.pending.parameters));
    lines.extend(join(&parts, WIDTH));
    lines
}

fn key_line(enrolment: &Enrolment<'_>) -> Line {
    let mut line = Zeroizing::new(String::with_capacity(WIDTH));
    line.push_str("Key: ");
    line.push_str(&key_in_groups(&*enrolment.pending.secret));
    line.push_str("   for the app on your phone");
    line
}

fn help_line(help: Option<&str>) -> Option<String> {
    help.map(printable).filter(|help| !help.is_empty()).map(|help| format!("Help: {help}"))
}

/// What must be set by hand with a key that is typed in; the picture carries it.
fn unusual(parameters: &Parameters) -> Option<String> {
    let Parameters { algorithm, digits, period } = parameters;
    (*parameters != Parameters::default())
        .then(|| format!("Type: {algorithm}, {digits} digits, {period} seconds"))
}

/// What this is, and what to do, in plain words.
fn explanation(enrolment: &Enrolment<'_>, width: usize, take_in: &str) -> Vec<Line> {
    let Pending { service, source, parameters: Parameters { digits, period, .. }, .. } = enrolment.pending;
    let why = match enrolment.origin {
        Origin::New => {
            format!(
                "From now on this login also asks for a {digits}-digit code from your phone. Set it up once:"
            )
        }
        Origin::ShownBefore(when) => {
            let (service, source) = (printable(service), printable(source));
            let place = if source.is_empty() { "here" } else { &*source };
            format!(
                "This key was first shown at {when} to {place} ({service}). If that was not you, do not go on: \
                 close this login and report it."
            )
        }
        Origin::InPlaceOfOneThatOthersSaw => {
            "Another login was shown that key too, so it does not count. If that was \
             not you, report it. Delete it in the app and set up this new one:"
                .to_owned()
        }
    };
    let mut lines = wrap(&why, width, 0);
    for step in [
        "1. On your phone, install an authenticator app, such as FreeOTP, Aegis or Google Authenticator."
            .to_owned(),
        format!("2. In the app, press + and {take_in} (time based)."),
        format!(
            "3. The app then shows {digits} digits, new ones every {period} seconds. Type them below and press Enter."
        ),
    ] {
        lines.push(Line::default());
        lines.extend(wrap(&step, width, 3));
    }
    lines
}

fn with_half_blocks(
    enrolment: &Enrolment<'_>,
    above: Vec<Line>,
    code: &QrCode,
    polarity: Polarity,
) -> Zeroizing<String> {
    const LAST: &str = "(If the picture is broken, type a.) Verification code: ";
    let size = code.size(Form::HalfBlocks, QUIET_ZONE);
    let picture = code.half_blocks(QUIET_ZONE, polarity);
    let key_stays = above.len() + size.rows < ROWS;

    let words = width_beside(size.columns)
        .map(|width| {
            let how = if key_stays {
                "scan this picture, or type in the key above"
            } else {
                "scan this picture, or type in the key"
            };
            let mut words = explanation(enrolment, width, how);
            if !key_stays {
                words.push(Line::default());
                words.extend(wrap(&key_in_groups(&*enrolment.pending.secret), width, 0));
            }
            words
        })
        .filter(|words| words.len() <= size.rows);

    let mut lines = above;
    match words {
        Some(words) => lines.extend(beside(&picture, &words)),
        None => {
            lines.extend(explanation(enrolment, WIDTH, "scan this picture, or type in the key above"));
            lines.extend(beside(&picture, &[]));
        }
    }
    text(&lines, LAST)
}

fn with_ascii(
    enrolment: &Enrolment<'_>,
    above: Vec<Line>,
    code: &QrCode,
    polarity: Polarity,
) -> Zeroizing<String> {
    // A code of version 5 with the usual quiet zone is two columns wider than the terminal.
    let quiet_zone = if code.fits(Form::Ascii, QUIET_ZONE, WIDTH, usize::MAX) { QUIET_ZONE } else { 1 };
    let size = code.size(Form::Ascii, quiet_zone);
    let mut lines = above;
    lines.extend(explanation(enrolment, WIDTH, "scan the picture, or type in the key"));
    let (columns, rows) = (size.columns, size.rows + 2);
    let needed = format!(
        "The picture needs a window of {columns} columns and {rows} rows. If yours is smaller, type in the key."
    );
    lines.push(Line::default());
    lines.extend(wrap(&needed, WIDTH, 0));
    lines.extend(beside(&code.ascii(quiet_zone, polarity), &[]));
    // The picture is taller than most terminals: what stands above it has left the screen.
    lines.push(key_line(enrolment));
    text(&lines, VERIFICATION_CODE)
}
