//! The QR code where it is wanted: on the terminal, fitted to it, or in a file of the caller's. A form that does not
//! fit is not shown half; the words then say what to do instead.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use twinlock_enrollment::Account;
use twinlock_enrollment::qr::{Form, Polarity, QrCode};
use zeroize::Zeroizing;

use super::fresh::Fresh;
use crate::cli::{NewKey, Qr};
use crate::error::Error;
use crate::terminal::{self, Window};
use crate::texts;

/// Quiet zone where there is room for anything, in modules (ISO/IEC 18004 asks for four).
const WIDE: u8 = 4;
/// Quiet zone of a form that was asked for although the window is too small.
const NARROW: u8 = 2;
/// Pixels a module of the PNG picture.
const PIXELS: u8 = 8;
/// Columns between the picture and the words beside it.
const GAP: usize = 2;

/// Key, account and issuer, and below them the picture, so that with the prompt all of it is in the window.
pub fn beside_words(
    options: &NewKey,
    fresh: &Fresh,
    account: &Account<'_>,
    window: &Window,
) -> Zeroizing<String> {
    let above = texts::key_and_account(&fresh.key, account);
    let Some(form) = form(options.qr, window) else {
        let hint = options.output.as_deref().map(texts::scan_the_file).unwrap_or_default();
        return joined(&[&above, &hint]);
    };
    let lines: usize = above.lines().map(|line| line.chars().count().div_ceil(window.columns).max(1)).sum();
    // The prompt takes one more.
    let below_words = window.rows.saturating_sub(lines + 1);
    if let Some(zone) = fresh.code.widest_quiet_zone(form, window.columns, below_words) {
        return joined(&[&above, &draw(&fresh.code, form, zone)]);
    }
    // The words may scroll away if the key has room beside the picture.
    let key = texts::key_beside(&fresh.key);
    let width = key.iter().map(|line| line.len()).max().unwrap_or(0) + GAP;
    let (columns, rows) = (window.columns.saturating_sub(width), window.rows.saturating_sub(1));
    if let Some(zone) = fresh.code.widest_quiet_zone(form, columns, rows) {
        return joined(&[&above, &beside(&draw(&fresh.code, form, zone), &key)]);
    }
    if options.qr.is_some() {
        return joined(&[&above, &draw(&fresh.code, form, NARROW)]);
    }
    let wanted = fresh.code.size(form, 1);
    joined(&[&above, &texts::window_too_small(wanted.columns, wanted.rows + lines + 1)])
}

/// The picture by itself, if one was asked for, or somebody looks at it who will hand it over.
pub fn alone(options: &NewKey, fresh: &Fresh, handed_over: bool) -> Zeroizing<String> {
    let window = Window::current();
    let wanted = options.qr.is_some() || handed_over && terminal::is_interactive();
    let form = form(options.qr, &window).filter(|_| wanted);
    form.map_or_else(Zeroizing::default, |form| draw(&fresh.code, form, WIDE))
}

/// What to draw on a terminal, if anything.
fn form(wanted: Option<Qr>, window: &Window) -> Option<Form> {
    let coloured = if window.utf8 { Form::Ansi } else { Form::AnsiSpaces };
    match wanted {
        Some(Qr::Ansi) => Some(coloured),
        Some(Qr::Utf8) => Some(Form::HalfBlocks),
        Some(Qr::Ascii) => Some(Form::Ascii),
        Some(Qr::Svg | Qr::Png | Qr::None) => None,
        None if window.colours => Some(coloured),
        None if window.utf8 => Some(Form::HalfBlocks),
        None => Some(Form::Ascii),
    }
}

fn draw(code: &QrCode, form: Form, zone: u8) -> Zeroizing<String> {
    match form {
        Form::Ansi => code.ansi(zone),
        Form::AnsiSpaces => code.ansi_spaces(zone),
        Form::HalfBlocks => code.half_blocks(zone, Polarity::Dark),
        Form::Ascii => code.ascii(zone, Polarity::Dark),
    }
}

/// The picture with words to the right of its first lines.
fn beside(picture: &str, words: &[Zeroizing<String>]) -> Zeroizing<String> {
    let room: usize = words.iter().map(|line| line.len() + GAP).sum();
    let mut text = Zeroizing::new(String::with_capacity(picture.len() + room));
    let mut words = words.iter();
    for line in picture.lines() {
        text.push_str(line);
        if let Some(word) = words.next() {
            text.extend(std::iter::repeat_n(' ', GAP));
            text.push_str(word);
        }
        text.push('\n');
    }
    text
}

fn joined(parts: &[&str]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
    parts.iter().for_each(|part| text.push_str(part));
    text
}

/// A picture in a file that nobody but the caller can read.
pub struct PictureFile {
    path: PathBuf,
}

impl PictureFile {
    /// Writes the picture that the options ask for; None if they ask for none.
    ///
    /// # Errors
    /// [`Error::File`], also when there is such a file already; a file begun is removed.
    pub fn create(options: &NewKey, fresh: &Fresh) -> Result<Option<PictureFile>, Error> {
        let Some(path) = &options.output else { return Ok(None) };
        let svg;
        let png;
        let bytes: &[u8] = if options.qr == Some(Qr::Svg) {
            svg = fresh.code.svg(WIDE);
            svg.as_bytes()
        } else {
            png = fresh.code.png(WIDE, PIXELS).map_err(Error::Picture)?;
            &png
        };
        let failed = |error| Error::File { doing: "write", path: path.clone(), error };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        let picture = PictureFile { path: path.clone() };
        match fill(file, bytes) {
            Ok(()) => Ok(Some(picture)),
            Err(error) => {
                picture.remove();
                Err(failed(error))
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes it back.
    pub fn remove(self) {
        // It was made by this process a moment ago; if somebody else took it away, that is as good.
        let _ = std::fs::remove_file(self.path);
    }
}

fn fill(mut file: File, bytes: &[u8]) -> std::io::Result<()> {
    // A umask may have taken bits away.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()
}
