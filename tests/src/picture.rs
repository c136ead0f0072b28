//! A picture of what a terminal shows, as far as a QR reader cares, and the real reader (`zbarimg`). Cells are twice as
//! high as wide, as in any terminal font; block characters are drawn exactly, other glyphs as a smaller blob of ink.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use crate::{artefacts, namespace, process};

/// The colours of a terminal without colours set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Light text on black.
    Dark,
    /// Black text on white.
    Light,
}

impl Theme {
    /// Ink and paper.
    fn colours(self) -> (Rgb, Rgb) {
        match self {
            Self::Dark => ([0xd0, 0xd0, 0xd0], [0, 0, 0]),
            Self::Light => ([0, 0, 0], [0xff, 0xff, 0xff]),
        }
    }
}

/// Half a cell's edge is one of these squares: a cell is 2 x 4 of them.
const SQUARE: usize = 4;
const WIDTH: usize = 2 * SQUARE;
const HEIGHT: usize = 4 * SQUARE;
/// A window's border, in pixels.
const BORDER: usize = 4;

type Rgb = [u8; 3];

/// The screen as a PNG.
pub(crate) fn of_screen(screen: &vt100::Screen, theme: Theme) -> Vec<u8> {
    let (rows, columns) = screen.size();
    let (ink, paper) = theme.colours();
    let mut canvas = Canvas::new(usize::from(columns) * WIDTH, usize::from(rows) * HEIGHT, paper);
    for row in 0..rows {
        for column in 0..columns {
            let Some(cell) = screen.cell(row, column) else { continue };
            let mut foreground = colour(cell.fgcolor(), ink);
            let mut background = colour(cell.bgcolor(), paper);
            if cell.inverse() {
                std::mem::swap(&mut foreground, &mut background);
            }
            let (left, top) = (usize::from(column) * WIDTH, usize::from(row) * HEIGHT);
            canvas.fill(left, top, WIDTH, HEIGHT, background);
            draw(&mut canvas, left, top, cell.contents(), foreground, background);
        }
    }
    canvas.png()
}

/// The screen cell by cell, for docs/images/render, which has a font: `rows columns paper`, and then a line per cell that
/// is not blank: `row column ink paper character`.
pub(crate) fn cells(screen: &vt100::Screen, theme: Theme) -> String {
    let (rows, columns) = screen.size();
    let (ink, paper) = theme.colours();
    let hex = |[red, green, blue]: Rgb| format!("#{red:02x}{green:02x}{blue:02x}");
    let mut text = format!("{rows} {columns} {}\n", hex(paper));
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        let Some(cell) = screen.cell(row, column) else { continue };
        let mut foreground = colour(cell.fgcolor(), ink);
        let mut background = colour(cell.bgcolor(), paper);
        if cell.inverse() {
            std::mem::swap(&mut foreground, &mut background);
        }
        let letter = cell.contents().chars().next().unwrap_or(' ');
        if letter != ' ' || background != paper {
            text += &format!("{row} {column} {} {} {letter}\n", hex(foreground), hex(background));
        }
    }
    text
}

/// Keeps a picture where it outlives the host: in `twinlock-tests/` of the target folder, under this name. Only inside
/// a host; returns the path outside.
pub fn keep(name: &str, png: &[u8]) -> PathBuf {
    let path = namespace::disk().join(name);
    std::fs::write(&path, png).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    artefacts::target_folder().join("twinlock-tests").join(name)
}

/// The text of the first QR code in a PNG, as `zbarimg` reads it; nothing when it finds none.
pub fn scan_qr(png: &[u8]) -> Option<String> {
    let mut command = process::command("zbarimg");
    command.args(["--quiet", "--raw", "--nodbus", "-Sdisable", "-Sqrcode.enable", "png:-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut zbarimg = process::Process::spawn(&mut command);
    let mut input = zbarimg.child.stdin.take().expect("a pipe");
    let png = png.to_owned();
    let writer = std::thread::spawn(move || input.write_all(&png));
    let mut output = String::new();
    let stdout = zbarimg.child.stdout.as_mut().expect("a pipe");
    std::io::Read::read_to_string(stdout, &mut output).expect("UTF-8 from zbarimg");
    writer.join().expect("writer").expect("zbarimg reads the picture");
    let status = zbarimg.wait(crate::PATIENCE).expect("zbarimg ends");
    let mut errors = String::new();
    std::io::Read::read_to_string(zbarimg.child.stderr.as_mut().expect("a pipe"), &mut errors).expect("text");
    // 4: no symbol found.
    assert!(matches!(status.code(), Some(0 | 4)), "zbarimg: {status}: {errors}");
    output.lines().next().map(str::to_owned).filter(|text| !text.is_empty())
}

/// Draws a glyph; `covered` squares of the block elements (U+2580..U+259F), a blob for anything else that has ink.
fn draw(canvas: &mut Canvas, left: usize, top: usize, contents: &str, ink: Rgb, paper: Rgb) {
    let (half, middle) = (WIDTH / 2, HEIGHT / 2);
    let mut quarters = |upper_left: bool, upper_right: bool, lower_left: bool, lower_right: bool| {
        for (covered, x, y) in [
            (upper_left, left, top),
            (upper_right, left + half, top),
            (lower_left, left, top + middle),
            (lower_right, left + half, top + middle),
        ] {
            if covered {
                canvas.fill(x, y, half, middle, ink);
            }
        }
    };
    match contents.chars().next() {
        None | Some(' ' | '\u{a0}') => {}
        Some('█') => quarters(true, true, true, true),
        Some('▀') => quarters(true, true, false, false),
        Some('▄') => quarters(false, false, true, true),
        Some('▌') => quarters(true, false, true, false),
        Some('▐') => quarters(false, true, false, true),
        Some('▘') => quarters(true, false, false, false),
        Some('▝') => quarters(false, true, false, false),
        Some('▖') => quarters(false, false, true, false),
        Some('▗') => quarters(false, false, false, true),
        Some('▚') => quarters(true, false, false, true),
        Some('▞') => quarters(false, true, true, false),
        Some('▙') => quarters(true, false, true, true),
        Some('▛') => quarters(true, true, true, false),
        Some('▜') => quarters(true, true, false, true),
        Some('▟') => quarters(false, true, true, true),
        // The densest ASCII glyph, as a camera a step away sees it: blurred to half ink over the cell.
        Some('#') => canvas.fill(left, top, WIDTH, HEIGHT, mixed(ink, paper)),
        Some(_) => canvas.fill(left + WIDTH / 4, top + HEIGHT / 4, WIDTH / 2, HEIGHT / 2, ink),
    }
}

fn mixed(ink: Rgb, paper: Rgb) -> Rgb {
    std::array::from_fn(|part| ink[part].midpoint(paper[part]))
}

/// xterm's palette.
fn colour(colour: vt100::Color, default: Rgb) -> Rgb {
    const NAMED: [Rgb; 16] = [
        [0, 0, 0],
        [0xcd, 0, 0],
        [0, 0xcd, 0],
        [0xcd, 0xcd, 0],
        [0, 0, 0xee],
        [0xcd, 0, 0xcd],
        [0, 0xcd, 0xcd],
        [0xe5, 0xe5, 0xe5],
        [0x7f, 0x7f, 0x7f],
        [0xff, 0, 0],
        [0, 0xff, 0],
        [0xff, 0xff, 0],
        [0x5c, 0x5c, 0xff],
        [0xff, 0, 0xff],
        [0, 0xff, 0xff],
        [0xff, 0xff, 0xff],
    ];
    match colour {
        vt100::Color::Default => default,
        vt100::Color::Rgb(red, green, blue) => [red, green, blue],
        vt100::Color::Idx(index @ 0..16) => NAMED[usize::from(index)],
        vt100::Color::Idx(index @ 16..232) => {
            let level = |value: u8| if value == 0 { 0 } else { 55 + 40 * value };
            let cube = index - 16;
            [level(cube / 36), level(cube / 6 % 6), level(cube % 6)]
        }
        vt100::Color::Idx(index) => [8 + 10 * (index - 232); 3],
    }
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A canvas with a border around `width` x `height`.
    fn new(width: usize, height: usize, paper: Rgb) -> Self {
        let (width, height) = (width + 2 * BORDER, height + 2 * BORDER);
        Self { width, height, pixels: paper.repeat(width * height) }
    }

    fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, ink: Rgb) {
        for y in top + BORDER..top + BORDER + height {
            let start = 3 * (y * self.width + left + BORDER);
            self.pixels[start..start + 3 * width].copy_from_slice(&ink.repeat(width));
        }
    }

    fn png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let size = |length: usize| u32::try_from(length).expect("a screen's size");
        let mut encoder = png::Encoder::new(&mut bytes, size(self.width), size(self.height));
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header().expect("a PNG in memory");
        writer.write_image_data(&self.pixels).expect("a PNG in memory");
        writer.finish().expect("a PNG in memory");
        bytes
    }
}
