//! A Friday: 300 users whose files the real `google-authenticator` made, some of whose codes its own module took, are
//! moved with one command. Their old apps let them in, and no code works that was used before the move.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod policy_scene;

use std::time::Instant;

use policy_scene::{PASSWORD_STACK, is_in, log_in};
use twinlock_tests::process::{Finished, command, run};
use twinlock_tests::{Account, Host, Outcome, PamClient, oathtool, pam};

const USERS: usize = 300;
/// Every fifth logs in after the move, and every third of these has used a code before it.
const SAMPLE: usize = 60;
const OLD_STACK: &str = "auth required pam_unix.so\nauth required pam_google_authenticator.so\n\
                         account required pam_unix.so\n";
/// Time-based, reuse forbidden, no question asked.
const MAKE: [&str; 12] = ["-t", "-d", "-f", "-r", "3", "-R", "30", "-w", "3", "-q", "-Q", "NONE"];

struct Mover {
    account: Account,
    secret: String,
    /// In the sample, and their code of now was used before.
    used: bool,
}

/// A user who sets up the old module as its manual says.
fn mover(host: &Host, number: usize) -> Mover {
    let account = host.add_user(&format!("user{number:03}"), "secret");
    run(account.command("google-authenticator").args(MAKE).arg("-C")).ok();
    let secret = account.read(".google_authenticator").lines().next().expect("a secret").to_owned();
    Mover { account, secret, used: number.is_multiple_of(15) }
}

fn login(host: &Host, service: &str, mover: &Mover, code: &str) -> Outcome {
    let client = PamClient::new(host, service).user(&mover.account.name).rhost("192.0.2.7");
    log_in(&client, &["secret", code])
}

fn import(more: &[&str]) -> Finished {
    run(command("/usr/bin/twinlock").args(["import", "google-authenticator", "--all"]).args(more)).ok()
}

#[test]
fn three_hundred_users_of_google_authenticator_move_with_one_command_and_keep_their_apps() {
    let host = Host::new();
    host.install_twinlock();
    host.policy("require_mfa = true\nunenrolled = \"deny\"\n");
    host.pam_service("old", OLD_STACK);
    host.pam_service("sshd", PASSWORD_STACK);
    // One who never set it up is none of the 300.
    host.add_user("otto", "secret");

    let begun = Instant::now();
    let movers: Vec<_> = (0..USERS).map(|number| mover(&host, number)).collect();
    let made = begun.elapsed();
    let sample: Vec<_> = movers.iter().step_by(USERS / SAMPLE).collect();
    assert_eq!(sample.len(), SAMPLE);
    let old_files =
        || -> Vec<_> { movers.iter().map(|one| one.account.read(".google_authenticator")).collect() };

    // All of what follows happens while the codes of now are taken: the next step's as well.
    oathtool::with_time_left(20);
    let now = oathtool::now();
    let code = |mover: &Mover, steps: u64| oathtool::code(&mover.secret, now + steps * oathtool::PERIOD);
    for one in sample.iter().filter(|one| one.used) {
        let taken = login(&host, "old", one, &code(one, 0));
        assert_eq!(taken.code("authenticate"), pam::SUCCESS, "{}", host.journal().text());
        // And it forbids reuse, so a code that it took must not open anything any more.
        assert_ne!(login(&host, "old", one, &code(one, 0)).code("authenticate"), pam::SUCCESS);
    }
    let before = old_files();

    let begun = Instant::now();
    let tried = import(&["--dry-run"]);
    assert!(
        tried.stdout.ends_with("300 users: 300 would be imported, 0 unchanged, 0 not.\n"),
        "{}",
        tried.stdout
    );
    assert_eq!(std::fs::read_dir("/var/lib/twinlock/ledger").unwrap().count(), 0);
    let moved = import(&[]);
    let took = begun.elapsed();
    assert!(moved.stdout.ends_with("300 users: 300 imported, 0 unchanged, 0 not.\n"), "{}", moved.stdout);
    assert_eq!(moved.stdout.matches(": imported (1 authenticator)\n").count(), USERS);
    assert_eq!(std::fs::read_dir("/var/lib/twinlock/ledger").unwrap().count(), USERS);
    assert!(!moved.stdout.contains("otto"), "{}", moved.stdout);
    assert_eq!(before, old_files(), "the old files stay");

    let begun = Instant::now();
    let mut refused = 0;
    for one in &sample {
        let name = &one.account.name;
        if one.used {
            let outcome = login(&host, "sshd", one, &code(one, 0));
            assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{name}\n{}", host.journal().text());
            let words = format!("event=code_rejected user=\"{name}\"");
            let line = host.journal().wait_for(|line| line.message.contains(&words));
            assert!(line.message.contains("reason=replayed"), "{line:?}");
            refused += 1;
        }
        let outcome = login(&host, "sshd", one, &code(one, u64::from(one.used)));
        assert!(is_in(&outcome), "{name}\n{}", host.journal().text());
    }
    assert_eq!(refused, 20);
    let logins = begun.elapsed();

    // Once more, after logins: nothing is carried again, and nothing that was used here is forgotten.
    let again = import(&[]);
    assert!(again.stdout.ends_with("300 users: 0 imported, 300 unchanged, 0 not.\n"), "{}", again.stdout);
    assert_eq!(again.stdout.matches(": unchanged").count(), USERS);
    for one in sample.iter().take(4) {
        let outcome = login(&host, "sshd", one, &code(one, u64::from(one.used)));
        assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{}", host.journal().text());
    }
    eprintln!("300 made in {made:?}, tried and moved in {took:?}, {} logins in {logins:?}", SAMPLE + refused);
    assert!(took.as_secs() < 15, "{took:?}");
}
