//! System calls that a module adds to an empty login.

use crate::client::Client;
use crate::contestant::Contestant;
use crate::figure::{Figure, Unit};
use crate::stage::{Login, Stage};

const OUTPUT: &str = "/run/bench/strace.out";

/// For the right code.
pub fn all(client: &Client, stage: &Stage) -> Figure {
    let permit = count(client, &stage.permitted());
    let values =
        Contestant::ALL.map(|contestant| (contestant, count(client, &stage.right_code(contestant)) - permit));
    Figure::new("module.system_calls", "system calls added, right code", Unit::Count).values(values)
}

fn count(client: &Client, login: &Login) -> f64 {
    client.once(&["strace", "-f", "-qq", "-e", "signal=none", "-o", OUTPUT], login);
    let text = std::fs::read_to_string(OUTPUT).expect("strace's output");
    text.lines().filter(|line| line.contains('(')).count() as f64
}
