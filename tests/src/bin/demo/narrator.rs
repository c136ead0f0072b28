//! The voice of the demo: headings, plain words, what a terminal showed, and claims with their proof. Colour only where
//! somebody looks. A claim that does not hold ends the demo.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Columns of the terminals in the story.
pub const COLUMNS: u16 = 80;

/// Letters of a line of the narrator's own words, behind two spaces.
const TEXT: usize = 76;

/// Tells the story on standard output.
#[derive(Debug)]
pub struct Narrator {
    colour: bool,
    scene: AtomicU32,
    claims: AtomicU32,
    /// Whether the last line is a command, which its output follows at once.
    command_stands: AtomicBool,
}

impl Narrator {
    /// A narrator with colour if standard output is a terminal (and `NO_COLOR` is not set).
    pub fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            colour: wanted && std::io::stdout().is_terminal(),
            scene: AtomicU32::default(),
            claims: AtomicU32::default(),
            command_stands: AtomicBool::default(),
        }
    }

    /// Begins a scene.
    pub fn scene(&self, title: &str) {
        let before = self.scene.fetch_add(1, Ordering::Relaxed);
        let title = format!("{}. {title}", before + 1);
        self.line(&format!("\n{}", self.painted("1;36", &title)));
    }

    /// Explains, in plain words.
    pub fn says(&self, text: &str) {
        for line in wrapped(text, TEXT) {
            self.line(&format!("  {line}"));
        }
    }

    /// A command, as somebody types it behind their prompt.
    pub fn types(&self, prompt: &str, command: &str) {
        self.line(&format!("\n{} {}", self.painted("2", prompt), self.painted("1", command)));
        self.command_stands.store(true, Ordering::Relaxed);
    }

    /// What a screen or a file showed, as it was but for blank lines at its end: behind a bar, or between two rules what
    /// leaves no room for one. Broken at the width of a terminal, as a terminal does.
    pub fn shows(&self, text: &str) {
        if !self.command_stands.swap(false, Ordering::Relaxed) {
            self.line("");
        }
        let rows: Vec<String> = text.trim_end().lines().flat_map(|line| folded(line.trim_end())).collect();
        let narrow = rows.iter().all(|row| row.chars().count() <= usize::from(COLUMNS) - 2);
        if narrow {
            let bar = self.painted("2", "\u{2502}");
            for row in rows {
                self.line(format!("{bar} {row}").trim_end());
            }
            self.line("");
            return;
        }
        let rule = self.painted("2", &"\u{2500}".repeat(COLUMNS.into()));
        self.line(&rule);
        for row in rows {
            self.line(&row);
        }
        self.line(&rule);
        self.line("");
    }

    /// Claims something that was looked at; panics with `seen` when it does not hold.
    pub fn claims(&self, holds: bool, claim: &str, seen: impl Display) {
        assert!(holds, "this does not hold: {claim}\nWhat was seen:\n{seen}");
        self.claims.fetch_add(1, Ordering::Relaxed);
        self.marked(&self.painted("32", "[ok]"), claim);
    }

    /// A statement behind a mark of four letters.
    pub fn marked(&self, mark: &str, statement: &str) {
        for (number, line) in wrapped(statement, TEXT - 5).iter().enumerate() {
            self.line(&format!("  {} {line}", if number == 0 { mark } else { "    " }));
        }
    }

    /// How many claims held so far.
    pub fn held(&self) -> u32 {
        self.claims.load(Ordering::Relaxed)
    }

    /// A line as it is.
    pub fn line(&self, text: &str) {
        // Somebody may have closed the pipe (`make demo | head`): the demo still ends as it must, and cleans up.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// Text in an ANSI colour, where there is colour.
    pub fn painted(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A line in rows of a terminal.
fn folded(line: &str) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    match letters.len() {
        0 => vec![String::new()],
        _ => letters.chunks(COLUMNS.into()).map(|row| row.iter().collect()).collect(),
    }
}

/// A text broken at its spaces into lines of at most `width` letters, where words allow.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}
