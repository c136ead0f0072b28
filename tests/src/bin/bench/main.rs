//! What `make bench` runs: every figure of design section 8, measured in this run, Twinlock beside the modules that it
//! is compared with, on the same host with the same user. One table at the end; each figure also as a line of JSON, for
//! a later run to compare with (`--base FILE`). Nothing of the machine is changed, and nothing is taken from elsewhere.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a harness speaks by panics")]

mod arguments;
mod client;
mod contestant;
mod figure;
mod measures;
mod policies;
mod profile;
mod progress;
mod record;
mod stage;
mod table;
mod target;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use arguments::Arguments;
use client::Client;
use profile::Profile;
use progress::Progress;

fn main() -> ExitCode {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("The benchmark needs root: it makes a host of its own, by mounts that only it sees.");
        return ExitCode::FAILURE;
    }
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("bench: {why}\nusage: bench [--base FILE] [--only GROUP] [--profile]");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    let base = arguments.base.as_deref().map(record::read);
    let client = Client::compile();
    let with_names = arguments.profile.then(profile::build);

    // A host encloses the thread that makes it; this one stays outside, where files last.
    let measured = std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let progress = Progress::default();
            let figures = measures::all(&client, arguments.only.as_deref(), &progress);
            let profile = with_names.as_deref().map(|module| Profile::of_a_right_code(&client, module));
            progress.done();
            (figures, profile)
        });
        work.join()
    });
    let Ok((figures, profile)) = measured else { return ExitCode::FAILURE };

    let mut text = table::of(&figures, base.as_ref());
    let seconds = started.elapsed().as_secs();
    let file = record::write(&figures, arguments.only.as_deref());
    text.push_str(&format!("\n{seconds} seconds; figures in {}\n", file.display()));
    for profile in profile.iter().flatten() {
        text.push_str(&format!("\n{}", profile.keep()));
    }
    // Somebody may have closed the pipe; the figures are in their file.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
