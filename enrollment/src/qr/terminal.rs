//! The forms for terminals. All lines of a form have the same width and end in a newline, so that words can
//! stand beside it; none may hold an escape sequence unless its name says `ansi`.

use zeroize::Zeroizing;

use super::{Form, Polarity, QrCode};

/// Black ink on white. Where bright white (107) is unknown it is ignored and 47 stays.
const BLACK_ON_WHITE: &str = "\x1b[30;47;107m";
const ON_WHITE: &str = "\x1b[47;107m";
const ON_BLACK: &str = "\x1b[40m";
const PLAIN: &str = "\x1b[0m";

impl QrCode {
    /// UTF-8 half blocks, two modules in a cell, without any escape sequence. Of an odd number of rows the
    /// last half is quiet zone as well.
    pub fn half_blocks(&self, quiet_zone: u8, polarity: Polarity) -> Zeroizing<String> {
        let size = self.size(Form::HalfBlocks, quiet_zone);
        let mut text = with_capacity(size.rows * (3 * size.columns + 1));
        for row in 0..size.rows {
            self.half_block_row(&mut text, row, size.columns, quiet_zone, polarity);
            text.push('\n');
        }
        text
    }

    /// Half blocks in black on white by explicit colours (SGR, ECMA-48 section 8.3.117), whatever the
    /// terminal's own colours are.
    pub fn ansi(&self, quiet_zone: u8) -> Zeroizing<String> {
        let size = self.size(Form::Ansi, quiet_zone);
        let escapes = BLACK_ON_WHITE.len() + PLAIN.len();
        let mut text = with_capacity(size.rows * (3 * size.columns + escapes + 1));
        for row in 0..size.rows {
            text.push_str(BLACK_ON_WHITE);
            self.half_block_row(&mut text, row, size.columns, quiet_zone, Polarity::Light);
            text.push_str(PLAIN);
            text.push('\n');
        }
        text
    }

    /// Two columns a module in pure ASCII, `##` for ink. For a locale that has no blocks; a camera reads it
    /// only where the font fills its cells, so the key must stand beside it.
    pub fn ascii(&self, quiet_zone: u8, polarity: Polarity) -> Zeroizing<String> {
        let size = self.size(Form::Ascii, quiet_zone);
        let mut text = with_capacity(size.rows * (size.columns + 1));
        for y in 0..size.rows {
            for x in 0..size.rows {
                text.push_str(if self.is_dark(x, y, quiet_zone) == dark_is_ink(polarity) {
                    "##"
                } else {
                    "  "
                });
            }
            text.push('\n');
        }
        text
    }

    /// Two columns a module, drawn with spaces on explicit black and white: scans on a terminal that knows
    /// colours but no blocks (C locale).
    pub fn ansi_spaces(&self, quiet_zone: u8) -> Zeroizing<String> {
        let size = self.size(Form::AnsiSpaces, quiet_zone);
        let escape = ON_WHITE.len().max(ON_BLACK.len());
        let mut text = with_capacity(size.rows * (size.rows * (escape + 2) + PLAIN.len() + 1));
        for y in 0..size.rows {
            let mut before = None;
            for x in 0..size.rows {
                let dark = self.is_dark(x, y, quiet_zone);
                if before != Some(dark) {
                    text.push_str(if dark { ON_BLACK } else { ON_WHITE });
                }
                text.push_str("  ");
                before = Some(dark);
            }
            text.push_str(PLAIN);
            text.push('\n');
        }
        text
    }

    fn half_block_row(
        &self,
        text: &mut String,
        row: usize,
        columns: usize,
        quiet_zone: u8,
        polarity: Polarity,
    ) {
        for x in 0..columns {
            let ink = |y| self.is_dark(x, y, quiet_zone) == dark_is_ink(polarity);
            text.push(match (ink(2 * row), ink(2 * row + 1)) {
                (true, true) => '\u{2588}',  // full block
                (true, false) => '\u{2580}', // upper half block
                (false, true) => '\u{2584}', // lower half block
                (false, false) => ' ',
            });
        }
    }
}

fn dark_is_ink(polarity: Polarity) -> bool {
    polarity == Polarity::Light
}

/// Room for the whole picture, so that no outgrown copy is left behind.
fn with_capacity(bytes: usize) -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(bytes))
}
