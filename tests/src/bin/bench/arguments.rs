//! The words of the command line.

use std::path::PathBuf;

use crate::measures::GROUPS;

/// What a run was asked for.
#[derive(Debug, Default)]
pub struct Arguments {
    /// Figures of an earlier run to compare with.
    pub base: Option<PathBuf>,
    /// The only group of figures to measure; all when there is none.
    pub only: Option<String>,
    /// Whether to tell which functions a right code is spent in; builds a copy of the module with names.
    pub profile: bool,
}

impl Arguments {
    /// Reads the words; the error is a sentence.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--base" => {
                    let path = PathBuf::from(words.next().ok_or("--base wants a file")?);
                    if !path.is_file() {
                        return Err(format!("there is no file {}", path.display()));
                    }
                    arguments.base = Some(path);
                }
                "--only" => arguments.only = Some(group(words.next())?),
                "--profile" => arguments.profile = true,
                other => return Err(format!("unknown word {other:?}")),
            }
        }
        Ok(arguments)
    }
}

fn group(word: Option<String>) -> Result<String, String> {
    word.filter(|word| GROUPS.contains(&word.as_str())).ok_or(format!("--only wants one of {GROUPS:?}"))
}
