//! The voice of the demo: headings, plain words, what a terminal showed, and claims with their proof. Colour only where
//! somebody looks. A claim that does not hold ends the demo.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Columns of the terminals in the story; a bar and a space before them make 80.
pub const COLUMNS: u16 = 78;

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

    /// Explains, in lines of at most 78 columns.
    pub fn says(&self, text: &str) {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && line.len() + 1 + word.len() > 76 {
                self.line(&format!("  {line}"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&format!("  {line}"));
    }

    /// A command, as somebody types it.
    pub fn types(&self, who: &str, command: &str) {
        self.line(&format!("\n  {} {}", self.painted("2", &format!("{who}$")), self.painted("1", command)));
        self.command_stands.store(true, Ordering::Relaxed);
    }

    /// What a screen or a file showed, as it was but for blank lines at its end. Lines wider than a terminal are broken
    /// as a terminal breaks them.
    pub fn shows(&self, text: &str) {
        if !self.command_stands.swap(false, Ordering::Relaxed) {
            self.line("");
        }
        let bar = self.painted("2", "\u{2502}");
        for line in text.trim_end().lines() {
            let letters: Vec<char> = line.trim_end().chars().collect();
            for row in letters.chunks(COLUMNS.into()) {
                self.line(format!("{bar} {}", row.iter().collect::<String>()).trim_end());
            }
            if letters.is_empty() {
                self.line(&format!("{bar}"));
            }
        }
        self.line("");
    }

    /// Claims something that was looked at; panics with `seen` when it does not hold.
    pub fn claims(&self, holds: bool, claim: &str, seen: impl Display) {
        assert!(holds, "this does not hold: {claim}\nWhat was seen:\n{seen}");
        self.claims.fetch_add(1, Ordering::Relaxed);
        self.line(&format!("  {} {claim}", self.painted("32", "[ok]")));
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
