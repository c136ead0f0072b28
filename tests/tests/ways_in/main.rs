//! Every way in, by the program that people use for it: required and left to the user, enrolled and not. The table stands in
//! docs/admin-guide.md; here each of its cells is tried.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod clean_data;
mod greetd;
mod jobs;
mod jump;
mod local;
mod lockers;
mod person;
mod polkit;
mod ssh;
mod vsftpd;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use person::{Cell, Person};
use twinlock_tests::Host;

/// For what gives one answer to everything, as docs/admin-guide.md has it.
const ONE_ANSWER: &str = "auth required pam_twinlock.so forward_pass\nauth required pam_unix.so try_first_pass\n\
     account required pam_twinlock.so\naccount required pam_unix.so\nsession required pam_permit.so\n";

/// Tries one way on a host of its own.
type Attempt = fn(&Host, &Person) -> Cell;

/// The ways, by the names that the guide's table has.
const WAYS: &[(&str, Attempt)] = &[
    ("`ssh`, password", ssh::password_and_code),
    ("`ssh`, key, and no password line", ssh::key_and_code),
    ("`ssh`, `PasswordAuthentication` alone", ssh::password_authentication),
    ("`ssh`, key alone", ssh::key_alone),
    ("`ssh host command`", ssh::command),
    ("`scp`", ssh::scp),
    ("`sftp`", ssh::sftp),
    ("`login` on a console", local::login),
    ("`su`", local::su),
    ("`su -`", local::su_login),
    ("`sudo`", local::sudo),
    ("`sudo -i`", local::sudo_shell),
    ("`sudo -n`", local::sudo_unattended),
    ("`sudo` within its timestamp", local::sudo_within_its_timestamp),
    ("`cron`", jobs::cron),
    ("`at`", jobs::at),
    ("`pkexec`", polkit::pkexec),
    ("locker on a terminal (`vlock`)", lockers::vlock),
    ("locker on a display (`i3lock`), one answer", lockers::i3lock),
    ("display manager (`greetd`)", greetd::login),
    ("FTP (`vsftpd`), one answer", vsftpd::login),
];

/// The columns: whether a code is required, whether the user is enrolled.
const COLUMNS: [(bool, bool); 4] = [(true, true), (true, false), (false, true), (false, false)];

fn try_cell(attempt: Attempt, required: bool, enrolled: bool) -> Cell {
    let host = Host::that_requires_codes();
    host.install_check_helper();
    if !required {
        host.policy("require_mfa = false\n");
    }
    let person = Person::on(&host, enrolled);
    let cell = attempt(&host, &person);
    let log = host.journal().text();
    assert!(!log.contains(&person.account.password), "a password is in the log: {log}");
    cell
}

/// The rows of the guide's table: the way, and its four cells.
fn rows_of_the_guide() -> Vec<(String, Vec<String>)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/admin-guide.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section =
        page.split("\n## Every way in\n").nth(1).expect("the section").split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| {
        let mut words = row.trim_matches('|').split(" | ").map(|word| word.trim().to_owned());
        (words.next().unwrap(), words.collect())
    })
    .collect()
}

#[test]
fn each_way_in_does_what_the_table_of_the_guide_says() {
    let wanted = std::env::var("TWINLOCK_WAY").unwrap_or_default();
    // The last ones take longest: lockers wait after each answer that was wrong.
    let cells = WAYS
        .iter()
        .rev()
        .filter(|(name, _)| name.contains(&wanted))
        .flat_map(|way| COLUMNS.map(|column| (way, column)));
    let work = Mutex::new(cells);
    let seen = Mutex::new(BTreeMap::new());
    // They wait for programs more than they compute.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(((name, attempt), (required, enrolled))) = { work.lock().unwrap().next() } {
                    let cell = try_cell(*attempt, required, enrolled);
                    seen.lock().unwrap().insert((*name, (required, enrolled)), cell);
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    let row = |name: &str| {
        let cells: Option<Vec<_>> = COLUMNS.iter().map(|column| seen.get(&(name, *column))).collect();
        Some((name.to_owned(), cells?.into_iter().map(|cell| cell.word().to_owned()).collect::<Vec<_>>()))
    };
    let rows: Vec<_> = WAYS.iter().filter_map(|(name, _)| row(name)).collect();
    let table: String =
        rows.iter().map(|(name, cells)| format!("| {name} | {} |\n", cells.join(" | "))).collect();
    let guide: Vec<_> = rows_of_the_guide().into_iter().filter(|(name, _)| name.contains(&wanted)).collect();
    assert!(guide == rows, "the guide's table says otherwise; seen was:\n{table}");
}
