//! Sixty-four processes at once, on the real disk: how fast with a user each, and how many get in with one user's one
//! code.

use std::path::PathBuf;

use twinlock_tests::oathtool;

use crate::client::{Client, Waits};
use crate::contestant::Contestant;
use crate::figure::{Figure, Spread, Unit};
use crate::progress::Progress;
use crate::stage::{CROWD, Stage, write_in_place};
use crate::target::Target;

/// How often each crowd is let loose.
const ROUNDS: usize = 7;
/// Seconds that a round may take at most.
const ROOM: u64 = 8;

/// Both figures.
pub fn all(client: &Client, stage: &Stage, progress: &Progress) -> Vec<Figure> {
    let one_code = one_code(client, stage, progress);
    vec![rate(client, stage, progress), one_code]
}

fn rate(client: &Client, stage: &Stage, progress: &Progress) -> Figure {
    let crowds = Contestant::ALL.map(|contestant| {
        let (users, files) = stage.add_crowd(client, contestant);
        let files = files.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("a state")));
        (contestant, users, files.collect::<Vec<(PathBuf, Vec<u8>)>>())
    });
    let mut rates = [const { Vec::new() }; 3];
    for round in 0..ROUNDS {
        progress.now(&format!("{CROWD} users at once, round {} of {ROUNDS}", round + 1));
        for ((contestant, users, files), rates) in crowds.iter().zip(&mut rates) {
            for (path, content) in files {
                write_in_place(path, content);
            }
            oathtool::with_time_left(ROOM);
            let code = stage.code(*contestant, 0);
            let crowd = client.crowd(Waits::AtStart, contestant.service(), &code, users);
            assert_eq!(crowd.successes as usize, CROWD, "{contestant:?}: not everybody got in");
            rates.push(CROWD as f64 / crowd.seconds);
            stage.host.journal().clear();
        }
    }
    let medians = rates.map(|rates| Spread::of(rates).median);
    Figure::new(
        "crowd.logins",
        &format!("logins in a second, {CROWD} users at once on disk"),
        Unit::PerSecond,
    )
    .values(Contestant::ALL.into_iter().zip(medians))
}

fn one_code(client: &Client, stage: &Stage, progress: &Progress) -> Figure {
    let users = vec![stage.maria.name.clone(); CROWD];
    let got_in = Contestant::ALL.map(|contestant| {
        let rounds = (0..ROUNDS).map(|round| {
            progress.now(&format!(
                "one code {CROWD} times, {}, round {} of {ROUNDS}",
                contestant.title(),
                round + 1
            ));
            oathtool::with_time_left(ROOM);
            let login = stage.right_code(contestant);
            login.restore();
            client.crowd(Waits::AtPrompt, &login.service, &login.answer, &users).successes
        });
        // The round that was farthest from the one that should get in.
        let worst = rounds.max_by_key(|successes| successes.abs_diff(1)).expect("rounds");
        (contestant, f64::from(worst))
    });
    Figure::new(
        "crowd.one_code",
        &format!("who gets in, one code {CROWD} times at once on disk"),
        Unit::Count,
    )
    .values(got_in)
    .target(Target::Exactly(1.0))
}
