//! Every kind of broken policy through real libpam: whoever has a code gets in with it, nobody else does, and the alert
//! says where the fault is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod policy_scene;

use std::fs::{Permissions, create_dir_all, remove_dir_all, remove_file, set_permissions, write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use policy_scene::{enrolled, is_in, log_in, stage, till, was_asked};
use twinlock_tests::{Host, pam};

const FOLDER: &str = "/etc/twinlock";
const MAIN: &str = "/etc/twinlock/policy.toml";
const DROP_IN: &str = "/etc/twinlock/policy.d/10-pilot.toml";
/// User-driven: under it nobody of this test would be refused.
const SOUND: &str = "require_mfa = false\n";

/// What is done to a sound policy, and where the alert points.
enum Broken {
    /// policy.toml holds this text.
    Text(&'static str, &'static str),
    /// policy.d/10-pilot.toml holds this text.
    DropIn(&'static str, &'static str),
    /// Something else happens to the files.
    Files(fn(), &'static str),
}
use Broken::{DropIn, Files, Text};

fn mode(path: &str, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn instead(path: &str) -> &str {
    remove_file(path).unwrap();
    path
}

/// A fault where a file could not be believed has no line; any other has line and column.
const CASES: &[(&str, Broken)] = &[
    ("missing", Files(|| remove_file(MAIN).unwrap(), "policy.toml: cannot open")),
    ("no folder", Files(|| remove_dir_all(FOLDER).unwrap(), "policy.toml: cannot open /etc/twinlock")),
    ("empty", Text("", "policy.toml:1:1: require_mfa is missing")),
    ("a comment alone", Text("# require_mfa = false\n", "policy.toml:1:1: require_mfa is missing")),
    ("writable by all", Files(|| mode(MAIN, 0o646), "policy.toml: /etc/twinlock/policy.toml has mode 0646")),
    ("writable by a group", Files(|| mode(MAIN, 0o664), "policy.toml has mode 0664")),
    (
        "not root's",
        Files(|| chown(MAIN, Some(20_001), None).unwrap(), "policy.toml belongs to UID 20001, not 0"),
    ),
    (
        "a link to a sound policy",
        Files(
            || {
                std::fs::rename(MAIN, "/etc/twinlock/other").unwrap();
                symlink("/etc/twinlock/other", MAIN).unwrap();
            },
            "policy.toml is a symbolic link",
        ),
    ),
    (
        "a link to nothing",
        Files(|| symlink("/nowhere", instead(MAIN)).unwrap(), "policy.toml is a symbolic link"),
    ),
    (
        "a second name",
        Files(
            || std::fs::hard_link(MAIN, "/etc/twinlock/other").unwrap(),
            "policy.toml has 2 names (hard links)",
        ),
    ),
    ("a folder", Files(|| create_dir_all(instead(MAIN)).unwrap(), "policy.toml is not a regular file")),
    (
        "a FIFO",
        Files(
            || mkfifo(instead(MAIN), Mode::from_bits_truncate(0o644)).unwrap(),
            "policy.toml is not a regular file",
        ),
    ),
    (
        "a device that never ends",
        Files(
            || {
                mknod(instead(MAIN), SFlag::S_IFCHR, Mode::from_bits_truncate(0o644), makedev(1, 5)).unwrap();
            },
            "policy.toml is not a regular file",
        ),
    ),
    (
        "a socket",
        Files(
            || drop(std::os::unix::net::UnixListener::bind(instead(MAIN)).unwrap()),
            "policy.toml: cannot open /etc/twinlock/policy.toml",
        ),
    ),
    (
        "10 MB",
        Files(
            || write(MAIN, format!("{SOUND}{}", "# filled\n".repeat(1_200_000))).unwrap(),
            "policy.toml has more than 1048576 bytes",
        ),
    ),
    ("a NUL", Text("require_mfa = false\n# \0\n", "policy.toml:2:3: ")),
    ("NULs alone", Text("\0\0\0\0", "policy.toml:1:5: ")),
    (
        "Latin-1",
        Files(
            || write(MAIN, b"require_mfa = false\nhelp = \"T\xfcr 7\"\n").unwrap(),
            "policy.toml:2:10: this is not UTF-8",
        ),
    ),
    ("UTF-16", Files(|| write(MAIN, b"\xff\xfer\0e\0").unwrap(), "policy.toml:1:1: this is not UTF-8")),
    ("no TOML", Text("require_mfa = false\nissuer ACME\n", "policy.toml:2:8: ")),
    ("cut in the middle", Text("require_mfa = false\nhelp = \"IT de", "policy.toml:2:")),
    ("a conflict of two versions", Text("<<<<<<< HEAD\nrequire_mfa = false\n", "policy.toml:1:9: ")),
    (
        "an unknown key",
        Text(
            "require_mfa = false\n require_mfas = true\n",
            "policy.toml:2:2: unknown key \\\"require_mfas\\\"",
        ),
    ),
    (
        "a key in another case",
        Text("require_mfa = false\nIssuer = \"x\"\n", "policy.toml:2:1: unknown key \\\"Issuer\\\""),
    ),
    (
        "an unknown table",
        Text("require_mfa = false\n[totp]\nx = 1\n", "policy.toml:2:2: unknown key \\\"totp\\\""),
    ),
    (
        "an unknown key of the throttle",
        Text("require_mfa = false\n[throttle]\nfree = 3\n", "policy.toml:3:1: unknown key \\\"free\\\""),
    ),
    (
        "an unknown key of a rule",
        Text(
            "require_mfa = false\n[[rule]]\nuser = [\"x\"]\nusers = [\"x\"]\n",
            "policy.toml:3:1: unknown key \\\"user\\\"",
        ),
    ),
    ("an unknown key of a drop-in", DropIn("rules = 1\n", "10-pilot.toml:1:1: unknown key \\\"rules\\\"")),
    (
        "an unknown key of a rule in a drop-in",
        DropIn("[[rule]]\nusers = [\"x\"]\nmfa = true\n", "10-pilot.toml:3:1: unknown key \\\"mfa\\\""),
    ),
    ("True", Text("require_mfa = True\n", "policy.toml:1:15: ")),
    (
        "\"false\"",
        Text("require_mfa = \"false\"\n", "policy.toml:1:15: require_mfa: false is written without quotes"),
    ),
    (
        "\"Report\"",
        Text(
            "require_mfa = \"Report\"\n",
            "policy.toml:1:15: require_mfa: \\\"Report\\\" is written in lower case",
        ),
    ),
    (
        "\"Deny\"",
        Text("require_mfa = false\nunenrolled = \"Deny\"\n", "policy.toml:2:14: unenrolled: \\\"Deny\\\""),
    ),
    (
        "\"HOME\"",
        Text("require_mfa = false\ncredential_store = \"HOME\"\n", "policy.toml:2:20: credential_store: "),
    ),
    ("\"12H\"", Text("require_mfa = false\nremember = \"12H\"\n", "policy.toml:2:12: remember: ")),
    ("\"Local\"", DropIn("[[rule]]\nnetworks = [\"Local\"]\n", "10-pilot.toml:2:13: networks: ")),
    ("\"SSHD\"", DropIn("[[rule]]\nservices = [\"SSHD\"]\n", "10-pilot.toml:2:13: services: ")),
    ("a number as a flag", Text("require_mfa = 0\n", "policy.toml:1:15: require_mfa: ")),
    ("a text as a number", Text("require_mfa = false\nattempts = \"3\"\n", "policy.toml:2:12: attempts: ")),
    (
        "a number as a duration",
        Text("require_mfa = false\nremember = 3600\n", "policy.toml:2:12: remember: "),
    ),
    (
        "a text as a date",
        Text("require_mfa = false\nenroll_by = \"2027-01-31\"\n", "policy.toml:2:13: enroll_by: "),
    ),
    ("a day that is not", Text("require_mfa = false\nenroll_by = 2027-02-30\n", "policy.toml:2:")),
    (
        "a text as a list",
        Text("require_mfa = false\nenroll_at = \"sshd\"\n", "policy.toml:2:13: enroll_at: "),
    ),
    (
        "a table as a list of rules",
        Text("require_mfa = false\n[rule]\nusers = [\"x\"]\n", "policy.toml:2:2: rule is not a list"),
    ),
    (
        "a number out of bounds",
        Text("require_mfa = false\nattempts = 0\n", "policy.toml:2:12: attempts: 0 is not from 1 to 10"),
    ),
    ("a duplicate key", Text("require_mfa = true\nrequire_mfa = false\n", "policy.toml:2:1: duplicate key")),
    (
        "a duplicate table",
        Text("require_mfa = false\n[throttle]\n[throttle]\n", "policy.toml:3:2: duplicate key"),
    ),
    (
        "a top-level key in a drop-in",
        DropIn("require_mfa = false\n", "10-pilot.toml:1:1: unknown key \\\"require_mfa\\\""),
    ),
    (
        "a rule without a matcher",
        DropIn(
            "\n[[rule]]\nrequire_mfa = false\n",
            "10-pilot.toml:2:1: the rule says nothing about whom it matches",
        ),
    ),
    (
        "a rule that lists nobody",
        DropIn("[[rule]]\nusers = []\n", "10-pilot.toml:2:9: users: the list is empty"),
    ),
    (
        "an exemption without a reason",
        DropIn(
            "[[rule]]\nusers = [\"x\"]\nexempt = true\napproved_by = \"it\"\nexpires = 2099-01-01\n",
            "10-pilot.toml:1:1: the exemption lacks reason",
        ),
    ),
    (
        "an exemption that nobody approved",
        DropIn(
            "[[rule]]\nusers = [\"x\"]\nexempt = true\nreason = \"r\"\nexpires = 2099-01-01\n",
            "10-pilot.toml:1:1: the exemption lacks approved_by",
        ),
    ),
    (
        "an exemption without a date",
        DropIn(
            "[[rule]]\nusers = [\"x\"]\nexempt = true\nreason = \"r\"\napproved_by = \"it\"\n",
            "10-pilot.toml:1:1: the exemption lacks expires",
        ),
    ),
    (
        "a bad address",
        DropIn(
            "[[rule]]\nnetworks = [\"10.20.0.0/16\", \"10.300.0.1\"]\n",
            "10-pilot.toml:2:29: networks: \\\"10.300.0.1\\\"",
        ),
    ),
    (
        "an address with bits beyond its network",
        DropIn("[[rule]]\nnetworks = [\"10.20.0.1/16\"]\n", "10-pilot.toml:2:13: networks: "),
    ),
    (
        "a host name as a network",
        DropIn("[[rule]]\nnetworks = [\"edi.example\"]\n", "10-pilot.toml:2:13: networks: "),
    ),
    (
        "a broken rule among sound ones",
        Text(
            "require_mfa = false\n[[rule]]\nusers = [\"maria\"]\nrequire_mfa = false\n[[rule]]\nusers = 7\n",
            "policy.toml:6:9: users: ",
        ),
    ),
    (
        "a drop-in that others may write",
        Files(
            || {
                write(DROP_IN, "").unwrap();
                mode(DROP_IN, 0o666);
            },
            "10-pilot.toml: /etc/twinlock/policy.d/10-pilot.toml has mode 0666",
        ),
    ),
    (
        "a drop-in that is a link",
        Files(|| symlink("/dev/null", DROP_IN).unwrap(), "10-pilot.toml is a symbolic link"),
    ),
    (
        "a drop-in that is a folder",
        Files(|| create_dir_all(DROP_IN).unwrap(), "10-pilot.toml is not a regular file"),
    ),
    (
        "a drop-in that is a FIFO",
        Files(
            || mkfifo(DROP_IN, Mode::from_bits_truncate(0o644)).unwrap(),
            "10-pilot.toml is not a regular file",
        ),
    ),
    (
        "a drop-in that is not root's",
        Files(
            || {
                write(DROP_IN, "").unwrap();
                chown(DROP_IN, Some(20_001), None).unwrap();
            },
            "10-pilot.toml belongs to UID 20001, not 0",
        ),
    ),
    (
        "a drop-in whose name is not UTF-8",
        Files(
            || {
                write(Path::new("/etc/twinlock/policy.d").join(std::ffi::OsStr::from_bytes(b"\xff.toml")), "")
                    .unwrap()
            },
            "policy.d holds a name that is not UTF-8",
        ),
    ),
    (
        "drop-ins that others may add",
        Files(|| mode("/etc/twinlock/policy.d", 0o777), "policy.d has mode 0777"),
    ),
    (
        "drop-ins behind a link",
        Files(
            || {
                remove_dir_all("/etc/twinlock/policy.d").unwrap();
                symlink("/tmp", "/etc/twinlock/policy.d").unwrap();
            },
            "policy.d: cannot open /etc/twinlock/policy.d",
        ),
    ),
    (
        "a file in the place of the drop-ins",
        Files(
            || {
                remove_dir_all("/etc/twinlock/policy.d").unwrap();
                write("/etc/twinlock/policy.d", "").unwrap();
            },
            "policy.d: cannot open /etc/twinlock/policy.d",
        ),
    ),
    (
        "a folder that others may write",
        Files(|| mode(FOLDER, 0o1777), "policy.toml: /etc/twinlock has mode 1777"),
    ),
    ("a folder that a group may write", Files(|| mode(FOLDER, 0o775), "/etc/twinlock has mode 0775")),
    (
        "a folder that is not root's",
        Files(|| chown(FOLDER, Some(20_001), None).unwrap(), "/etc/twinlock belongs to UID 20001"),
    ),
    (
        "a file in the place of the folder",
        Files(
            || {
                remove_dir_all(FOLDER).unwrap();
                write(FOLDER, "").unwrap();
            },
            "policy.toml: cannot open /etc/twinlock",
        ),
    ),
    (
        "a trial that others may write",
        Files(
            || {
                write("/etc/twinlock/trial.toml", "").unwrap();
                mode("/etc/twinlock/trial.toml", 0o666);
            },
            "trial.toml has mode 0666",
        ),
    ),
    (
        "a trial without its time",
        Files(
            || write("/etc/twinlock/trial.toml", SOUND).unwrap(),
            "trial.toml:1:1: the trial says not when",
        ),
    ),
];

/// A sound policy in a folder that is as a package makes it.
fn begin_anew(host: &Host) {
    let _ = remove_dir_all(FOLDER).or_else(|_| remove_file(FOLDER));
    host.policy(SOUND);
    create_dir_all("/etc/twinlock/policy.d").unwrap();
}

#[test]
fn under_each_kind_of_broken_policy_a_code_lets_in_nobody_else_gets_in_and_the_alert_names_the_place() {
    let host = stage(SOUND);
    host.add_user("otto", "secret");
    let mut misplaced = Vec::new();
    for (number, (name, broken)) in CASES.iter().enumerate() {
        begin_anew(&host);
        // Before: nobody who has no code is asked for one.
        if number == 0 {
            assert!(is_in(&log_in(&till(&host, "otto"), &[])), "{}", host.journal().text());
        }
        let place = match broken {
            Text(text, place) => {
                write(MAIN, text).unwrap();
                place
            }
            DropIn(text, place) => {
                write(DROP_IN, text).unwrap();
                place
            }
            Files(make, place) => {
                make();
                place
            }
        };
        // A user of the case's own: a code lets in once.
        let (maria, phone) = enrolled(&host, &format!("maria{number}"));
        policy_scene::forget(&host);
        let start = Instant::now();
        let outcome = log_in(&till(&host, &maria.name), &[&phone.code()]);
        assert!(is_in(&outcome) && was_asked(&outcome), "{name}: {outcome:?}\n{}", host.journal().text());
        outcome.assert_host_unchanged();
        assert!(start.elapsed() < Duration::from_secs(5), "{name}: {:?}", start.elapsed());
        let alert = host.journal().wait_for(|line| line.message.contains("event=policy_broken"));
        if !alert.message.contains(place) {
            misplaced.push(format!("{name}: {}", alert.message));
        }
        assert_eq!((alert.facility, alert.severity), (10, 1), "{name}: authpriv, alert: {alert:?}");
        // Neither by his password alone nor by enrolling now.
        let outcome = log_in(&till(&host, "otto"), &["y", "123456"]);
        assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{name}: {}", host.journal().text());
        assert!(!was_asked(&outcome), "{name}: {outcome:?}");
        host.journal().wait_for(|line| {
            line.message.contains("reason=enrollment_not_allowed")
                && line.message.contains("decision=required")
        });
        // A public key alone is no way around either.
        host.pam_service("sshd", policy_scene::STACK);
        let key =
            twinlock_tests::PamClient::new(&host, "sshd").user("otto").rhost("192.0.2.7").chain("acct_mgmt");
        assert_eq!(log_in(&key, &[]).code("acct_mgmt"), pam::PERM_DENIED, "{name}");
    }
    assert!(misplaced.is_empty(), "alerts that do not name the place:\n{}", misplaced.join("\n"));
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_read_past() {
    for text in [
        "\u{feff}require_mfa = false\n",
        "require_mfa = false\r\n\r\n[throttle]\r\nfree_failures = 3\r\n",
        "\u{feff}require_mfa = false\r\n",
    ] {
        let host = stage(text);
        host.policy_drop_in(
            "10-bom.toml",
            "\u{feff}[[rule]]\r\nusers = [\"maria\"]\r\nrequire_mfa = true\r\n",
        );
        host.add_user("otto", "secret");
        host.add_user("maria", "secret");
        let outcome = log_in(&till(&host, "otto"), &[]);
        assert!(is_in(&outcome) && !was_asked(&outcome), "{text:?}: {}", host.journal().text());
        assert_eq!(log_in(&till(&host, "maria"), &[]).code("authenticate"), pam::AUTH_ERR, "{text:?}");
        policy_scene::settle(&host);
        assert!(!host.journal().text().contains("policy_broken"), "{text:?}: {}", host.journal().text());
    }
}

/// What is passed over is no policy: no rule of it counts, and no fault of it either.
#[test]
fn files_beside_the_policy_are_passed_over() {
    let host = stage(SOUND);
    host.add_user("otto", "secret");
    for name in ["10-pilot.toml.dpkg-old", "README", ".hidden.toml", "pilot.TOML", "10-pilot.toml~"] {
        host.policy_drop_in(name, "this is no TOML\n");
    }
    assert!(is_in(&log_in(&till(&host, "otto"), &[])), "{}", host.journal().text());
    policy_scene::settle(&host);
    assert!(!host.journal().text().contains("policy_broken"), "{}", host.journal().text());
}
