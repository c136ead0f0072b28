//! System calls that a module adds to an empty login.

use crate::client::Client;
use crate::contestant::Contestant;
use crate::figure::{Figure, Unit};
use crate::stage::{Login, Stage};
use crate::target::Target;

const OUTPUT: &str = "/run/bench/strace.out";

/// For the right code: all of them, and those that wait for the disk.
pub fn all(client: &Client, stage: &Stage) -> Vec<Figure> {
    let permit = Calls::of(client, &stage.permitted());
    let each =
        Contestant::ALL.map(|contestant| (contestant, Calls::of(client, &stage.right_code(contestant))));
    let all = each.map(|(contestant, calls)| (contestant, calls.all - permit.all));
    let waiting = each.map(|(contestant, calls)| (contestant, calls.waiting));
    vec![
        Figure::new("module.system_calls", "system calls added, right code", Unit::Count).values(all),
        Figure::new("module.waits", "  of them fsync, fdatasync", Unit::Count)
            .values(waiting)
            .target(Target::Exactly(1.0)),
    ]
}

#[derive(Clone, Copy, Debug)]
struct Calls {
    all: f64,
    waiting: f64,
}

impl Calls {
    fn of(client: &Client, login: &Login) -> Self {
        client.once(&["strace", "-qq", "-e", "signal=none", "-o", OUTPUT], login);
        let text = std::fs::read_to_string(OUTPUT).expect("strace's output");
        let count = |names: &[&str]| {
            let of_these = text
                .lines()
                .filter_map(|line| line.split_once('('))
                .filter(|(name, _)| names.is_empty() || names.contains(name));
            of_these.count() as f64
        };
        Self { all: count(&[]), waiting: count(&["fsync", "fdatasync", "sync", "syncfs"]) }
    }
}
