//! What `make demo` runs: Twinlock's main job, shown to somebody who sees it for the first time, on a host of its own
//! made of real parts (Linux-PAM, sshd, ssh, oathtool, zbarimg). Every sentence that claims something is checked; the
//! first that does not hold ends the demo with 1. Then the machine is compared with what it was before.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a harness speaks by panics")]

mod machine;
mod narrator;
mod stage;
mod story;

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use machine::{Machine, Traces};
use narrator::Narrator;

/// How many changes of other programs are told, of each part of the machine.
const OTHERS_TOLD: usize = 5;

fn main() -> ExitCode {
    if !nix::unistd::geteuid().is_root() {
        eprintln!(
            "The demo needs root: it makes a host of its own, by mounts that only it sees. Run it as root."
        );
        return ExitCode::FAILURE;
    }
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload();
        let text = text.downcast_ref::<String>().map(String::as_str).or(text.downcast_ref::<&str>().copied());
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("\nThe demo stops: {}\n({place})", text.unwrap_or("no reason was given"));
    }));
    let started = Instant::now();
    let narrator = Narrator::new();
    opening(&narrator);
    let before = Machine::look();
    let traces = Mutex::new(Traces::default());

    // A host encloses the thread that makes it; this thread stays outside.
    let story = std::thread::scope(|scope| scope.spawn(|| story::tell(&narrator, &traces)).join());

    let traces = traces.into_inner().unwrap_or_else(PoisonError::into_inner);
    let unchanged = machine_is_as_before(&narrator, &before, &traces);
    if story.is_err() || !unchanged {
        narrator.line(&narrator.painted("1;31", "\nThe demo failed; standard error says where."));
        return ExitCode::FAILURE;
    }
    closing(&narrator, started);
    ExitCode::SUCCESS
}

fn opening(narrator: &Narrator) {
    narrator.line(&narrator.painted("1", "Twinlock: a second lock for Linux logins"));
    narrator.says(
        "A password can be guessed, phished or read off a note. Twinlock adds a code from a phone app, new every 30 \
         seconds. One line of a policy turns it on for everybody; the next login then leads each user through setting \
         it up.",
    );
    narrator.line("");
    narrator.says(
        "What follows happens now, with real programs: sshd, ssh, Linux-PAM. Behind a bar, or between two rules, is what \
         a screen, a file or the log really showed. [ok] is a claim that was checked just then; the first that fails \
         ends the demo.",
    );
}

/// Compares, tells, and returns whether all is well.
fn machine_is_as_before(narrator: &Narrator, before: &Machine, traces: &Traces) -> bool {
    narrator.scene("This machine is as it was");
    let written = match traces.written.len() {
        0 => String::new(),
        count => format!(" The {count} files and folders written on it were in memory and went with it."),
    };
    narrator.says(&format!(
        "The demo's host is gone.{written} Compared with before, down to six folders deep, by name, owner, mode, \
         size and times (packages that had to be installed apart):"
    ));
    let mut unchanged = true;
    for part in before.compare(&Machine::look(), traces) {
        for other in part.by_others.iter().take(OTHERS_TOLD) {
            narrator.line(&format!("       (another program, meanwhile: {other})"));
        }
        if part.by_others.len() > OTHERS_TOLD {
            narrator.line(&format!("       (and {} more)", part.by_others.len() - OTHERS_TOLD));
        }
        if part.changed.is_empty() {
            narrator.claims(true, &part.what, "");
            continue;
        }
        unchanged = false;
        narrator.marked(&narrator.painted("31", "[!!]"), &part.what);
        for change in &part.changed {
            eprintln!("Not as before: {change}");
        }
    }
    unchanged
}

fn closing(narrator: &Narrator, started: Instant) {
    narrator.line(&narrator.painted("1;32", "\nAll of it held."));
    for line in [
        "- one setting, require_mfa = true, asks every user for a code",
        "- a wrong password is shown no QR code and no key, and stores nothing",
        "- the first login after that sets the phone up: QR code, key as text, recovery codes",
        "- the second login asks for a code; the same code a second time is refused",
        "- a recovery code stands in for a lost phone, once",
        "- twinlock status, twinlock policy check and show, and the log tell what is going on",
    ] {
        narrator.says(line);
    }
    narrator.line("");
    narrator.says(&format!(
        "{} claims were checked in {:.1} seconds. Read on: README.md to install it, docs/ for how it works and what \
         it protects against; `make test` runs every test, and tests/tests/first_login.rs has these very steps.",
        narrator.held(),
        started.elapsed().as_secs_f64()
    ));
}
