//! Hosts that let several users in at once, each in a thread: what a login does as its user must stay its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use twinlock_tests::process::{command, run};
use twinlock_tests::{Host, Phone, artefacts, pam};

const NAMES: [&str; 4] = ["maria", "otto", "erna", "kurt"];

/// Homes behind a folder that a group alone may enter, so that a login needs its user's groups for a moment. An answer
/// without the shape of a code: all of it is read, and nothing is counted.
#[test]
fn logins_in_several_threads_leave_the_hosts_groups_and_know_their_own() {
    let host = Host::that_requires_codes();
    host.policy("require_mfa = true\nattempts = 1\n");
    let gate = host.add_group("gate", &NAMES);
    std::fs::create_dir_all("/home/behind").unwrap();
    chown("/home/behind", Some(0), Some(gate)).unwrap();
    std::fs::set_permissions("/home/behind", Permissions::from_mode(0o750)).unwrap();
    for (number, name) in (1..).zip(NAMES) {
        let home = format!("/home/behind/{name}");
        let user = host.add_user_without_home(name, "secret", Path::new(&home));
        std::fs::create_dir(&home).unwrap();
        chown(&home, Some(user.uid), Some(user.gid)).unwrap();
        user.write(".twinlock/credential.toml", Phone::numbered(number).credential(), 0o600);
    }
    let mut client = command(artefacts::threadclient());
    let said = run(client.args(["till", "200", "no code"]).args(NAMES).args(NAMES)).ok().stdout;
    let refused = pam::AUTH_ERR.to_string();
    let expected = [vec![refused.as_str(); 8], vec!["groups: 4 27 100"; 9]].concat();
    assert_eq!(said.lines().collect::<Vec<_>>(), expected, "{}", host.journal().text());
}
