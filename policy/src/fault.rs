//! What is wrong in a policy, where, and how to mend it. Faults make the policy the strictest one; warnings, which
//! have the same form, change nothing.

use std::fmt;

/// One finding in a policy file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1; `None` where the file could not be read at all.
    pub line: Option<u32>,
    /// The column in characters, from 1.
    pub column: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub mend: String,
}

impl fmt::Display for Fault {
    /// `file:line:column: message`, the form that editors jump to. The mend is left to the caller to print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if let Some(column) = self.column {
            write!(f, "{column}:")?;
        }
        write!(f, " {}", self.message)
    }
}

/// Line and column, both from 1, of a byte offset.
pub(crate) fn position(text: &[u8], offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let newlines = before.iter().filter(|&&byte| byte == b'\n').count();
    let line = u32::try_from(newlines).map_or(u32::MAX, |above| above.saturating_add(1));
    (line, column(text, offset))
}

/// The column of a byte offset within its line, in characters from 1; a byte order mark takes none.
pub(crate) fn column(text: &[u8], offset: usize) -> u32 {
    let before = text.get(..offset).unwrap_or(text);
    let in_line = before.rsplit(|&byte| byte == b'\n').next().unwrap_or(before);
    let in_line = in_line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(in_line);
    // Continuation bytes of UTF-8 belong to the character before them.
    let column = in_line.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() + 1;
    u32::try_from(column).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_one_in_characters() {
        for (text, offset, expected) in [
            ("", 0, (1, 1)),
            ("ab", 1, (1, 2)),
            ("a\nb", 1, (1, 2)),
            ("a\nb", 2, (2, 1)),
            ("a\r\nb", 3, (2, 1)),
            ("é=1", 2, (1, 2)),
            ("\u{feff}a", 3, (1, 1)),
            ("ab", 99, (1, 3)),
        ] {
            assert_eq!(position(text.as_bytes(), offset), expected, "{text:?} at {offset}");
        }
    }
}
