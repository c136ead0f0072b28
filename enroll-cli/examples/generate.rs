//! Writes the man pages (roff) and the completions of bash, zsh and fish into a folder, from the same definition as
//! the parser. For packaging: `cargo run -p twinlock --example generate -- FOLDER`.
#![forbid(unsafe_code)]

#[path = "../src/cli.rs"]
mod cli;
#[path = "../src/time.rs"]
mod time;

use std::io::{Error, Result};
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).ok_or_else(|| Error::other("give the folder to write to"))?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(cli::Cli::command(), folder)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut cli::Cli::command(), "twinlock", folder)?;
    }
    Ok(())
}
