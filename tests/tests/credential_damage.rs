//! Credentials as users, accidents and attackers leave them: unavailable with its cause, at once, and what a link points
//! at stays as it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use twinlock_tests::process::run;
use twinlock_tests::witness::{count_faults, enrol};
use twinlock_tests::{Account, Host, Outcome, PamClient, Phone, STACK, pam};

const FILE: &str = ".twinlock/credential.toml";
const SYSTEM: &str = "/var/lib/twinlock/credentials";

struct Stage {
    host: Host,
    maria: Account,
    phone: Phone,
}

impl Stage {
    fn new() -> Self {
        let host = Host::that_requires_codes();
        host.pam_service("till", &format!("auth required pam_permit.so\n{STACK}"));
        let maria = host.add_user("maria", "secret");
        let phone = Phone::of(&maria);
        Self { host, maria, phone }
    }

    /// One whose ledger knows the phone.
    fn registered() -> Self {
        let stage = Self::new();
        assert_eq!(stage.login(&[&stage.phone.code_at_step(-1)]).code("authenticate"), pam::SUCCESS);
        stage
    }

    fn client(&self) -> PamClient {
        PamClient::new(&self.host, "till").user("maria").rhost("192.0.2.7")
    }

    fn login(&self, answers: &[&str]) -> Outcome {
        answer(&self.client(), answers)
    }

    fn credential(&self) -> std::path::PathBuf {
        self.maria.path(FILE)
    }

    fn remove(&self) {
        std::fs::remove_file(self.credential()).unwrap();
    }
}

fn answer(client: &PamClient, answers: &[&str]) -> Outcome {
    let mut login = client.start();
    let mut answers = answers.iter();
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            match answers.next() {
                Some(answer) => login.answer(answer),
                None => login.answer_null(),
            }
        }
    }
    login.finish()
}

/// Something to prepare, and what it is.
type Named<T> = (&'static str, fn(&T));

struct Case {
    name: &'static str,
    prepare: fn(&Stage),
    /// In the log, after `event=unavailable`.
    cause: &'static str,
}

/// Each of these, for a user whom the ledger knows and for one whom it does not.
const CASES: &[Case] = &[
    Case {
        name: "0 bytes",
        prepare: |stage| drop(stage.maria.write(FILE, "", 0o600)),
        cause: "the file is empty",
    },
    Case {
        name: "cut in half",
        prepare: |stage| {
            let text = stage.phone.credential();
            stage.maria.write(FILE, &text[..text.len() / 2], 0o600);
        },
        cause: "reason=credential_damaged",
    },
    Case {
        name: "cut by one byte",
        prepare: |stage| drop(stage.maria.write(FILE, stage.phone.credential().trim_end(), 0o600)),
        cause: "its end is missing",
    },
    Case {
        name: "not TOML",
        prepare: |stage| drop(stage.maria.write(FILE, "secret: hunter2\n", 0o600)),
        cause: "line 1, column 9: not a credential",
    },
    Case {
        name: "not UTF-8",
        prepare: |stage| drop(stage.maria.write(FILE, b"version = 1\n\xff\xfe\n", 0o600)),
        cause: "line 2, column 1: not a credential",
    },
    Case {
        name: "64 KiB of comment",
        prepare: |stage| drop(stage.maria.write(FILE, "#".repeat(64 * 1024), 0o600)),
        cause: "reason=credential_damaged",
    },
    Case {
        name: "65 KiB",
        prepare: |stage| drop(stage.maria.write(FILE, "#".repeat(65 * 1024), 0o600)),
        cause: "has more than 65536 bytes",
    },
    Case {
        name: "a terabyte of hole",
        prepare: |stage| {
            std::fs::OpenOptions::new()
                .write(true)
                .open(stage.credential())
                .unwrap()
                .set_len(1 << 40)
                .unwrap();
        },
        cause: "has more than 65536 bytes",
    },
    Case {
        name: "root's",
        prepare: |stage| chown(stage.credential(), Some(0), Some(0)).unwrap(),
        cause: "reason=",
    },
    Case {
        name: "somebody else's, and readable",
        prepare: |stage| {
            chown(stage.credential(), Some(stage.maria.uid + 1), Some(stage.maria.gid)).unwrap();
            mode(stage.credential(), 0o640);
        },
        cause: "belongs to UID",
    },
    Case { name: "mode 0644", prepare: |stage| mode(stage.credential(), 0o644), cause: "has mode 0644" },
    Case { name: "mode 0620", prepare: |stage| mode(stage.credential(), 0o620), cause: "has mode 0620" },
    Case { name: "mode 0000", prepare: |stage| mode(stage.credential(), 0), cause: "Permission denied" },
    Case {
        name: "two links",
        prepare: |stage| std::fs::hard_link(stage.credential(), stage.maria.path("other")).unwrap(),
        cause: "has 2 names",
    },
    Case {
        name: "a symlink to /etc/shadow",
        prepare: |stage| {
            stage.remove();
            symlink("/etc/shadow", stage.credential()).unwrap();
        },
        cause: "is a symbolic link",
    },
    Case {
        name: "a symlink to one's own file",
        prepare: |stage| {
            std::fs::rename(stage.credential(), stage.maria.path("mine")).unwrap();
            symlink(stage.maria.path("mine"), stage.credential()).unwrap();
        },
        cause: "is a symbolic link",
    },
    Case {
        name: "a symlink to nothing",
        prepare: |stage| {
            stage.remove();
            symlink("/nowhere", stage.credential()).unwrap();
        },
        cause: "is a symbolic link",
    },
    Case {
        name: "a FIFO",
        prepare: |stage| {
            stage.remove();
            run(stage.maria.command("mkfifo").args(["-m", "600", FILE])).ok();
        },
        cause: "is not a regular file",
    },
    Case {
        name: "a socket",
        prepare: |stage| {
            stage.remove();
            drop(std::os::unix::net::UnixListener::bind(stage.credential()).unwrap());
            chown(stage.credential(), Some(stage.maria.uid), Some(stage.maria.gid)).unwrap();
            mode(stage.credential(), 0o600);
        },
        cause: "is not a regular file",
    },
    Case {
        name: "a device that never ends",
        prepare: |stage| device(stage, 1, 5),
        cause: "is not a regular file",
    },
    Case { name: "a terminal", prepare: |stage| device(stage, 5, 0), cause: "reason=" },
    Case {
        name: "a folder",
        prepare: |stage| {
            stage.remove();
            std::fs::create_dir(stage.credential()).unwrap();
            chown(stage.credential(), Some(stage.maria.uid), Some(stage.maria.gid)).unwrap();
            mode(stage.credential(), 0o700);
        },
        cause: "is not a regular file",
    },
    Case {
        name: "in a folder of somebody else",
        prepare: |stage| {
            chown(stage.maria.path(".twinlock"), Some(stage.maria.uid + 1), Some(stage.maria.gid)).unwrap();
            mode(stage.maria.path(".twinlock"), 0o750);
        },
        cause: "belongs to UID",
    },
    Case {
        name: "in a folder that others can write to",
        prepare: |stage| mode(stage.maria.path(".twinlock"), 0o777),
        cause: "has mode 0777",
    },
    Case {
        name: "in a symlink to a folder",
        prepare: |stage| {
            std::fs::rename(stage.maria.path(".twinlock"), stage.maria.path("mine")).unwrap();
            symlink("mine", stage.maria.path(".twinlock")).unwrap();
        },
        cause: "is not a folder",
    },
    Case {
        name: "in a FIFO",
        prepare: |stage| {
            std::fs::remove_dir_all(stage.maria.path(".twinlock")).unwrap();
            run(stage.maria.command("mkfifo").args(["-m", "700", ".twinlock"])).ok();
        },
        cause: "is not a folder",
    },
    Case {
        name: "in a device",
        prepare: |stage| {
            std::fs::remove_dir_all(stage.maria.path(".twinlock")).unwrap();
            let zero = makedev(1, 5);
            mknod(&stage.maria.path(".twinlock"), SFlag::S_IFCHR, Mode::S_IRWXU, zero).unwrap();
        },
        cause: "is not a folder",
    },
    Case {
        name: "in a file",
        prepare: |stage| {
            std::fs::remove_dir_all(stage.maria.path(".twinlock")).unwrap();
            stage.maria.write(".twinlock", "", 0o600);
        },
        cause: "is not a folder",
    },
    Case {
        name: "in a folder that its user may not enter",
        prepare: |stage| mode(stage.maria.path(".twinlock"), 0),
        cause: "Permission denied",
    },
    Case { name: "behind EACCES", prepare: |_| mode("/home", 0o700), cause: "Permission denied" },
    Case {
        name: "in a home that is a file",
        prepare: |stage| {
            std::fs::remove_dir_all(&stage.maria.home).unwrap();
            stage.host.write(&stage.maria.home, "", 0o600);
        },
        cause: "Not a directory",
    },
    Case {
        name: "in a home that is a loop of links",
        prepare: |stage| {
            std::fs::remove_dir_all(&stage.maria.home).unwrap();
            symlink(&stage.maria.home, &stage.maria.home).unwrap();
        },
        cause: "reason=io",
    },
    Case {
        name: "in a home that is relative",
        prepare: |_| passwd("/home/maria", "home/maria"),
        cause: "is the home, and not an absolute path",
    },
    Case {
        name: "in no home",
        prepare: |_| passwd("/home/maria", ""),
        cause: "is the home, and not an absolute path",
    },
    Case {
        name: "in the state folder, 0 bytes, with a good one in the home",
        prepare: |stage| stage.host.write(format!("{SYSTEM}/{}.toml", stage.maria.uid), "", 0o600),
        cause: "the file is empty",
    },
    Case {
        name: "in the state folder, readable by others",
        prepare: |stage| {
            let path = format!("{SYSTEM}/{}.toml", stage.maria.uid);
            stage.host.write(path, &stage.phone.credential(), 0o644);
        },
        cause: "has mode 0644",
    },
    Case {
        name: "in the state folder, and the user's",
        prepare: |stage| {
            let path = format!("{SYSTEM}/{}.toml", stage.maria.uid);
            stage.host.write(&path, &stage.phone.credential(), 0o600);
            chown(&path, Some(stage.maria.uid), None).unwrap();
        },
        cause: "belongs to UID",
    },
    Case {
        name: "in the state folder, which others can enter",
        prepare: |_| mode(SYSTEM, 0o711),
        cause: "has mode 0711",
    },
];

fn mode(path: impl AsRef<Path>, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn device(stage: &Stage, major: u64, minor: u64) {
    stage.remove();
    let path = stage.credential();
    mknod(&path, SFlag::S_IFCHR, Mode::S_IRUSR | Mode::S_IWUSR, makedev(major, minor)).unwrap();
    chown(&path, Some(stage.maria.uid), Some(stage.maria.gid)).unwrap();
}

fn passwd(from: &str, to: &str) {
    let text = std::fs::read_to_string("/etc/passwd").unwrap();
    std::fs::write("/etc/passwd", text.replace(&format!("::{from}:"), &format!("::{to}:"))).unwrap();
}

/// Content and look of a file that must not change.
fn look(path: &str) -> (Vec<u8>, u64, i64, i64) {
    let metadata = std::fs::metadata(path).unwrap();
    (std::fs::read(path).unwrap(), metadata.ino(), metadata.mtime_nsec(), metadata.ctime_nsec())
}

/// cases.md, rows 7, 8, 10 and 11.
#[test]
fn a_credential_that_cannot_be_believed_is_unavailable_at_once_and_never_not_enrolled() {
    let mut count = 0;
    for registered in [false, true] {
        for case in CASES {
            let stage = if registered { Stage::registered() } else { Stage::new() };
            let shadow = look("/etc/shadow");
            (case.prepare)(&stage);
            stage.host.journal().clear();
            for policy in ["require_mfa = true\n", "require_mfa = false\n"] {
                stage.host.policy(policy);
                let begin = Instant::now();
                let outcome = stage.login(&[&stage.phone.code()]);
                let took = begin.elapsed();
                let name = case.name;
                let log = stage.host.journal().text();
                assert_eq!(outcome.code("authenticate"), pam::AUTHINFO_UNAVAIL, "{name}, {policy}\n{log}");
                outcome.assert_host_unchanged();
                assert!(took < Duration::from_secs(1), "{name}: {took:?}");
                let unavailable =
                    |text: &str| text.contains("event=unavailable") && text.contains(case.cause);
                stage.host.journal().wait_for(|line| unavailable(&line.message));
                let log = stage.host.journal().text();
                assert!(!log.contains("root:") && !log.contains(&stage.phone.secret), "{name}: {log}");
                assert!(!log.contains("hunter2"), "{name}: {log}");
                assert!(outcome.said().contains("cannot be checked"), "{name}: {}", outcome.said());
                count += 1;
            }
            assert_eq!(look("/etc/shadow"), shadow, "{}", case.name);
        }
    }
    count_faults("a_credential_that_cannot_be_believed_is_unavailable_at_once_and_never_not_enrolled", count);
}

/// The disk under a home answers EIO to each system call that reads the credential, and ESTALE as NFS does.
#[test]
fn a_disk_that_fails_under_the_credential_is_unavailable() {
    let mut count = 0;
    {
        let stage = Stage::registered();
        let home = stage.maria.home.display().to_string();
        let (folder, file) = (format!("{home}/.twinlock"), format!("{home}/{FILE}"));
        // Below the home each is opened by its name alone.
        for (path, name, calls) in [
            (&home, "home", &["openat"][..]),
            (&folder, ".twinlock", &["openat", "fstat,newfstatat"]),
            (&file, "credential.toml", &["openat", "fstat,newfstatat", "read"]),
        ] {
            for call in calls {
                for error in ["EIO", "ESTALE", "EACCES", "ENOMEM", "EMFILE"] {
                    let filter = format!("trace={call}");
                    let inject = format!("inject={call}:error={error}");
                    let strace =
                        ["strace", "-o", "/tmp/trace", "-P", path, "-P", name, "-e", &filter, "-e", &inject];
                    let outcome = answer(&stage.client().under(&strace), &[&stage.phone.code()]);
                    let name = format!("{error} at {call} of {path}");
                    let trace = std::fs::read_to_string("/tmp/trace").unwrap();
                    assert!(trace.contains("(INJECTED)"), "{name}: not reached\n{trace}");
                    let log = stage.host.journal().text();
                    assert_eq!(outcome.code("authenticate"), pam::AUTHINFO_UNAVAIL, "{name}\n{log}");
                    stage.host.journal().wait_for(|line| line.message.contains("reason=io"));
                    stage.host.journal().clear();
                    count += 1;
                }
            }
        }
        assert_eq!(stage.login(&[&stage.phone.code()]).code("authenticate"), pam::SUCCESS);
    }
    count_faults("a_disk_that_fails_under_the_credential_is_unavailable", count);
}

/// Homes that hold nothing: not enrolled, and only while the ledger knows of nothing.
#[test]
fn a_home_that_is_empty_or_not_there_yet_is_not_enrolled_only_while_the_ledger_agrees() {
    let homes: &[Named<Stage>] = &[
        ("an empty home", |stage| std::fs::remove_dir_all(stage.maria.path(".twinlock")).unwrap()),
        ("an empty folder in it", Stage::remove),
        ("a home that is not there yet", |stage| std::fs::remove_dir_all(&stage.maria.home).unwrap()),
        ("/ as home", |_| passwd("/home/maria", "/")),
        ("// as home", |_| passwd("/home/maria", "//")),
        ("/nonexistent as home", |_| passwd("/home/maria", "/nonexistent")),
        ("a home behind a dangling link", |stage| {
            std::fs::remove_dir_all(&stage.maria.home).unwrap();
            symlink("/srv/not-mounted", &stage.maria.home).unwrap();
        }),
    ];
    for (name, prepare) in homes {
        let stage = Stage::new();
        prepare(&stage);
        stage.host.policy("require_mfa = false\n");
        let outcome = stage.login(&[]);
        assert_eq!(
            outcome.code("acct_mgmt"),
            pam::PERM_DENIED,
            "{name}: nobody asked, so our IGNORE is all there is"
        );
        stage.host.journal().wait_for(|line| line.message.contains("reason=not_enrolled"));
        // cases.md, row 9.
        let stage = Stage::registered();
        prepare(&stage);
        for policy in ["require_mfa = true\nenroll_at = [\"till\"]\n", "require_mfa = false\n"] {
            stage.host.policy(policy);
            stage.host.journal().clear();
            for _ in 0..2 {
                let outcome = stage.login(&[&stage.phone.code()]);
                assert_eq!(outcome.code("authenticate"), pam::AUTHINFO_UNAVAIL, "{name}");
                stage.host.journal().wait_for(|line| line.message.contains("reason=credential_missing"));
            }
        }
    }
}

/// cases.md, row 9: until an administrator resets, and the old file brought back is as good as before.
#[test]
fn a_user_who_removed_their_credential_is_refused_until_it_is_back_or_reset() {
    let stage = Stage::registered();
    let text = stage.maria.read(FILE);
    stage.remove();
    assert_eq!(stage.login(&[]).code("authenticate"), pam::AUTHINFO_UNAVAIL);
    let line = stage.host.journal().wait_for(|line| line.message.contains("reason=credential_missing"));
    assert!(line.message.contains("bring it back or `twinlock reset` the user"), "{line:?}");
    stage.maria.write(FILE, text, 0o600);
    let code = stage.phone.code();
    assert_eq!(stage.login(&[&code]).code("authenticate"), pam::SUCCESS);
    // And not a way to use a code twice: the ledger is not the user's.
    stage.remove();
    stage.maria.write(FILE, stage.phone.credential(), 0o600);
    assert_eq!(stage.login(&[&code]).code("authenticate"), pam::AUTH_ERR);
}

/// cases.md, row 34.
#[test]
fn a_home_behind_a_folder_for_a_group_works_for_logins_and_for_enrolment() {
    let host = Host::that_requires_codes();
    host.pam_service("till", &format!("auth required pam_permit.so\n{STACK}"));
    let maria = host.add_user_without_home("maria", "secret", Path::new("/srv/staff/maria"));
    let otto = host.add_user_without_home("otto", "secret", Path::new("/srv/staff/otto"));
    let staff = host.add_group("staff-homes", &["maria", "otto"]);
    for account in [&maria, &otto] {
        std::fs::create_dir_all(&account.home).unwrap();
        chown(&account.home, Some(account.uid), Some(account.gid)).unwrap();
    }
    chown("/srv/staff", Some(0), Some(staff)).unwrap();
    mode("/srv/staff", 0o750);
    let phone = Phone::of(&maria);
    let client = PamClient::new(&host, "till").rhost("192.0.2.7");
    let outcome = answer(&client.clone().user("maria"), &[&phone.code()]);
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS, "{}", host.journal().text());
    outcome.assert_host_unchanged();
    let (phone, codes) = enrol(&client.clone().user("otto"));
    assert_eq!(codes.len(), 10, "{}", host.journal().text());
    assert!(otto.path(FILE).exists(), "in the home, as everybody's");
    assert_eq!(std::fs::metadata(otto.path(FILE)).unwrap().uid(), otto.uid);
    assert_eq!(answer(&client.user("otto"), &[&phone.code()]).code("acct_mgmt"), pam::SUCCESS);
}

/// cases.md, row 10: names that an enrolment makes, planted beforehand.
#[test]
fn links_at_every_name_of_an_enrolment_lead_nowhere() {
    let plants: &[Named<Account>] = &[
        (".twinlock/credential.toml.new -> /etc/shadow", |maria| {
            maria.write(".twinlock/x", "", 0o600);
            symlink("/etc/shadow", maria.path(".twinlock/credential.toml.new")).unwrap();
        }),
        (".twinlock/credential.toml.new, a link to a file of root's", |maria| {
            maria.write(".twinlock/x", "", 0o600);
            std::fs::write("/home/roots", "root's").unwrap();
            std::fs::hard_link("/home/roots", maria.path(".twinlock/credential.toml.new")).unwrap();
        }),
        (".twinlock/credential.toml.new, a FIFO", |maria| {
            maria.write(".twinlock/x", "", 0o600);
            run(maria.command("mkfifo").arg(".twinlock/credential.toml.new")).ok();
        }),
        (".twinlock -> /etc", |maria| symlink("/etc", maria.path(".twinlock")).unwrap()),
        (".twinlock -> /var/lib/twinlock/ledger", |maria| {
            symlink("/var/lib/twinlock/ledger", maria.path(".twinlock")).unwrap();
        }),
    ];
    for (name, plant) in plants {
        let host = Host::that_requires_codes();
        host.pam_service("till", &format!("auth required pam_permit.so\n{STACK}"));
        let maria = host.add_user("maria", "secret");
        plant(&maria);
        let shadow = std::fs::read("/etc/shadow").unwrap();
        let owner = std::fs::metadata("/etc/shadow").unwrap().uid();
        let mut login = PamClient::new(&host, "till").user("maria").rhost("192.0.2.7").start();
        while let Some(message) = login.next_message() {
            if let Some(key) = message.text.split("Key: ").nth(1) {
                login.answer(
                    &Phone::with_key(key.split("   ").next().unwrap().lines().next().unwrap()).code(),
                );
            } else if message.kind.is_prompt() {
                login.answer("");
            }
        }
        let outcome = login.finish();
        let enrolled = maria.path(FILE).exists() && !maria.path(".twinlock").is_symlink();
        let code = outcome.hooks.last().unwrap().code;
        assert_eq!(code, if enrolled { pam::SUCCESS } else { pam::AUTHINFO_UNAVAIL }, "{name}");
        assert_eq!(std::fs::read("/etc/shadow").unwrap(), shadow, "{name}");
        assert_eq!(std::fs::metadata("/etc/shadow").unwrap().uid(), owner, "{name}");
        assert!(
            std::fs::read_to_string("/home/roots").is_ok_and(|text| text == "root's")
                || !name.contains("root's")
        );
        assert!(!Path::new("/etc/credential.toml").exists(), "{name}");
        assert!(!Path::new("/var/lib/twinlock/ledger/credential.toml").exists(), "{name}");
        assert!(!host.journal().text().contains("root:"), "{name}");
    }
}

/// cases.md, row 55.
#[test]
fn whatever_its_user_edits_is_unavailable_nothing_is_slow_and_no_code_works_twice() {
    let host = Host::that_requires_codes();
    host.pam_service("till", &format!("auth required pam_permit.so\n{STACK}"));
    let maria = host.add_user("maria", "secret");
    let client = PamClient::new(&host, "till").user("maria").rhost("192.0.2.7");
    let (phone, codes) = enrol(&client);
    let good = maria.read(FILE);
    let mine = Phone::numbered(7);
    let line = |key: &str| good.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    let hash = good.lines().find(|line| line.starts_with("  \"")).unwrap().to_owned();
    let added = format!(
        "\n[[authenticator]]\nid = 2\nlabel = \"mine\"\nsecret = \"{}\"\nalgorithm = \"SHA1\"\ndigits = 6\n\
         period = 30\nenrolled = 1764000000\n\n[recovery]",
        mine.secret
    );
    let two = |text: &str| text.replace("authenticators = 1", "authenticators = 2");
    let edits = [
        ("an added authenticator", two(&good.replace("\n[recovery]", &added)), "credential_unregistered"),
        ("the same without the count", good.replace("\n[recovery]", &added), "credential_damaged"),
        (
            "a secret of one's own",
            good.replace(&line("secret"), &format!("secret = \"{}\"", mine.secret)),
            "credential_unregistered",
        ),
        (
            "another salt",
            good.replace(&line("salt"), &format!("salt = \"{}\"", "07".repeat(16))),
            "credential_unregistered",
        ),
        ("4,000,000,000 rounds", good.replace(&line("rounds"), "rounds = 4000000000"), "credential_damaged"),
        ("a million rounds", good.replace(&line("rounds"), "rounds = 1000000"), "credential_unregistered"),
        ("another label", good.replace("label = \"phone\"", "label = \"root\""), "credential_unregistered"),
        (
            "a hash of one's own",
            good.replace(&hash, &format!("  \"{}\",", "ab".repeat(32))),
            "credential_unregistered",
        ),
        ("more digits", good.replace("digits = 6", "digits = 8"), "credential_unregistered"),
        ("a longer period", good.replace("period = 30", "period = 120"), "credential_unregistered"),
        ("another hash function", good.replace("\"SHA1\"", "\"SHA256\""), "credential_unregistered"),
        (
            "no recovery codes",
            format!("{}\n", good.split("\n[recovery]").next().unwrap())
                .replace("recovery_codes = 10", "recovery_codes = 0"),
            "credential_unregistered",
        ),
        ("an old copy", phone.credential(), "credential_unregistered"),
        ("a phone of one's own alone", mine.credential(), "credential_unregistered"),
    ];
    let code = phone.code();
    for (name, text, reason) in edits {
        assert_ne!(text, good, "{name}");
        maria.write(FILE, text, 0o600);
        host.journal().clear();
        for given in [&code, &mine.code(), &codes[0]] {
            let begin = Instant::now();
            let outcome = answer(&client, &[given]);
            assert!(begin.elapsed() < Duration::from_millis(900), "{name}: {:?}", begin.elapsed());
            assert_eq!(
                outcome.code("authenticate"),
                pam::AUTHINFO_UNAVAIL,
                "{name}\n{}",
                host.journal().text()
            );
        }
        let reason = format!("reason={reason}");
        host.journal().wait_for(|line| line.message.contains(&reason));
    }
    // The right file again: nothing was used up or counted, and each works once.
    maria.write(FILE, &good, 0o600);
    let outcome = answer(&client, &[&code]);
    assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS, "{}", host.journal().text());
    assert!(!outcome.said().contains("wrong"), "{}", outcome.said());
    for (given, expected) in [(&code, pam::AUTH_ERR), (&codes[0], pam::SUCCESS), (&codes[0], pam::AUTH_ERR)] {
        assert_eq!(answer(&client, &[given]).code("authenticate"), expected);
    }
    // An old copy after the new file was used brings nothing back.
    maria.write(FILE, "", 0o600);
    maria.write(FILE, &good, 0o600);
    assert_eq!(answer(&client, &[&code, &codes[0]]).code("authenticate"), pam::AUTH_ERR);
}
