//! Records that are torn, damaged, somebody else's, or on a disk that does not write: a refusal that names its cause, and
//! never a code that works twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use twinlock_tests::process::{command, run};
use twinlock_tests::witness::{count_faults, enrol, record_path};
use twinlock_tests::{Account, Host, Outcome, PamClient, Phone, STACK, oathtool, pam};
use twinlock_verifier::record::{RecordFault, SLOT_BYTES, Slots, used};

/// Every login begins at this very time, unless a test says otherwise.
const CLOCK: &str = "@2030-01-01 00:00:10";
const NOW: u64 = 1_893_456_010;

struct Stage {
    host: Host,
    maria: Account,
    phone: Phone,
}

impl Stage {
    /// A user whose record was made by a code of the step before now.
    fn new() -> Self {
        let host = Host::that_requires_codes();
        let maria = host.add_user("maria", "secret");
        let phone = Phone::of(&maria);
        let stage = Self { host, maria, phone };
        assert_eq!(stage.login(CLOCK, &[&stage.code(-1)]).code("authenticate"), pam::SUCCESS);
        stage
    }

    fn code(&self, steps: i64) -> String {
        oathtool::code(&self.phone.secret, NOW.checked_add_signed(steps * 30).unwrap())
    }

    fn client(&self) -> PamClient {
        PamClient::new(&self.host, "till").user("maria").rhost("192.0.2.7").clock(CLOCK)
    }

    /// A login that gives these answers, and none where it is asked once more.
    fn login(&self, clock: &str, answers: &[&str]) -> Outcome {
        answer(&self.client().clock(clock), answers)
    }

    fn path(&self) -> String {
        record_path(&self.maria)
    }

    fn record(&self) -> Vec<u8> {
        std::fs::read(self.path()).unwrap()
    }

    fn write(&self, bytes: &[u8]) {
        std::fs::write(self.path(), bytes).unwrap();
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

/// The login was refused for this reason, nothing was said about the code, and the host is as before.
fn refused(stage: &Stage, outcome: &Outcome, reason: &str, name: &str) {
    assert_eq!(
        outcome.code("authenticate"),
        pam::AUTHINFO_UNAVAIL,
        "{name}\n{}",
        stage.host.journal().text()
    );
    outcome.assert_host_unchanged();
    stage.host.journal().wait_for(|line| line.message.contains(reason));
    assert!(outcome.said().contains("cannot be checked"), "{name}: {}", outcome.said());
}

/// Every 61st byte of either slot, so that each field is reached; each byte is reached in the verifier's own tests.
#[test]
fn with_a_slot_torn_anywhere_no_code_works_twice_and_the_user_gets_in_a_minute_later() {
    let mut torn_slots = 0;
    {
        let stage = Stage::new();
        let taken = stage.code(0);
        assert_eq!(stage.login(CLOCK, &[&taken]).code("authenticate"), pam::SUCCESS);
        let good = stage.record();

        for slot in [0, 1] {
            let start = slot * SLOT_BYTES;
            let in_use = used(&good[start..start + SLOT_BYTES]);
            for place in (0..in_use).step_by(13).chain([in_use, SLOT_BYTES / 2, SLOT_BYTES - 1]) {
                let name = format!("slot {slot} torn at {place}");
                let mut bytes = good.clone();
                bytes[start + place..start + SLOT_BYTES].fill(0);
                stage.write(&bytes);
                stage.host.journal().clear();
                let outcome = stage.login(CLOCK, &[&taken, &taken]);
                if place >= in_use {
                    // Only the padding was torn.
                    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{name}");
                    continue;
                }
                assert_eq!(outcome.code("authenticate"), pam::AUTHINFO_UNAVAIL, "{name}");
                assert!(outcome.said().contains("has been repaired"), "{name}: {}", outcome.said());
                stage.host.journal().wait_for(|line| line.message.contains("event=ledger_repaired"));
                assert!(Slots::decode(&stage.record()).unwrap().whole, "{name}");
                let outcome = stage.login(CLOCK, &[&taken, &stage.code(1)]);
                assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{name}");
                assert_eq!(outcome.said().matches("used already").count(), 2, "{name}: {}", outcome.said());
                let outcome = stage.login("@2030-01-01 00:01:10", &[&taken, &stage.code(2)]);
                assert_eq!(outcome.code("authenticate"), pam::SUCCESS, "{name}: {}", outcome.said());
                torn_slots += 1;
            }
        }
    }
    count_faults(
        "with_a_slot_torn_anywhere_no_code_works_twice_and_the_user_gets_in_a_minute_later",
        torn_slots,
    );
}

/// The very first record after the empty one is the registration: where it is lost, its code must not register again.
#[test]
fn the_code_that_registered_does_not_work_again_when_the_registration_was_torn() {
    let stage = Stage::new();
    let (used, recovered) = (stage.code(-1), stage.code(2));
    let mut bytes = stage.record();
    bytes[SLOT_BYTES + 40] ^= 1;
    assert!(!Slots::decode(&bytes).unwrap().record.enrolled, "what is left is the empty record");
    stage.write(&bytes);
    assert_eq!(stage.login(CLOCK, &[&used]).code("authenticate"), pam::AUTHINFO_UNAVAIL);
    let outcome = stage.login(CLOCK, &[&used, &stage.code(0), &stage.code(1)]);
    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR);
    assert_eq!(outcome.said().matches("used already").count(), 3, "{}", outcome.said());
    assert_eq!(stage.login("@2030-01-01 00:01:10", &[&recovered]).code("authenticate"), pam::SUCCESS);
}

#[test]
fn after_a_repair_every_recovery_code_counts_as_used() {
    let host = Host::that_requires_codes();
    host.pam_service("till", &format!("auth required pam_permit.so\n{STACK}"));
    let maria = host.add_user("maria", "secret");
    let client = PamClient::new(&host, "till").user("maria").rhost("192.0.2.7");
    let (_, codes) = enrol(&client);
    assert_eq!(answer(&client, &[&codes[0]]).code("authenticate"), pam::SUCCESS);
    let mut bytes = std::fs::read(record_path(&maria)).unwrap();
    bytes[40] ^= 1;
    std::fs::write(record_path(&maria), bytes).unwrap();
    assert_eq!(answer(&client, &[&codes[0]]).code("authenticate"), pam::AUTHINFO_UNAVAIL);
    let outcome = answer(&client, &[&codes[0], &codes[1]]);
    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR);
    assert_eq!(outcome.said().matches("or was used already").count(), 2, "{}", outcome.said());
}

/// What was done to the record, and the reason that the log gives.
struct Case {
    name: &'static str,
    damage: fn(&Stage),
    reason: &'static str,
}

#[test]
fn a_record_that_cannot_be_believed_is_refused_with_its_cause_and_left_as_it_is() {
    let mut count = 0;
    {
        let cases = [
            Case {
                name: "both slots damaged",
                damage: |stage| {
                    let mut bytes = stage.record();
                    bytes[40] ^= 1;
                    bytes[SLOT_BYTES + 40] ^= 1;
                    stage.write(&bytes);
                },
                reason: "both copies of the record are damaged",
            },
            Case { name: "empty", damage: |stage| stage.write(b""), reason: "wrong size" },
            Case {
                name: "too short",
                damage: |stage| stage.write(&stage.record()[..8191]),
                reason: "wrong size",
            },
            Case {
                name: "one slot alone",
                damage: |stage| stage.write(&stage.record()[..4096]),
                reason: "wrong size",
            },
            Case {
                name: "too long",
                damage: |stage| stage.write(&[stage.record(), vec![0]].concat()),
                reason: "wrong size",
            },
            Case {
                name: "very long and sparse",
                damage: |stage| {
                    let file = std::fs::OpenOptions::new().write(true).open(stage.path()).unwrap();
                    file.set_len(1 << 40).unwrap();
                },
                reason: "wrong size",
            },
            Case {
                name: "all of it a hole",
                damage: |stage| {
                    stage.write(b"");
                    let file = std::fs::OpenOptions::new().write(true).open(stage.path()).unwrap();
                    file.set_len(8192).unwrap();
                },
                reason: "both copies of the record are damaged",
            },
            Case {
                name: "of another version",
                damage: |stage| {
                    let mut bytes = stage.record();
                    for slot in [0, SLOT_BYTES] {
                        with_version(&mut bytes[slot..slot + SLOT_BYTES], 4);
                    }
                    stage.write(&bytes);
                },
                reason: "written by another version",
            },
            Case {
                name: "one slot of another version",
                damage: |stage| {
                    let mut bytes = stage.record();
                    with_version(&mut bytes[..SLOT_BYTES], 4);
                    stage.write(&bytes);
                },
                reason: "written by another version",
            },
            Case {
                name: "hard-linked",
                damage: |stage| std::fs::hard_link(stage.path(), "/var/lib/twinlock/ledger/other").unwrap(),
                reason: "has 2 names",
            },
            Case {
                name: "somebody else's file",
                damage: |stage| chown(stage.path(), Some(stage.maria.uid), None).unwrap(),
                reason: "belongs to UID",
            },
            Case {
                name: "readable by others",
                damage: |stage| {
                    std::fs::set_permissions(stage.path(), PermissionsExt::from_mode(0o640)).unwrap();
                },
                reason: "has mode 0640",
            },
            Case {
                name: "a symlink to itself elsewhere",
                damage: |stage| {
                    std::fs::rename(stage.path(), "/var/lib/twinlock/moved").unwrap();
                    std::os::unix::fs::symlink("/var/lib/twinlock/moved", stage.path()).unwrap();
                },
                reason: "is a symbolic link",
            },
            Case {
                name: "a folder",
                damage: |stage| {
                    std::fs::remove_file(stage.path()).unwrap();
                    std::fs::create_dir(stage.path()).unwrap();
                    std::fs::set_permissions(stage.path(), PermissionsExt::from_mode(0o700)).unwrap();
                },
                reason: "is not a regular file",
            },
            Case {
                name: "a FIFO",
                damage: |stage| {
                    std::fs::remove_file(stage.path()).unwrap();
                    run(command("mkfifo").args(["-m", "600", &stage.path()])).ok();
                },
                reason: "is not a regular file",
            },
            Case {
                name: "in a folder that others can enter",
                damage: |_| {
                    let folder = "/var/lib/twinlock/ledger";
                    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
                },
                reason: "has mode 0755",
            },
            Case {
                name: "gone with its folder",
                damage: |_| std::fs::remove_dir_all("/var/lib/twinlock/ledger").unwrap(),
                reason: "reason=missing",
            },
        ];
        for case in cases {
            let stage = Stage::new();
            (case.damage)(&stage);
            let look = || {
                std::fs::metadata(stage.path()).map(|file| (file.len(), file.mtime_nsec(), file.mode())).ok()
            };
            let before = look();
            // Before the prompt and without one; a right code makes no difference.
            let begin = Instant::now();
            for answers in [&[stage.code(0)], &["000000".to_owned()]] {
                let outcome = stage.login(CLOCK, &[&answers[0]]);
                refused(&stage, &outcome, case.reason, case.name);
            }
            assert!(begin.elapsed() < Duration::from_secs(2), "{} was slow", case.name);
            assert_eq!(look(), before, "{}", case.name);
            count += 1;
        }
    }
    count_faults("a_record_that_cannot_be_believed_is_refused_with_its_cause_and_left_as_it_is", count);
}

/// Gives a slot another version number and a checksum that fits, as another build would write it.
fn with_version(slot: &mut [u8], version: u8) {
    slot[8] = version;
    let end = used(slot) - 8;
    let bits = slot[..end].iter().flat_map(|byte| (0..8).map(move |bit| u64::from(byte >> bit & 1)));
    // CRC-64 of ECMA-182, bit by bit.
    let sum = !bits.fold(u64::MAX, |sum, bit| (sum >> 1) ^ (((sum ^ bit) & 1) * 0xC96C_5795_D787_0F42));
    slot[end..end + 8].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn wrong_codes_under_another_name_of_the_uid_do_not_keep_its_owner_out() {
    let stage = Stage::new();
    // As it is before anybody's first code.
    std::fs::remove_file(stage.path()).unwrap();
    let maria = &stage.maria;
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let alias = format!("{passwd}kasse:x:{}:{}::/home/maria:/bin/sh\n", maria.uid, maria.gid);
    stage.host.write("/etc/passwd", &alias, 0o644);
    let refused = answer(&stage.client().user("kasse"), &["000000"]);
    assert_eq!(refused.code("authenticate"), pam::AUTH_ERR);
    let accepted = answer(&stage.client(), &[&stage.code(0)]);
    assert_eq!(accepted.code("authenticate"), pam::SUCCESS);
    // What was counted under the other name was counted for the same person.
    assert!(accepted.said().contains("1 wrong code was typed"), "{}", accepted.said());
}

/// cases.md, row 53.
#[test]
fn the_record_of_a_leaver_does_not_serve_the_joiner_with_the_same_uid() {
    let stage = Stage::new();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    stage.host.write("/etc/passwd", &passwd.replace("maria:x:", "jana:x:"), 0o644);
    let jana = stage.client().user("jana");
    for answers in [&[stage.code(0)], &["000000".to_owned()]] {
        let outcome = answer(&jana, &[&answers[0]]);
        refused(&stage, &outcome, "reason=uid_reused", "a joiner");
    }
    let line = stage.host.journal().wait_for(|line| line.message.contains("reason=uid_reused"));
    assert!(
        line.message.contains("belongs to another user name; `twinlock reset` starts it anew"),
        "{line:?}"
    );
    // Not even without a credential: it would be an enrolment into the leaver's record.
    std::fs::remove_dir_all(stage.maria.path(".twinlock")).unwrap();
    refused(&stage, &answer(&jana, &[]), "reason=uid_reused", "a joiner without a credential");
    // What `reset` does mends it.
    std::fs::remove_file(stage.path()).unwrap();
    let phone = Phone::of(&stage.maria);
    let outcome = answer(&jana, &[&oathtool::code(&phone.secret, NOW)]);
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS);
}

/// cases.md, row 6.
#[test]
fn on_a_read_only_ledger_right_and_wrong_codes_are_refused_with_the_cause_and_nothing_is_lost() {
    let mut count = 0;
    {
        let stage = Stage::new();
        let (record, credential) = (stage.record(), stage.maria.read(".twinlock/credential.toml"));
        let mount = |options: &str| {
            run(command("mount").args(["-o", options, "/var/lib/twinlock", "/var/lib/twinlock"])).ok();
        };
        mount("bind");
        mount("bind,remount,ro");
        for code in [stage.code(0), "000000".to_owned()] {
            let outcome = stage.login(CLOCK, &[&code]);
            refused(&stage, &outcome, "Read-only file system", "read-only");
            assert!(!outcome.said().contains("right"), "nothing is said about the code: {}", outcome.said());
            count += 1;
        }
        run(command("umount").arg("/var/lib/twinlock")).ok();
        assert_eq!(stage.record(), record);
        // The same by the file's own flag, where the file system has one.
        stage.host.file_system("ext4", 16, "/var/lib/twinlock");
        folders();
        stage.host.write(stage.path(), "", 0o600);
        stage.write(&record);
        run(command("chattr").args(["+i", &stage.path()])).ok();
        for code in [stage.code(0), "000000".to_owned()] {
            refused(&stage, &stage.login(CLOCK, &[&code]), "cannot open", "immutable");
            count += 1;
        }
        run(command("chattr").args(["-i", &stage.path()])).ok();
        assert_eq!(stage.maria.read(".twinlock/credential.toml"), credential, "the credential is intact");
        assert_eq!(stage.login(CLOCK, &[&stage.code(0)]).code("authenticate"), pam::SUCCESS);
    }
    count_faults(
        "on_a_read_only_ledger_right_and_wrong_codes_are_refused_with_the_cause_and_nothing_is_lost",
        count,
    );
}

/// The folders of the state, as a package makes them.
fn folders() {
    for folder in ["ledger", "credentials", "pending"] {
        let path = Path::new("/var/lib/twinlock").join(folder);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
    }
}

/// cases.md, row 5.
fn on_a_full_disk(kind: &str, mebibytes: u64, test: &str) {
    let mut count = 0;
    {
        let host = Host::that_requires_codes();
        host.file_system(kind, mebibytes, "/var/lib/twinlock");
        folders();
        if kind == "btrfs" {
            // As the package does: else each write of a record needs a new block.
            run(command("chattr").args(["+C", "/var/lib/twinlock/ledger"])).ok();
        }
        let maria = host.add_user("maria", "secret");
        let otto = host.add_user("otto", "secret");
        let (phone, other) = (Phone::of(&maria), Phone::of(&otto));
        let client = |name: &str| PamClient::new(&host, "till").user(name).rhost("192.0.2.7");
        let at = |minute: u64| format!("@2030-01-01 00:{minute:02}:10");
        let code = |phone: &Phone, minute: u64| oathtool::code(&phone.secret, NOW + minute * 60);
        let outcome = answer(&client("maria").clock(&at(0)), &[&code(&phone, 0)]);
        assert_eq!(outcome.code("authenticate"), pam::SUCCESS);
        run(command("sync").args(["-f", "/var/lib/twinlock"])).ok();
        // To the last block: large ones first, then what still goes in.
        for (name, block) in [("full", "1M"), ("fuller", "4k"), ("fullest", "512")] {
            let path = format!("of=/var/lib/twinlock/{name}");
            let filled = run(command("dd").args(["if=/dev/zero", &path, &format!("bs={block}")]));
            assert!(filled.stderr.contains("No space left"), "{kind}: {filled:?}");
            run(command("sync").args(["-f", "/var/lib/twinlock"])).ok();
        }
        // Nothing needs allocating: right codes are accepted, their replays and wrong ones refused and counted.
        for minute in 1..20 {
            let right = code(&phone, minute);
            let outcome = answer(&client("maria").clock(&at(minute)), &[&right]);
            assert_eq!(
                outcome.code("authenticate"),
                pam::SUCCESS,
                "{kind} {minute}\n{}",
                host.journal().text()
            );
            let outcome = answer(&client("maria").clock(&at(minute)), &[&right, "000000", ""]);
            assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{kind} {minute}");
            assert!(outcome.said().contains("used already"), "{kind}: {}", outcome.said());
            count += 2;
        }
        assert!(Slots::decode(&std::fs::read(record_path(&maria)).unwrap()).unwrap().whole);
        // One that never was cannot be made; the cause is named, for a right code and a wrong one.
        for answer_given in [code(&other, 0), "000000".to_owned()] {
            host.journal().clear();
            let outcome = answer(&client("otto").clock(&at(0)), &[&answer_given]);
            if outcome.code("authenticate") == pam::AUTHINFO_UNAVAIL {
                host.journal().wait_for(|line| line.message.contains("No space left on device"));
                assert!(outcome.said().contains("cannot be checked"), "{kind}: {}", outcome.said());
            } else {
                // Some systems still have room for a small file; then it counts like any other.
                eprintln!(
                    "{kind}: a record could still be made: {:?}\n{}",
                    outcome.hooks,
                    host.journal().text()
                );
                assert!(Slots::decode(&std::fs::read(record_path(&otto)).unwrap()).unwrap().whole);
            }
            count += 1;
        }
        for name in ["full", "fuller", "fullest"] {
            // Where not even a name was left, it was never made.
            let _ = std::fs::remove_file(Path::new("/var/lib/twinlock").join(name));
        }
        run(command("sync").args(["-f", "/var/lib/twinlock"])).ok();
        let outcome = answer(&client("otto").clock(&at(1)), &[&code(&other, 1)]);
        assert_eq!(
            outcome.code("authenticate"),
            pam::SUCCESS,
            "{kind}: with room again\n{}",
            host.journal().text()
        );
    }
    count_faults(test, count);
}

#[test]
fn on_a_full_ext4_a_right_code_is_accepted_and_a_first_one_refused_with_the_cause() {
    on_a_full_disk(
        "ext4",
        16,
        "on_a_full_ext4_a_right_code_is_accepted_and_a_first_one_refused_with_the_cause",
    );
}

#[test]
fn on_a_full_xfs_a_right_code_is_accepted_and_a_first_one_refused_with_the_cause() {
    on_a_full_disk(
        "xfs",
        300,
        "on_a_full_xfs_a_right_code_is_accepted_and_a_first_one_refused_with_the_cause",
    );
}

#[test]
fn on_a_full_btrfs_a_right_code_is_accepted_and_a_first_one_refused_with_the_cause() {
    on_a_full_disk(
        "btrfs",
        128,
        "on_a_full_btrfs_a_right_code_is_accepted_and_a_first_one_refused_with_the_cause",
    );
}

#[test]
fn a_lock_held_for_ever_delays_its_own_user_for_five_seconds_and_nobody_else() {
    let mut count = 0;
    {
        let stage = Stage::new();
        let otto = stage.host.add_user("otto", "secret");
        let others = Phone::of(&otto);
        let record = std::fs::OpenOptions::new().read(true).write(true).open(stage.path()).unwrap();
        let lock = nix::libc::flock {
            l_type: nix::libc::F_WRLCK as nix::libc::c_short,
            l_whence: nix::libc::SEEK_SET as nix::libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        fcntl(&record, FcntlArg::F_OFD_SETLK(&lock)).unwrap();
        let before = stage.record();
        for code in [stage.code(0), "000000".to_owned()] {
            // Under the real clock, which the wait is measured by.
            let mut login = stage.client().start();
            login.expect_prompt("Verification code: ");
            let begin = Instant::now();
            login.answer(&code);
            // Meanwhile somebody else comes and goes.
            let outcome = answer(
                &PamClient::new(&stage.host, "till").user("otto").rhost("192.0.2.8").clock(CLOCK),
                &[&oathtool::code(&others.secret, NOW + 30 * count)],
            );
            assert_eq!(outcome.code("authenticate"), pam::SUCCESS, "otto\n{}", stage.host.journal().text());
            assert!(begin.elapsed() < Duration::from_secs(2), "another user waited {:?}", begin.elapsed());
            while let Some(message) = login.next_message() {
                assert!(!message.kind.is_prompt(), "{message:?}");
            }
            let waited = begin.elapsed();
            assert!(waited > Duration::from_secs(4) && waited < Duration::from_secs(8), "{waited:?}");
            refused(&stage, &login.finish(), "reason=lock_held", "a held lock");
            count += 1;
        }
        let line = stage.host.journal().wait_for(|line| line.message.contains("reason=lock_held"));
        assert!(
            line.message.contains(&stage.path()) && line.message.contains("held for too long"),
            "{line:?}"
        );
        assert_eq!(stage.record(), before, "nothing was recorded");
        drop(record);
        assert_eq!(stage.login(CLOCK, &[&stage.code(0)]).code("authenticate"), pam::SUCCESS);
        assert_eq!(Slots::decode(&[]).unwrap_err(), RecordFault::Size);
    }
    count_faults(
        "a_lock_held_for_ever_delays_its_own_user_for_five_seconds_and_nobody_else",
        usize::try_from(count).unwrap(),
    );
}

/// A ledger whose disk fails, at each kind of call that a login makes there, with a record and without one.
#[test]
fn a_disk_that_fails_under_the_ledger_says_the_same_for_right_and_wrong_and_no_code_works_twice() {
    const CALLS: &[(&str, bool, &[&str])] = &[
        // Name, whether only a first login makes it, errors.
        ("fcntl", false, &["ENOLCK", "EIO"]),
        ("pread64", false, &["EIO", "ESTALE"]),
        ("pwrite64", false, &["EIO", "ENOSPC", "EDQUOT", "EROFS"]),
        ("fdatasync", false, &["EIO", "ENOSPC"]),
        ("fsync", true, &["EIO", "ENOSPC"]),
        ("fchmod", true, &["EIO", "EPERM"]),
        ("ftruncate", true, &["EIO", "ENOSPC"]),
        ("renameat2", true, &["EIO", "ENOSPC"]),
    ];
    let mut count = 0;
    {
        let stage = Stage::new();
        stage.host.policy("require_mfa = true\nattempts = 1\n");
        let known = stage.record();
        let (code, next) = (stage.code(0), stage.code(1));
        for &(call, first_only, errors) in CALLS {
            for (error, first) in errors.iter().flat_map(|error| [(error, true), (error, false)]) {
                if first_only && !first {
                    continue;
                }
                let name = format!("{error} at {call}, {}", if first { "no record" } else { "a record" });
                let reset = || {
                    for file in std::fs::read_dir("/var/lib/twinlock/ledger").unwrap() {
                        std::fs::remove_file(file.unwrap().path()).unwrap();
                    }
                    if !first {
                        stage.host.write(stage.path(), "", 0o600);
                        stage.write(&known);
                    }
                };
                // Of the ledger's own: in its folder, by descriptor.
                let filter = format!("trace={call}");
                let inject = format!("inject={call}:error={error}");
                let mut said = Vec::new();
                for answer_given in ["000000", &code] {
                    reset();
                    stage.host.journal().clear();
                    let new = format!("{}.new", stage.path());
                    let strace = [
                        "strace",
                        "-o",
                        "/tmp/trace",
                        "-P",
                        &stage.path(),
                        "-P",
                        &new,
                        "-P",
                        "/var/lib/twinlock/ledger",
                        "-e",
                        &filter,
                        "-e",
                        &inject,
                    ];
                    let outcome = answer(&stage.client().under(&strace), &[answer_given]);
                    let trace = std::fs::read_to_string("/tmp/trace").unwrap();
                    assert!(trace.contains("(INJECTED)"), "{name}: not reached\n{trace}");
                    assert_eq!(outcome.code("authenticate"), pam::AUTHINFO_UNAVAIL, "{name}");
                    stage.host.journal().wait_for(|line| line.message.contains("event=unavailable"));
                    said.push(outcome.said());
                    count += 1;
                }
                assert_eq!(said[0], said[1], "{name}: right and wrong differ");
                // The right code may have reached the disk: then it is used up. Either way it works once at most.
                let outcome = stage.login(CLOCK, &[&code]);
                let used = outcome.code("authenticate") != pam::SUCCESS;
                assert!(!used || outcome.said().contains("used already"), "{name}: {}", outcome.said());
                assert_eq!(stage.login(CLOCK, &[&code]).code("authenticate"), pam::AUTH_ERR, "{name}");
                assert_eq!(stage.login(CLOCK, &[&next]).code("authenticate"), pam::SUCCESS, "{name}");
            }
        }
    }
    count_faults(
        "a_disk_that_fails_under_the_ledger_says_the_same_for_right_and_wrong_and_no_code_works_twice",
        count,
    );
}

#[test]
fn of_many_first_logins_at_once_each_is_counted_and_none_is_in_the_others_way() {
    let host = Host::that_requires_codes();
    host.ledger_on_disk();
    host.policy("require_mfa = true\nattempts = 1\n[throttle]\nfree_failures = 20\n");
    for number in 0..8 {
        let name = format!("user{number}");
        let phone = Phone::of(&host.add_user(&name, "secret"));
        let client = PamClient::new(&host, "till").user(&name).rhost("192.0.2.7");
        let wrong = phone.wrong_code();
        let mut logins: Vec<_> = (0..19).map(|_| client.start()).collect();
        for login in &mut logins {
            login.expect_prompt("Verification code: ");
        }
        for login in &mut logins {
            login.answer(&wrong);
        }
        for login in logins {
            let outcome = login.finish();
            assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{}", host.journal().text());
        }
        let outcome = answer(&client, &[&phone.code()]);
        assert_eq!(outcome.code("authenticate"), pam::SUCCESS, "{}", host.journal().text());
        assert!(outcome.said().contains("19 wrong codes were typed"), "{}", outcome.said());
    }
    let left = std::fs::read_dir("/var/lib/twinlock/ledger").unwrap();
    let names: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names.len(), 8, "a file too many: {names:?}");
}
