//! The QR code and its forms. Every form is drawn from the same modules; a form that cannot promise to scan
//! says so. Nothing here asks what the terminal can do: the caller chooses by size, locale and colours.

#[cfg(feature = "pictures")]
mod picture;
mod terminal;

use std::fmt;

use qrcode::{Color, EcLevel, QrCode as Encoder};
use zeroize::Zeroizing;

use crate::Error;

/// A QR code (ISO/IEC 18004), ready to be drawn.
pub struct QrCode {
    /// Row by row; true is a dark module.
    modules: Zeroizing<Vec<bool>>,
    width: usize,
}

/// Which of the two colours of a monochrome terminal is ink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Polarity {
    /// A dark terminal: light modules are printed, the background is the dark module. Most terminals.
    #[default]
    Dark,
    /// A light terminal: dark modules are printed, the background is the light module.
    Light,
}

/// The forms that take cells of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// [`QrCode::half_blocks`]: a column and half a row a module.
    HalfBlocks,
    /// [`QrCode::ansi`]: the same size, with colours.
    Ansi,
    /// [`QrCode::ascii`]: two columns and a row a module.
    Ascii,
    /// [`QrCode::ansi_spaces`]: the size of ASCII, with colours.
    AnsiSpaces,
}

/// Cells of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Cells across.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

impl QrCode {
    /// Encodes the text in the smallest code that holds it: at error correction level M if that costs no
    /// larger code than level L, else at L. A screen has no dirt to correct, and a small code fits more of them.
    ///
    /// # Errors
    /// [`Error::TooLongForQr`] if no version holds the text (2953 bytes at most).
    pub fn from_uri(uri: &str) -> Result<QrCode, Error> {
        let too_long = |_| Error::TooLongForQr { bytes: uri.len() };
        let low = Encoder::with_error_correction_level(uri, EcLevel::L).map_err(too_long)?;
        let code = Encoder::with_version(uri, low.version(), EcLevel::M).unwrap_or(low);
        let width = code.width();
        let modules = code.into_colors().into_iter().map(|color| color == Color::Dark).collect();
        Ok(QrCode { modules: Zeroizing::new(modules), width })
    }

    /// Modules along one side, without a quiet zone: 21 to 177.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The cells that a form takes. The quiet zone is in modules on each side.
    pub fn size(&self, form: Form, quiet_zone: u8) -> Size {
        let modules = self.width + 2 * usize::from(quiet_zone);
        match form {
            Form::HalfBlocks | Form::Ansi => Size { columns: modules, rows: modules.div_ceil(2) },
            Form::Ascii | Form::AnsiSpaces => Size { columns: 2 * modules, rows: modules },
        }
    }

    /// Whether a form with this quiet zone fits into so many cells.
    pub fn fits(&self, form: Form, quiet_zone: u8, columns: usize, rows: usize) -> bool {
        let size = self.size(form, quiet_zone);
        size.columns <= columns && size.rows <= rows
    }

    /// The widest quiet zone, from the four modules of the standard down to one, with which the form fits.
    pub fn widest_quiet_zone(&self, form: Form, columns: usize, rows: usize) -> Option<u8> {
        (1..=4).rev().find(|&quiet_zone| self.fits(form, quiet_zone, columns, rows))
    }

    /// The module at this place, counted from the upper left corner of the quiet zone; what lies outside the
    /// code is light.
    fn is_dark(&self, x: usize, y: usize, quiet_zone: u8) -> bool {
        let inside = |n: usize| n.checked_sub(quiet_zone.into()).filter(|&n| n < self.width);
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => self.modules.get(y * self.width + x).is_some_and(|&dark| dark),
            _ => false,
        }
    }
}

impl fmt::Debug for QrCode {
    /// The width alone: the modules are the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QrCode").field("width", &self.width).finish_non_exhaustive()
    }
}
