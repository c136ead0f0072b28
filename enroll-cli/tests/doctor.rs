//! `twinlock doctor` finds each fault that is planted on a right host, and nothing on the right host itself.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests speak by panics")]

mod right_host;

use std::fs::read_to_string;

use right_host::{ACCOUNT, AUTH, changed, everything, mode, right, says, twinlock};
use twinlock_tests::{Account, Host, pam_folder, process};
use twinlock_verifier::Record;
use twinlock_verifier::record::Slots;

const POLICY: &str = "/etc/twinlock/policy.toml";
const UNIX: &str = "auth requisite pam_unix.so\n";
const UNIX_ACCOUNT: &str = "account required pam_unix.so\n";

/// Findings as `severity id`, and the exit status.
fn found(words: &[&str]) -> (Vec<String>, i32) {
    let said = twinlock(&[&["doctor", "--json"], words].concat());
    let json: serde_json::Value =
        serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{}{}", said.stdout, said.stderr));
    let findings = json["findings"].as_array().unwrap().iter();
    let words = findings.map(|one| {
        for key in ["what", "because", "mend"] {
            assert!(!one[key].as_str().unwrap().trim().is_empty(), "{one} says no {key}");
        }
        format!("{} {}", one["severity"].as_str().unwrap(), one["id"].as_str().unwrap())
    });
    let words: Vec<String> = words.collect();
    assert_eq!(json["sound"], !words.iter().any(|word| word.starts_with("error ")));
    (words, said.code())
}

#[test]
fn nothing_is_found_on_a_right_host_and_nothing_is_changed() {
    let (_host, _) = right();
    let before = everything();
    for words in [
        &[][..],
        &["--user", "maria"],
        &["--from", "192.0.2.7"],
        &["--user", "maria", "--from", "2001:db8::1"],
    ] {
        assert_eq!(found(words), (Vec::new(), 0), "{words:?}");
    }
    assert_eq!(twinlock(&["doctor"]).ok().stdout, "Nothing is wrong.\n");
    assert_eq!(changed(&before), Vec::<std::path::PathBuf>::new());
}

#[test]
fn doctor_is_for_root_and_knows_its_users() {
    let (_host, maria) = right();
    let said = process::run(maria.command("/usr/bin/twinlock").arg("doctor"));
    assert_eq!(said.code(), 3, "{}", said.stderr);
    let said = twinlock(&["doctor", "--user", "nobody-here"]);
    assert_eq!(said.code(), 1);
    assert!(said.stderr.contains("no user"), "{}", said.stderr);
}

/// sshd's stack, whole.
fn sshd(host: &Host, text: &str) {
    host.pam_service("sshd", &format!("{text}session required pam_permit.so\n"));
}

/// A line at the top of what sshd reads first.
fn sshd_config(host: &Host, line: &str) {
    host.write("/etc/ssh/sshd_config.d/00-first.conf", &format!("{line}\n"), 0o644);
}

type Plant = fn(&Host, &Account);

/// Each fault, and the findings that there must be: none but these.
const FAULTS: &[(&str, Plant, &[&str])] = &[
    (
        "a right stack of sshd's own",
        |host, _| sshd(host, &format!("{UNIX}{AUTH}{ACCOUNT}{UNIX_ACCOUNT}")),
        &[],
    ),
    (
        "the lines are gone",
        |host, _| {
            for name in ["common-auth", "common-account"] {
                let path = format!("/etc/pam.d/{name}");
                let text = read_to_string(&path).unwrap();
                let kept: Vec<_> = text.lines().filter(|line| !line.contains("pam_twinlock")).collect();
                host.pam_service(name, &(kept.join("\n") + "\n"));
            }
        },
        &["error pam-nowhere"],
    ),
    (
        "sudo does not ask",
        |host, _| host.pam_service("sudo", &format!("{UNIX}{UNIX_ACCOUNT}")),
        &["warning pam-no-line"],
    ),
    ("sshd does not ask", |host, _| sshd(host, &format!("{UNIX}{UNIX_ACCOUNT}")), &["error pam-no-line"]),
    (
        "a sufficient line before ours",
        |host, _| {
            sshd(
                host,
                &format!(
                    "auth sufficient pam_unix.so\nauth requisite pam_deny.so\n{AUTH}{ACCOUNT}{UNIX_ACCOUNT}"
                ),
            )
        },
        &["error pam-unreachable"],
    ),
    (
        "another way than the password",
        |host, _| sshd(host, &format!("auth sufficient pam_fprintd.so\n{UNIX}{AUTH}{ACCOUNT}{UNIX_ACCOUNT}")),
        &["error pam-bypass"],
    ),
    (
        "a jump over ours",
        |host, _| {
            sshd(
                host,
                &format!(
                    "{UNIX}auth [success=1 default=ignore] pam_succeed_if.so user ingroup edi\n{AUTH}{ACCOUNT}{UNIX_ACCOUNT}"
                ),
            )
        },
        &["error pam-bypass"],
    ),
    (
        "the account line behind a sufficient one",
        |host, _| {
            sshd(host, &format!("{UNIX}{AUTH}account sufficient pam_localuser.so\n{ACCOUNT}{UNIX_ACCOUNT}"))
        },
        &["error pam-account-bypass"],
    ),
    (
        "our account line too late for an expired password",
        |host, _| {
            sshd(
                host,
                &format!(
                    "{UNIX}{AUTH}account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n\
                                      account requisite pam_deny.so\naccount required pam_permit.so\n{ACCOUNT}"
                ),
            )
        },
        &["error pam-account-bypass"],
    ),
    (
        "our control is a jump",
        |host, _| {
            sshd(
                host,
                &format!(
                    "{UNIX}auth [success=ok default=ignore] pam_twinlock.so account_phase\n{ACCOUNT}{UNIX_ACCOUNT}"
                ),
            )
        },
        &["error pam-way-in"],
    ),
    (
        "our control is requisite",
        |host, _| {
            sshd(
                host,
                &format!("{UNIX}auth requisite pam_twinlock.so account_phase\n{ACCOUNT}{UNIX_ACCOUNT}"),
            )
        },
        &["warning pam-control"],
    ),
    (
        "an include that is not there",
        |host, _| sshd(host, &format!("{UNIX}{AUTH}auth include gone\n{ACCOUNT}{UNIX_ACCOUNT}")),
        &["error pam-keeps-out"],
    ),
    (
        "ours alone in the account phase",
        |host, _| sshd(host, &format!("{UNIX}{AUTH}{ACCOUNT}")),
        &["error pam-keeps-out-excused"],
    ),
    (
        "asked twice",
        |host, _| sshd(host, &format!("@include common-auth\n{AUTH}@include common-account\n")),
        &["error pam-twice"],
    ),
    (
        "no account line",
        |host, _| sshd(host, &format!("{UNIX}{AUTH}{UNIX_ACCOUNT}")),
        &["error pam-no-account-line"],
    ),
    (
        "no auth line",
        |host, _| sshd(host, &format!("{UNIX}{ACCOUNT}{UNIX_ACCOUNT}")),
        &["error pam-no-auth-line"],
    ),
    (
        "no account_phase",
        |host, _| sshd(host, &format!("{UNIX}auth required pam_twinlock.so\n{ACCOUNT}{UNIX_ACCOUNT}")),
        &["error pam-no-account-phase"],
    ),
    (
        "a word that we do not know",
        |host, _| {
            sshd(
                host,
                &format!("{UNIX}auth required pam_twinlock.so account_phase nullok\n{ACCOUNT}{UNIX_ACCOUNT}"),
            )
        },
        &["error pam-unknown-word"],
    ),
    (
        "no first factor",
        |host, _| sshd(host, &format!("auth required pam_permit.so\n{AUTH}{ACCOUNT}{UNIX_ACCOUNT}")),
        &["error pam-code-alone"],
    ),
    (
        "the code before the password",
        |host, _| sshd(host, &format!("{AUTH}{UNIX}{ACCOUNT}{UNIX_ACCOUNT}")),
        &["warning pam-before-password"],
    ),
    (
        "the code after a wrong password",
        |host, _| sshd(host, &format!("auth required pam_unix.so\n{AUTH}{ACCOUNT}{UNIX_ACCOUNT}")),
        &["warning pam-after-wrong-password"],
    ),
    (
        "a locker may enrol",
        |host, _| {
            host.policy("require_mfa = true\nenroll_at = [\"sshd\", \"swaylock\"]\n");
            host.pam_service("swaylock", "@include common-auth\n@include common-account\n");
        },
        &["error enroll-at-locker"],
    ),
    (
        "a service without account phase may enrol",
        |host, _| {
            host.policy("require_mfa = true\nenroll_at = [\"sshd\", \"till\"]\n");
            host.pam_service("till", &format!("@include common-auth\n{UNIX_ACCOUNT}"));
        },
        &["error pam-no-account-line"],
    ),
    (
        "a locker that may not enrol is none of our business",
        |host, _| host.pam_service("swaylock", "@include common-auth\n"),
        &[],
    ),
    (
        "sudo without account phase",
        |host, _| host.write("/etc/sudoers.d/fast", "Defaults:maria !pam_acct_mgmt\n", 0o440),
        &["error sudo-no-account", "error sudo-no-account"],
    ),
    (
        "files that editors and packagers leave",
        |host, _| {
            host.pam_service(
                "sshd.dpkg-old",
                "auth sufficient pam_permit.so\nauth required pam_twinlock.so\n",
            )
        },
        &[],
    ),
    ("sshd does not start", |host, _| sshd_config(host, "NoSuchWord yes"), &["error sshd-config"]),
    ("no PAM", |host, _| sshd_config(host, "UsePAM no"), &["error sshd-no-pam"]),
    (
        "no questions",
        |host, _| {
            sshd_config(
                host,
                "KbdInteractiveAuthentication no\nAuthenticationMethods any\nPubkeyAuthentication no",
            )
        },
        &["error sshd-cannot-ask"],
    ),
    (
        "one answer only",
        |host, _| sshd_config(host, "PasswordAuthentication yes"),
        &["warning sshd-passwords"],
    ),
    ("a key alone", |host, _| sshd_config(host, "AuthenticationMethods any"), &["error sshd-methods"]),
    (
        "a code alone where a key is counted upon",
        |host, _| {
            sshd(
                host,
                &format!(
                    "auth required pam_permit.so\nauth required pam_twinlock.so account_phase after_publickey\n{ACCOUNT}{UNIX_ACCOUNT}"
                ),
            )
        },
        &["error sshd-no-key"],
    ),
    (
        "keys of root's",
        |host, _| host.write("/root/.ssh/authorized_keys", "ssh-ed25519 AAAA root@desk\n", 0o600),
        &["warning sshd-root"],
    ),
    ("little time", |host, _| sshd_config(host, "LoginGraceTime 60"), &["warning sshd-grace"]),
    ("1970", |host, _| host.set_clock("@2020-01-01 00:00:00"), &["error clock-behind"]),
    ("a free clock", |host, _| says(host, "/usr/bin/timedatectl", "no"), &["warning clock-not-synchronised"]),
    (
        "a record from tomorrow",
        |host, maria| {
            let mut record = Record::new("maria");
            record.burned_until = 4_000_000_000;
            let path = format!("/var/lib/twinlock/ledger/{}", maria.uid);
            host.write(&path, "", 0o600);
            std::fs::write(path, Slots::create(&record).unwrap()).unwrap();
        },
        &["error clock-behind-ledger"],
    ),
    (
        "no module",
        |_, _| std::fs::remove_file(pam_folder().join("pam_twinlock.so")).unwrap(),
        &["error module-missing"],
    ),
    (
        "a module that others write",
        |_, _| mode(pam_folder().join("pam_twinlock.so"), 0o666),
        &["error module-unsafe"],
    ),
    (
        "a module of another version",
        |host, _| host.write(pam_folder().join("pam_twinlock.so"), "twinlock-version=0.0.9\n", 0o644),
        &["warning module-version"],
    ),
    ("a command that others write", |_, _| mode("/usr/bin/twinlock", 0o777), &["warning command-unsafe"]),
    (
        "no helper",
        |_, _| std::fs::remove_file("/usr/libexec/twinlock/check").unwrap(),
        &["warning helper-missing"],
    ),
    (
        "a helper without its bit",
        |_, _| mode("/usr/libexec/twinlock/check", 0o755),
        &["warning helper-not-setuid"],
    ),
    (
        "a helper that others write",
        |_, _| mode("/usr/libexec/twinlock/check", 0o4777),
        &["error helper-unsafe"],
    ),
    (
        "no folder of pending enrolments",
        |_, _| std::fs::remove_dir("/var/lib/twinlock/pending").unwrap(),
        &["error state-missing"],
    ),
    ("an open ledger", |_, _| mode("/var/lib/twinlock/ledger", 0o755), &["error state-unsafe"]),
    (
        "an open file in the state",
        |host, _| host.write("/var/lib/twinlock/pending/1", "", 0o644),
        &["error state-unsafe"],
    ),
    ("a policy that cannot be read", |host, _| host.policy("require_mfa = maybe\n"), &["error policy-fault"]),
    ("a policy that others write", |_, _| mode(POLICY, 0o666), &["error policy-fault"]),
    (
        "a group that nobody knows",
        |host, _| {
            host.policy(
                "require_mfa = true\n[[rule]]\nname = \"x\"\ngroups = [\"gone\"]\nrequire_mfa = true\n",
            )
        },
        &["warning policy-warning"],
    ),
    (
        "no administrator",
        |_, maria| std::fs::remove_dir_all(maria.path(".twinlock")).unwrap(),
        &["warning no-administrator"],
    ),
    (
        "no administrator, and nobody can enrol",
        |host, maria| {
            host.policy("require_mfa = true\nunenrolled = \"deny\"\n");
            std::fs::remove_dir_all(maria.path(".twinlock")).unwrap();
        },
        &["error no-administrator"],
    ),
    (
        "nothing is required",
        |host, maria| {
            host.policy("require_mfa = false\n");
            std::fs::remove_dir_all(maria.path(".twinlock")).unwrap();
        },
        &[],
    ),
    (
        "a home that its user cannot read",
        |_, maria| std::os::unix::fs::chown(&maria.home, Some(0), Some(0)).unwrap(),
        &["error user-trouble", "warning no-administrator"],
    ),
    (
        "a credential that others read",
        |host, maria| {
            mode(maria.path(".twinlock/credential.toml"), 0o644);
            let olaf = host.add_user("olaf", "secret");
            host.write("/etc/sudoers.d/olaf", "olaf ALL = ALL\n", 0o440);
            let _ = twinlock_tests::Phone::of(&olaf);
        },
        &["error user-trouble"],
    ),
];

#[test]
fn every_planted_fault_is_found_and_no_other() {
    let mut wrong = Vec::new();
    for (fault, plant, expected) in FAULTS {
        let (host, maria) = right();
        plant(&host, &maria);
        let (mut findings, status) = found(&[]);
        // A broken policy, or a clock long past, has more to it than one finding.
        if *fault == "1970" || expected.contains(&"error policy-fault") {
            findings.retain(|finding| expected.contains(&finding.as_str()));
            findings.sort();
            findings.dedup();
        }
        let exit = i32::from(expected.iter().any(|finding| finding.starts_with("error")));
        if findings != *expected || status != exit {
            wrong.push(format!("{fault}: {findings:?}, exit {status}; not {expected:?}, exit {exit}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sshd_is_looked_at_as_it_is_for_a_user_and_an_address() {
    let (host, _) = right();
    host.write(
        "/etc/ssh/sshd_config.d/90-match.conf",
        "Match User edi Address 10.20.0.0/16\n  AuthenticationMethods publickey\n",
        0o644,
    );
    // The first value wins, and that of a Match counts before it is global: so it must come first.
    std::fs::rename("/etc/ssh/sshd_config.d/90-match.conf", "/etc/ssh/sshd_config.d/05-match.conf").unwrap();
    host.add_user("edi", "secret");
    assert_eq!(found(&["--user", "edi", "--from", "10.20.0.1"]).0, ["error sshd-methods"]);
    assert_eq!(found(&["--user", "edi", "--from", "192.0.2.1"]).0, [""; 0]);
    assert_eq!(found(&["--user", "maria", "--from", "10.20.0.1"]).0, [""; 0]);
    assert_eq!(found(&["--user", "root"]).0, ["error sshd-root"]);
}

#[test]
fn a_finding_says_what_and_why_and_how() {
    let (host, _) = right();
    sshd(&host, &format!("auth sufficient pam_fprintd.so\n{UNIX}{AUTH}{ACCOUNT}{UNIX_ACCOUNT}"));
    let said = twinlock(&["doctor"]);
    let expected = "error: sshd: a login can succeed without a code, by these lines\n    \
                    /etc/pam.d/sshd:1: sufficient pam_fprintd.so  [pam-bypass]\n  \
                    a line before ours ends the stack or jumps over ours\n  mend: ";
    assert!(said.stdout.starts_with(expected), "{}", said.stdout);
    assert!(
        said.stdout.ends_with("1 error, 0 warnings: a login would fail or a code could be skipped.\n"),
        "{}",
        said.stdout
    );
}
