//! The administrator's commands on a host with 10,000 accounts.

use std::fmt::Write as _;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::Path;
use std::time::Instant;

use twinlock_tests::{Host, Phone, process};

use crate::client::{Client, Waits};
use crate::contestant::Contestant;
use crate::figure::{Figure, Spread, Unit};
use crate::policies;
use crate::progress::Progress;
use crate::target::Target;

const ACCOUNTS: u32 = 10_000;
const FIRST_ID: u32 = 30_000;
/// How often each command runs.
const RUNS: usize = 7;
/// First logins that run at once: more only queue.
const AT_ONCE: usize = 50;

/// `report` and `policy explain`; a command that does not exist yet has a line without figures.
pub fn all(client: &Client, progress: &Progress) -> Vec<Figure> {
    progress.now("a host with 10,000 accounts");
    let host = Host::new();
    host.install_twinlock();
    host.policy(&policies::thirty_rules());
    host.add_group(policies::GROUP, &["user5000"]);
    add_accounts();
    let explain = ["policy", "explain", "user5000", "--service", "sshd", "--from", "192.0.2.7"];
    let mut figures = vec![command("policy explain", "explain", &explain, progress)];
    if exists(&["report"]) {
        enrol_all(client, &host, progress);
    }
    figures.push(command("report", "report", &["report"], progress).target(Target::Under(2000.0)));
    figures
}

fn command(name: &str, id: &str, words: &[&str], progress: &Progress) -> Figure {
    let label = format!("twinlock {name}, {ACCOUNTS} accounts");
    let figure = |label: &str| Figure::new(&format!("command.{id}"), label, Unit::Milliseconds);
    if !exists(&name.split(' ').collect::<Vec<_>>()) {
        return figure(&format!("{label}: not built yet"));
    }
    progress.now(&label);
    let times = (0..RUNS).map(|_| {
        let started = Instant::now();
        let output = process::command("twinlock").args(words).output().expect("twinlock");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        started.elapsed().as_secs_f64() * 1000.0
    });
    figure(&label).value(Contestant::Twinlock, Spread::of(times.collect()).median)
}

fn exists(subcommand: &[&str]) -> bool {
    let asked = process::command("twinlock").args(subcommand).arg("--help").output();
    asked.is_ok_and(|output| output.status.success())
}

fn add_accounts() {
    let (mut users, mut groups) = (String::new(), String::new());
    for number in 0..ACCOUNTS {
        let id = FIRST_ID + number;
        writeln!(users, "user{number}:x:{id}:{id}::/home/user{number}:/bin/sh").expect("a string");
        writeln!(groups, "user{number}:x:{id}:").expect("a string");
    }
    for (path, lines) in [("/etc/passwd", users), ("/etc/group", groups)] {
        let before = std::fs::read_to_string(path).expect(path);
        std::fs::write(path, before + &lines).expect(path);
    }
}

/// Gives everybody a credential and a first login.
fn enrol_all(client: &Client, host: &Host, progress: &Progress) {
    let service = Contestant::Twinlock.service();
    host.pam_service(service, "auth required pam_twinlock.so account_phase\n");
    let phone = Phone::numbered(1);
    for number in 0..ACCOUNTS {
        let (id, home) = (FIRST_ID + number, format!("/home/user{number}"));
        let folder = Path::new(&home).join(".twinlock");
        let file = folder.join("credential.toml");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).expect("a home");
        std::fs::write(&file, phone.credential()).expect("a credential");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        for path in [Path::new(&home), &folder, &file] {
            chown(path, Some(id), Some(id)).expect("chown");
        }
    }
    let users: Vec<String> = (0..ACCOUNTS).map(|number| format!("user{number}")).collect();
    for (number, users) in users.chunks(AT_ONCE).enumerate() {
        progress.now(&format!("first login of user {} of {ACCOUNTS}", number * AT_ONCE));
        let crowd = client.crowd(Waits::AtStart, service, &phone.code(), users);
        assert_eq!(crowd.successes as usize, users.len(), "first logins");
        host.journal().clear();
    }
}
