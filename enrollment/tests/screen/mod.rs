//! A terminal as a camera sees it: text becomes pixels, pixels become a PNG file, and `zbarimg` (Debian
//! package zbar-tools), which knows nothing of this crate, reads it. It must know only what the forms use:
//! ASCII, the three block characters, and SGR with colours.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

const CELL_WIDTH: usize = 8;
const CELL_HEIGHT: usize = 16;
const BLACK: u8 = 0;
const WHITE: u8 = 255;

/// A terminal's own colours.
#[derive(Clone, Copy, Debug)]
pub struct Colours {
    ink: u8,
    background: u8,
}

pub const DARK_TERMINAL: Colours = Colours { ink: WHITE, background: BLACK };
pub const LIGHT_TERMINAL: Colours = Colours { ink: BLACK, background: WHITE };

pub struct Pixels {
    width: usize,
    height: usize,
    grey: Vec<u8>,
}

impl Pixels {
    pub fn filled(width: usize, height: usize, grey: u8) -> Pixels {
        Pixels { width, height, grey: vec![grey; width * height] }
    }

    pub fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, grey: u8) {
        for row in y..y + height {
            self.grey[row * self.width + x..][..width].fill(grey);
        }
    }
}

/// Draws the text as a terminal of this many columns would; lines that are longer wrap, `#` fills its cell.
pub fn draw(text: &str, columns: usize, colours: Colours) -> Pixels {
    // Two cells of the terminal's own background around, as a photograph has them.
    let rows = text.lines().map(|line| cells(line, colours).len().div_ceil(columns).max(1)).sum::<usize>();
    let mut pixels = Pixels::filled((columns + 4) * CELL_WIDTH, (rows + 4) * CELL_HEIGHT, colours.background);
    let mut row = 2;
    for line in text.lines() {
        let line = cells(line, colours);
        for wrapped in line.chunks(columns) {
            for (column, cell) in wrapped.iter().enumerate() {
                draw_cell(&mut pixels, (column + 2) * CELL_WIDTH, row * CELL_HEIGHT, *cell);
            }
            row += 1;
        }
        row += usize::from(line.is_empty());
    }
    pixels
}

fn cells(line: &str, own: Colours) -> Vec<(char, Colours)> {
    let mut cells = Vec::new();
    let mut colours = own;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character != '\x1b' {
            cells.push((character, colours));
            continue;
        }
        assert_eq!(characters.next(), Some('['));
        let parameters: String = characters.by_ref().take_while(|&c| c != 'm').collect();
        for parameter in parameters.split(';') {
            match parameter {
                "0" => colours = own,
                "30" => colours.ink = BLACK,
                "40" => colours.background = BLACK,
                "47" | "107" => colours.background = WHITE,
                other => panic!("unexpected SGR {other:?}"),
            }
        }
    }
    cells
}

fn draw_cell(
    pixels: &mut Pixels,
    x: usize,
    y: usize,
    (character, Colours { ink, background }): (char, Colours),
) {
    const HALF: usize = CELL_HEIGHT / 2;
    pixels.fill(x, y, CELL_WIDTH, CELL_HEIGHT, background);
    match character {
        ' ' => {}
        '#' | '\u{2588}' => pixels.fill(x, y, CELL_WIDTH, CELL_HEIGHT, ink),
        '\u{2580}' => pixels.fill(x, y, CELL_WIDTH, HALF, ink),
        '\u{2584}' => pixels.fill(x, y + HALF, CELL_WIDTH, HALF, ink),
        // Some strokes with about the ink of a letter, a different set for each.
        letter => {
            let shape = (letter as usize).wrapping_mul(2_654_435_761) >> 7;
            for stroke in 0..6 {
                if shape >> stroke & 1 == 1 {
                    pixels.fill(x + 1, y + 3 + 2 * stroke, 5, 1, ink);
                } else {
                    pixels.fill(x + stroke % 5 + 1, y + 4, 1, 8, ink);
                }
            }
        }
    }
}

/// What `zbarimg` reads in the pixels.
pub fn scan(pixels: &Pixels) -> String {
    let path = new_file("png");
    let mut encoder =
        png::Encoder::new(File::create(&path).unwrap(), pixels.width as u32, pixels.height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&pixels.grey).unwrap();
    let read = scan_file(&path);
    std::fs::remove_file(path).unwrap();
    read
}

/// What `zbarimg` reads in the file.
pub fn scan_file(path: &Path) -> String {
    let output = Command::new("zbarimg")
        .args(["-q", "--raw", "-Sdisable", "-Sqrcode.enable"])
        .arg(path)
        .output()
        .expect("zbarimg, of Debian's zbar-tools, must be installed");
    String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned()
}

/// A name that no other test uses.
pub fn new_file(extension: &str) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("{}-{}.{extension}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}
