//! Words in lines of a fixed width, and words beside a picture. A width is counted in characters, which is
//! right for ASCII and near enough for names. Lines may hold the key, so each is wiped.

use zeroize::Zeroizing;

pub(super) type Line = Zeroizing<String>;

/// Columns that a line may take: of 80 the last stays empty, because terminals disagree on what a character
/// in it does to the cursor.
pub(super) const WIDTH: usize = 79;

/// Columns between a picture and the words beside it.
const GAP: usize = 2;
/// Words in a narrower column than this are hard to read.
const NARROWEST: usize = 26;

/// The text in lines of at most `width`; each line after the first begins with `hanging` spaces. A word
/// that is longer than a line is cut.
pub(super) fn wrap(text: &str, width: usize, hanging: usize) -> Vec<Line> {
    let mut lines = vec![empty(width)];
    let mut column = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut rest = word;
        loop {
            let at_start = column == 0 || (lines.len() > 1 && column == hanging);
            let gap = usize::from(!at_start);
            let room = width.saturating_sub(column + gap);
            let length = rest.chars().count();
            if length > room && !at_start {
                lines.push(spaces(hanging, width));
                column = hanging;
                continue;
            }
            let cut = rest.char_indices().nth(room.max(1)).map_or(rest.len(), |(at, _)| at);
            let (fitting, remainder) = rest.split_at(cut);
            if let Some(line) = lines.last_mut() {
                line.push_str(if at_start { "" } else { " " });
                line.push_str(fitting);
            }
            column += gap + fitting.chars().count();
            rest = remainder;
            if rest.is_empty() {
                break;
            }
        }
    }
    lines
}

/// The parts, three spaces apart, as many in a line as fit; a part that is longer than a line is wrapped.
pub(super) fn join(parts: &[String], width: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for part in parts {
        let length = part.chars().count();
        match lines.last_mut() {
            Some(line) if line.chars().count() + 3 + length <= width => {
                line.push_str("   ");
                line.push_str(part);
            }
            _ => lines.extend(wrap(part, width, 2)),
        }
    }
    lines
}

/// The width for words beside a picture, if that leaves a readable column.
pub(super) fn width_beside(picture_columns: usize) -> Option<usize> {
    WIDTH.checked_sub(picture_columns + GAP).filter(|&width| width >= NARROWEST)
}

/// The picture, whose lines are of one width, with the words beside it from its top. There must not be more
/// words than picture.
pub(super) fn beside(picture: &str, words: &[Line]) -> Vec<Line> {
    let mut words = words.iter();
    picture
        .lines()
        .map(|row| {
            let mut line = Zeroizing::new(String::with_capacity(row.len() + GAP + 4 * WIDTH));
            line.push_str(row);
            if let Some(word) = words.next().filter(|word| !word.is_empty()) {
                line.push_str("  ");
                line.push_str(word);
            }
            line
        })
        .collect()
}

/// The lines and then the last one, which is left open for the answer.
pub(super) fn text(lines: &[Line], last: &str) -> Zeroizing<String> {
    let length: usize = lines.iter().map(|line| line.len() + 1).sum();
    let mut text = Zeroizing::new(String::with_capacity(length + last.len()));
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str(last);
    text
}

fn empty(width: usize) -> Line {
    // Up to four bytes a character, so that no outgrown copy is left behind.
    Zeroizing::new(String::with_capacity(4 * width))
}

fn spaces(count: usize, width: usize) -> Line {
    let mut line = empty(width);
    line.extend(std::iter::repeat_n(' ', count));
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn plain(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.as_str()).collect()
    }

    #[test]
    fn words_wrap_at_the_width_and_hang_after_the_first_line() {
        for (text, width, hanging, expected) in [
            ("", 10, 0, vec![""]),
            ("one two", 10, 0, vec!["one two"]),
            ("one two", 7, 0, vec!["one two"]),
            ("one two", 6, 0, vec!["one", "two"]),
            ("1. one two", 6, 3, vec!["1. one", "   two"]),
            ("abcdefghij", 4, 0, vec!["abcd", "efgh", "ij"]),
            ("a bcdefgh", 4, 1, vec!["a", " bcd", " efg", " h"]),
            ("\u{e4}\u{f6}\u{fc} \u{df}", 3, 0, vec!["\u{e4}\u{f6}\u{fc}", "\u{df}"]),
            ("ab", 0, 0, vec!["a", "b"]),
        ] {
            assert_eq!(plain(&wrap(text, width, hanging)), expected, "{text:?} in {width}");
        }
    }

    #[test]
    fn parts_share_a_line_only_where_they_fit() {
        let parts = ["aaaa".to_owned(), "bbbb".to_owned(), "cccc".to_owned()];
        for (width, expected) in [
            (18, vec!["aaaa   bbbb   cccc"]),
            (17, vec!["aaaa   bbbb", "cccc"]),
            (10, vec!["aaaa", "bbbb", "cccc"]),
        ] {
            assert_eq!(plain(&join(&parts, width)), expected, "in {width}");
        }
    }
}
