//! The texts a policy is made of: their order, their hash, and where in them a value stands.

use std::str;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::fault::{self, Fault};

/// One policy file, as the caller could read it.
#[derive(Clone, Debug)]
pub struct SourceFile<'a> {
    /// Its path, for messages; drop-ins are ordered by its last component.
    pub path: &'a str,
    /// Its bytes, or why they could not be read safely (missing, a symlink, writable by others, ...).
    pub text: Result<&'a [u8], String>,
}

impl SourceFile<'_> {
    /// The last component of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}

/// The text of a file, kept so that lines are counted only when somebody asks about a value; and then once, but for
/// those of the value's own block, since a report asks for every account.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub path: String,
    pub text: String,
    /// The line ends in each block.
    ends: OnceLock<Vec<u8>>,
}

/// So many bytes of text are a block: few enough for one byte to count their line ends, so that sixteen are looked at at
/// once.
const BLOCK: usize = 128;

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned(), ends: OnceLock::new() }
    }

    /// Line of a byte offset, from 1.
    pub fn line(&self, offset: usize) -> u32 {
        let text = self.text.as_bytes();
        let offset = offset.min(text.len());
        let block = offset / BLOCK;
        let ends = self.ends.get_or_init(|| text.chunks(BLOCK).map(line_ends).collect());
        let before: usize = ends.iter().take(block).map(|&ends| usize::from(ends)).sum();
        let within = text.get(block * BLOCK..offset).map_or(0, line_ends);
        u32::try_from(before + usize::from(within) + 1).unwrap_or(u32::MAX)
    }

    /// Line and column of a byte offset, from 1.
    pub fn position(&self, offset: usize) -> (u32, u32) {
        (self.line(offset), fault::column(self.text.as_bytes(), offset))
    }

    /// A finding at a byte offset.
    pub fn fault(&self, offset: usize, message: String, mend: String) -> Fault {
        let (line, column) = self.position(offset);
        Fault { file: self.path.clone(), line: Some(line), column: Some(column), message, mend }
    }
}

/// The line ends in a block, or in part of one.
fn line_ends(block: &[u8]) -> u8 {
    block.iter().map(|&byte| u8::from(byte == b'\n')).fold(0, u8::wrapping_add)
}

/// Where a value stands: the number of its file within the policy, and the byte offset of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub file: u32,
    pub offset: u32,
}

/// A value and where it stands; no place means that it is a default.
#[derive(Clone, Debug)]
pub(crate) struct Setting<T> {
    pub value: T,
    pub place: Option<Place>,
}

impl<T> Setting<T> {
    pub fn default(value: T) -> Setting<T> {
        Setting { value, place: None }
    }
}

/// A source whose bytes are UTF-8, or the fault that keeps it from being read.
pub(crate) fn open(file: &SourceFile<'_>) -> Result<Source, Fault> {
    let bytes = file.text.as_ref().map_err(|why| Fault {
        file: file.path.to_owned(),
        line: None,
        column: None,
        message: why.clone(),
        mend: "make it a regular file of root's that nobody else may write (root:root, mode 0644)".to_owned(),
    })?;
    match str::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(file.path, text)),
        Err(error) => {
            let (line, column) = fault::position(bytes, error.valid_up_to());
            Err(Fault {
                file: file.path.to_owned(),
                line: Some(line),
                column: Some(column),
                message: "this is not UTF-8 text".to_owned(),
                mend: "save the file as UTF-8".to_owned(),
            })
        }
    }
}

/// SHA-256 over the texts in the order given: what `cat policy.d/*.toml policy.toml | sha256sum` prints.
pub(crate) fn hash<'a>(files: impl Iterator<Item = &'a SourceFile<'a>>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for file in files {
        match &file.text {
            Ok(bytes) => hash.update(bytes),
            // No sound text holds a NUL, so a policy with an unreadable file never has a sound policy's hash.
            Err(_) => {
                hash.update(b"\0unreadable ");
                hash.update(file.path.as_bytes());
            }
        }
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_lines_say_what_counting_says() {
        for text in
            ["", "a", "\n", "a\n\nb = 1\r\n[c]\n", "\u{feff}a = 1\nb = \"\u{e9}\u{e9}\" # x\n", "a\nb"]
                .map(str::to_owned)
                .into_iter()
                .chain([2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1].map(|length| "\n".repeat(length)))
                .chain(["a = \"\u{e9}\"\n".repeat(BLOCK)])
        {
            let text = &text;
            let source = Source::new("policy.toml", text);
            for offset in 0..text.len() + 3 {
                let (line, column) = fault::position(text.as_bytes(), offset);
                assert_eq!(source.position(offset), (line, column), "{text:?} at {offset}");
                assert_eq!(source.line(offset), line, "{text:?} at {offset}");
            }
        }
    }
}
