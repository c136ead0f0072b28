//! Damaged texts, for the property tests of the readers that stand beside the TOML parser: what stands at a place of a
//! text is cut, repeated, or another letter. Taken in by path, since these tests stand in the crates that they test.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

/// Where a text changes, in which way, over how many letters, and what is put there.
pub(super) type Damage = (Index, u8, usize, Option<char>);

/// A change that may put one of these letters there.
pub(super) fn damage(letter: impl Strategy<Value = char>) -> impl Strategy<Value = Damage> {
    (any::<Index>(), 0u8..3, 0usize..80, option::of(letter))
}

/// The text after the change.
pub(super) fn damaged(text: &str, (place, kind, length, letter): Damage) -> String {
    let letters: Vec<char> = text.chars().collect();
    let place = place.index(letters.len() + 1);
    let end = (place + length).min(letters.len());
    let (before, piece, after) = (&letters[..place], &letters[place..end], &letters[end..]);
    let piece: Vec<char> = match kind {
        0 => letter.into_iter().collect(),
        1 => piece.iter().chain(piece).copied().chain(letter).collect(),
        _ => letter.into_iter().chain(piece.iter().copied()).collect(),
    };
    before.iter().chain(&piece).chain(after).collect()
}
