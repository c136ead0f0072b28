//! One file as it is and as it shall be, and the difference between the two for a person.

use std::fmt::Write;
use std::path::PathBuf;

/// Lines shown around a change.
const CONTEXT: usize = 3;

/// A change of one file. None is: no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub path: PathBuf,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Edit {
    /// Whether it changes anything.
    pub fn is_change(&self) -> bool {
        self.before != self.after
    }

    /// The change as `diff -u` shows it. One stretch is enough: files here are short, and changes few.
    pub fn shown(&self) -> String {
        let lines = |text: &Option<String>| -> Vec<String> {
            text.as_deref().unwrap_or_default().lines().map(str::to_owned).collect()
        };
        let (old, new) = (lines(&self.before), lines(&self.after));
        let start = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
        let rest = old.len().min(new.len()) - start;
        let end =
            old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(one, other)| one == other).count();
        let from = start.saturating_sub(CONTEXT);
        let trailing = end.min(CONTEXT);
        let (old_end, new_end) = (old.len() - end, new.len() - end);
        let name = |text: &Option<String>| {
            if text.is_some() { self.path.display().to_string() } else { "/dev/null".to_owned() }
        };
        let span =
            |end: usize| format!("{},{}", from + usize::from(end + trailing > from), end + trailing - from);
        let mut text = format!(
            "--- {}\n+++ {}\n@@ -{} +{} @@\n",
            name(&self.before),
            name(&self.after),
            span(old_end),
            span(new_end)
        );
        // What did not change within the stretch is shown as such.
        for (sign, line) in common(&old[from..old_end + trailing], &new[from..new_end + trailing]) {
            let _ = writeln!(text, "{sign}{line}");
        }
        text
    }
}

/// Lines of both, by the longest common sequence.
fn common<'a>(old: &'a [String], new: &'a [String]) -> Vec<(char, &'a str)> {
    let mut longest = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            longest[i][j] = if one == other {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i].as_str()));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || longest[i + 1][j] >= longest[i][j + 1]) {
            lines.push(('-', old[i].as_str()));
            i += 1;
        } else {
            lines.push(('+', new[j].as_str()));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_as_diff_shows_it() {
        let edit = |before: Option<&str>, after: Option<&str>| Edit {
            path: "/f".into(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let both = edit(Some("1\n2\n3\n4\n5\n6\n7\n8\n"), Some("1\n2\n3\n4\nnew\n5\nSIX\n7\n8\n"));
        // From `diff -u`.
        assert_eq!(both.shown(), "--- /f\n+++ /f\n@@ -2,7 +2,8 @@\n 2\n 3\n 4\n+new\n 5\n-6\n+SIX\n 7\n 8\n");
        let made = edit(None, Some("a\nb\n"));
        assert_eq!(made.shown(), "--- /dev/null\n+++ /f\n@@ -0,0 +1,2 @@\n+a\n+b\n");
        let removed = edit(Some("a\n"), None);
        assert_eq!(removed.shown(), "--- /f\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n");
    }
}
