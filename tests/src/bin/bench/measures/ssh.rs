//! A login over ssh from end to end, from the client's start to its end: password alone, and with a code besides. The
//! second prompt's own round trips and the program that answers it are in it, for us as for google-authenticator.

use std::time::Instant;

use twinlock_tests::{Sshd, process};

use crate::contestant::Contestant;
use crate::figure::{Figure, Spread, Unit};
use crate::progress::Progress;
use crate::stage::Stage;

const LOGINS: usize = 15;
/// Answers ssh's prompts.
const ASKPASS: &str = "/run/bench/askpass";
const ANSWER: &str = "/run/bench/answer";

/// Without and with a module.
pub fn logins(stage: &Stage, progress: &Progress) -> Vec<Figure> {
    let script = format!(
        "#!/bin/sh\ncase $1 in *assword*) echo '{}';; *) cat {ANSWER};; esac\n",
        stage.maria.password
    );
    stage.host.write(ASKPASS, &script, 0o755);
    let sshd = Sshd::start(&stage.host, "");
    let kinds = [None, Some(Contestant::Twinlock), Some(Contestant::Google)];
    let mut times = [const { Vec::new() }; 3];
    for round in 0..LOGINS {
        progress.now(&format!("ssh, login {} of {LOGINS}", round + 1));
        for (kind, times) in kinds.iter().zip(&mut times) {
            times.push(login(stage, &sshd, *kind));
        }
    }
    let [without, ours, google] = times;
    // Each by what the login before it took: the machine is busier at one time than at another.
    let added = |with: &[f64]| with.iter().zip(&without).map(|(with, without)| with - without).collect();
    let added = [&ours, &google].map(|with| Spread::of(added(with)).median);
    let [ours, google] = [ours, google].map(|times| Spread::of(times).median);
    let figure = |id: &str, label: &str| Figure::new(id, label, Unit::Milliseconds);
    vec![
        figure("ssh.with", "ssh login from end to end on disk, with a code")
            .value(Contestant::Twinlock, ours)
            .value(Contestant::Google, google),
        figure("ssh.added", "  more than with the password alone")
            .value(Contestant::Twinlock, added[0])
            .value(Contestant::Google, added[1]),
    ]
}

/// Milliseconds of one login.
fn login(stage: &Stage, sshd: &Sshd, kind: Option<Contestant>) -> f64 {
    let (auth, account) = match kind {
        None => (String::new(), ""),
        Some(contestant) => {
            let login = stage.right_code(contestant);
            login.restore();
            stage.host.write(ANSWER, &format!("{}\n", login.answer), 0o600);
            let account =
                if contestant == Contestant::Twinlock { "account required pam_twinlock.so\n" } else { "" };
            (format!("auth required {} {}\n", contestant.file(), contestant.words()), account)
        }
    };
    stage.host.pam_service(
        "sshd",
        &format!("auth required pam_unix.so\n{auth}{account}account required pam_unix.so\nsession required pam_permit.so\n"),
    );
    let words = sshd.client_arguments(
        &stage.maria.name,
        &["-o", "PreferredAuthentications=keyboard-interactive", "--", "true"],
    );
    let mut command = process::command("ssh");
    command.args(words).env("SSH_ASKPASS", ASKPASS).env("SSH_ASKPASS_REQUIRE", "force");
    let started = Instant::now();
    let output = command.output().expect("ssh");
    let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
    assert!(output.status.success(), "{kind:?}: {}{}", String::from_utf8_lossy(&output.stderr), sshd.log());
    milliseconds
}
