//! Nothing of ours grows without bound, whatever is tried and by whomever.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use twinlock_tests::process::{command, run};
use twinlock_tests::{Host, PamClient, Phone, pam};

/// Every file below a folder, and its length.
fn files(folder: impl AsRef<Path>) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.metadata().unwrap() {
            metadata if metadata.is_dir() => found.extend(files(entry.path())),
            metadata => drop(found.insert(entry.path(), metadata.len())),
        }
    }
    found
}

const STATE: &str = "/var/lib/twinlock";

#[test]
fn however_often_and_from_wherever_somebody_tries_the_state_stays_as_large_as_it_is() {
    let host = Host::that_requires_codes();
    let maria = host.add_user("maria", "secret");
    let phone = Phone::of(&maria);
    let otto = host.add_user("otto", "secret");
    let from = |user: &str, place: u32| {
        PamClient::new(&host, "till")
            .user(user)
            .rhost(&format!("192.0.2.{place}"))
            .chain("authenticate,acct_mgmt")
            .keep_going()
    };
    let login = |user: &str, place: u32, code: &str| {
        let mut login = from(user, place).start();
        while let Some(message) = login.next_message() {
            if message.kind.is_prompt() {
                login.answer(code);
            }
        }
        login.finish()
    };
    // One record, and one enrolment that was begun.
    assert_eq!(login("maria", 1, &phone.code()).code("acct_mgmt"), pam::SUCCESS);
    let begun = |place: u32| {
        let mut login = from("otto", place).start();
        login.expect_prompt("Key: ");
        login.answer_null();
        login.finish();
    };
    begun(1);
    let before = files(STATE);
    let names: Vec<_> =
        before.keys().map(|path| path.strip_prefix(STATE).unwrap().display().to_string()).collect();
    let (maria_id, otto_id) = (maria.uid, otto.uid);
    assert_eq!(
        names,
        [format!("ledger/{maria_id}"), format!("ledger/{otto_id}"), format!("pending/{otto_id}")]
    );
    assert!(before.values().all(|&length| length <= 16_384), "{before:?}");
    // More sources than a record has places for, names that nobody has, and enrolments that nobody ends.
    for place in 2..42 {
        login("maria", place, &phone.wrong_code());
        login(&format!("nobody{place}"), place, "123456");
        begun(place);
    }
    let after = files(STATE);
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (path, length) in &after {
        // The time of an enrolment and the address it began at are text.
        let more = if path.starts_with("/var/lib/twinlock/pending") { 8 } else { 0 };
        assert!(*length <= before[path] + more, "{} grew from {} to {length}", path.display(), before[path]);
    }

    // Those who leave take theirs with them.
    for file in ["/etc/passwd", "/etc/shadow"] {
        let text = std::fs::read_to_string(file).unwrap();
        let kept: String = text
            .lines()
            .filter(|line| !line.starts_with("maria:") && !line.starts_with("otto:"))
            .map(|line| format!("{line}\n"))
            .collect();
        std::fs::write(file, kept).unwrap();
    }
    run(command("twinlock").args(["reset", "--orphans", "--yes"])).ok();
    assert_eq!(files(STATE), BTreeMap::new());
}
