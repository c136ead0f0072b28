//! `twinlock setup` on Debian's own files: a real login enrols, and everything comes back byte for byte.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests speak by panics")]

mod right_host;

use std::fs::read_to_string;
use std::path::Path;

use right_host::{DROP_IN, changed, everything, fresh, mode, twinlock};
use twinlock_tests::picture::Theme;
use twinlock_tests::{Account, Host, Phone, Sshd, Terminal, pam_folder, process};

const PAM: &str = "/etc/pam.d/sshd";
const NOTHING: &[&Path] = &[];
const STATE: &str = "/var/lib/twinlock/setup";

fn json(words: &[&str]) -> serde_json::Value {
    let said = twinlock(&[&["setup", "--json"], words].concat()).ok();
    serde_json::from_str(&said.stdout).unwrap()
}

fn ids(said: &serde_json::Value) -> Vec<&str> {
    said["findings"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

fn doctor() -> serde_json::Value {
    serde_json::from_str(&twinlock(&["doctor", "--json"]).stdout).unwrap()
}

/// The profile of the package.
fn profile(host: &Host) {
    let profile = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/deb/pam-config");
    host.write("/usr/share/pam-configs/twinlock", &read_to_string(profile).unwrap(), 0o644);
}

fn enrols_by_ssh(host: &Host, sshd: &Sshd, maria: &Account) {
    let ssh = || Terminal::new(host).size(80, 40).lang("C.UTF-8").ssh(sshd, "maria", &[]);
    let mut terminal = ssh();
    terminal.expect("Password:");
    terminal.send_line(&maria.password);
    terminal.expect("Verification code: ");
    let phone = Phone::from_uri(&terminal.scan_qr(Theme::Dark).expect("a QR code on the screen"));
    terminal.send_line(&phone.code_at_step(-1));
    terminal.expect("Press Enter");
    terminal.send_line("");
    terminal.expect("$ ");
    terminal.send_line("exit");
    assert!(terminal.wait().success());
    let mut terminal = ssh();
    terminal.expect("Password:");
    terminal.send_line(&maria.password);
    terminal.expect("Verification code: ");
    terminal.send_line(&phone.wrong_code());
    terminal.expect("not right");
    terminal.expect("Verification code: ");
    terminal.send_line(&phone.code());
    terminal.expect("$ ");
    terminal.send_line("exit");
    assert!(terminal.wait().success());
}

/// sshd with Debian's own configuration, and what is in its folder, on a port of its own.
fn debian_sshd(host: &Host) -> Sshd {
    let sshd = Sshd::start(host, "Include /etc/ssh/sshd_config");
    host.write("/run/sshd.pid", &format!("{}\n", sshd.process_id()), 0o644);
    sshd
}

#[test]
fn ssh_is_set_up_on_debians_own_files_and_undone_byte_for_byte() {
    let (host, maria) = fresh();
    let sshd = debian_sshd(&host);
    let before = everything();

    let said = twinlock(&["setup", "--ssh", "--dry-run"]).ok();
    for text in [
        "+++ /etc/pam.d/sshd",
        "+auth       required     pam_twinlock.so account_phase",
        "+account    required     pam_twinlock.so",
        "--- /dev/null\n+++ /etc/ssh/sshd_config.d/10-twinlock.conf",
        "+KbdInteractiveAuthentication yes",
        "Nothing was changed",
    ] {
        assert!(said.stdout.contains(text), "{text}\n{}", said.stdout);
    }
    assert_eq!(changed(&before), NOTHING);

    let said = twinlock(&["setup", "--ssh"]).ok();
    assert!(said.stdout.contains("sshd has taken it up"), "{}", said.stdout);
    sshd.wait_for_log("Received SIGHUP; restarting.");
    host.journal()
        .wait_for(|line| line.message.contains("event=setup") && line.message.contains("outcome=done"));
    let text = read_to_string(PAM).unwrap();
    let place =
        |text: &str, line: &str| text.lines().position(|one| one.starts_with(line)).expect("the line");
    assert_eq!(
        place(&text, "auth       required     pam_twinlock"),
        place(&text, "@include common-auth") + 2,
        "{text}"
    );
    assert!(
        place(&text, "account    required     pam_twinlock")
            < place(&text, "account    required     pam_nologin")
    );

    let said = twinlock(&["setup", "--ssh"]).ok();
    assert_eq!(said.stdout, "unchanged\n");
    assert_eq!(json(&["--ssh"])["changed"], false);
    let found = doctor();
    // login, su and sudo do not ask: that was not asked for; nobody has enrolled yet.
    assert_eq!(ids(&found), ["pam-no-line", "no-administrator"], "{found:#}");

    // A server that starts now, and the one that was told.
    enrols_by_ssh(&host, &Sshd::start(&host, "Include /etc/ssh/sshd_config"), &maria);

    let said = twinlock(&["setup", "--undo"]).ok();
    assert!(said.stdout.contains("brought back: /etc/pam.d/sshd"), "{}", said.stdout);
    assert_eq!(changed(&before), NOTHING);
    let said = twinlock(&["setup", "--undo"]);
    assert_eq!(said.code(), 1);
    assert!(said.stderr.contains("nothing to undo"), "{}", said.stderr);
}

#[test]
fn where_sshd_reads_no_folder_the_lines_stand_at_the_top() {
    let (host, _) = fresh();
    host.write("/etc/ssh/sshd_config", "KbdInteractiveAuthentication no\nUsePAM yes\n", 0o600);
    let before = everything();
    let said = json(&["--ssh"]);
    assert_eq!(said["changed"], true);
    assert!(!Path::new(DROP_IN).exists());
    let text = read_to_string("/etc/ssh/sshd_config").unwrap();
    assert!(text.ends_with("\nKbdInteractiveAuthentication no\nUsePAM yes\n"), "{text}");
    assert_eq!(json(&["--ssh"])["changed"], false);
    twinlock(&["setup", "--undo"]).ok();
    assert_eq!(changed(&before), NOTHING);
}

#[test]
fn all_logins_are_set_up_by_pam_auth_update_and_undone_byte_for_byte() {
    let (host, maria) = fresh();
    profile(&host);
    let before = everything();
    let said = twinlock(&["setup", "--all-logins", "--dry-run"]).ok();
    assert!(said.stdout.contains("+++ /etc/pam.d/common-auth"), "{}", said.stdout);
    assert!(said.stdout.contains("runs: pam-auth-update --enable twinlock"), "{}", said.stdout);
    assert_eq!(changed(&before), NOTHING);

    // After SSH alone: its lines in sshd's own file go, or they would ask twice.
    twinlock(&["setup", "--ssh"]).ok();
    twinlock(&["setup", "--all-logins"]).ok();
    assert!(!read_to_string(PAM).unwrap().contains("pam_twinlock"));
    assert!(read_to_string("/etc/pam.d/common-auth").unwrap().contains("pam_twinlock.so account_phase"));
    assert_eq!(ids(&doctor()), ["no-administrator"], "{:#}", doctor());
    assert_eq!(twinlock(&["setup", "--all-logins"]).ok().stdout, "unchanged\n");
    assert_eq!(twinlock(&["setup", "--ssh"]).ok().stdout, "unchanged\n");
    enrols_by_ssh(&host, &debian_sshd(&host), &maria);

    twinlock(&["setup", "--undo"]).ok();
    assert_eq!(changed(&before), NOTHING);
    // The tool itself knows it too.
    process::run(process::command("pam-auth-update").arg("--package")).ok();
    assert!(!read_to_string("/etc/pam.d/common-auth").unwrap().contains("pam_twinlock"));
}

#[test]
fn what_was_changed_since_is_left_alone_and_said() {
    let (_host, _) = fresh();
    twinlock(&["setup", "--ssh"]).ok();
    let mine = read_to_string(PAM).unwrap() + "# mine\n";
    std::fs::write(PAM, &mine).unwrap();
    let said = twinlock(&["setup", "--undo", "--dry-run"]);
    assert_eq!(said.code(), 1);
    assert!(Path::new(DROP_IN).exists());
    let said = twinlock(&["setup", "--undo"]);
    assert_eq!(said.code(), 1);
    assert!(said.stdout.contains("CHANGED SINCE, left as it is: /etc/pam.d/sshd"), "{}", said.stdout);
    assert!(said.stdout.contains("brought back: /etc/ssh/sshd_config.d/10-twinlock.conf"), "{}", said.stdout);
    assert_eq!(read_to_string(PAM).unwrap(), mine);
    assert!(!Path::new(DROP_IN).exists());
    // Once it is as it was, there is nothing left to bring back.
    std::fs::copy(format!("{STATE}/1.before"), PAM).unwrap();
    twinlock(&["setup", "--undo"]).ok();
    assert!(!Path::new(STATE).exists());
}

type Plant = fn(&Host);

#[test]
fn what_would_let_in_or_keep_out_is_refused_and_nothing_is_changed() {
    let cases: &[(&str, &str, Plant, &str)] = &[
        ("a broken policy", "--ssh", |host| host.policy("require_mfa = maybe\n"), "policy-fault"),
        (
            "no module",
            "--ssh",
            |_| std::fs::remove_file(pam_folder().join("pam_twinlock.so")).unwrap(),
            "module-missing",
        ),
        ("no state", "--ssh", |_| std::fs::remove_dir("/var/lib/twinlock/ledger").unwrap(), "state-missing"),
        ("an open state", "--ssh", |_| mode("/var/lib/twinlock/ledger", 0o777), "state-unsafe"),
        (
            "another way in",
            "--ssh",
            |host| {
                host.pam_service(
                    "sshd",
                    "auth sufficient pam_unix.so\nauth required pam_deny.so\naccount required pam_unix.so\n",
                )
            },
            "pam-",
        ),
        (
            "no first factor",
            "--ssh",
            |host| host.pam_service("sshd", "auth required pam_permit.so\naccount required pam_unix.so\n"),
            "pam-code-alone",
        ),
        (
            "no stack",
            "--ssh",
            |host| host.pam_service("sshd", "account required pam_unix.so\n"),
            "no auth line",
        ),
        (
            "nobody has a password",
            "--ssh",
            |host| {
                host.write("/etc/shadow", "root:*:20000:0:99999:7:::\nmaria:!:20000:0:99999:7:::\n", 0o600);
            },
            "nobody on this host has one",
        ),
        (
            "a configuration that sshd does not accept",
            "--ssh",
            |host| host.write("/etc/ssh/sshd_config.d/50-x.conf", "NoSuchWord yes\n", 0o644),
            "sshd does not accept",
        ),
        (
            "a setting that wins over ours",
            "--ssh",
            |host| host.write("/etc/ssh/sshd_config.d/00-x.conf", "AuthenticationMethods any\n", 0o644),
            "sshd-methods",
        ),
        (
            "a setting that forbids ours",
            "--ssh",
            |host| host.write("/etc/ssh/sshd_config.d/00-x.conf", "KbdInteractiveAuthentication no\n", 0o644),
            "Disabled method",
        ),
        ("no profile", "--all-logins", |_| {}, "neither pam-auth-update nor authselect"),
        (
            "files that pam-auth-update leaves alone",
            "--all-logins",
            |host| {
                profile(host);
                host.pam_service("common-auth", "auth requisite pam_unix.so\n");
            },
            "pam-auth-update failed",
        ),
        (
            "another service with a way in",
            "--all-logins",
            |host| {
                profile(host);
                host.pam_service(
                    "till",
                    "auth sufficient pam_fprintd.so\n@include common-auth\n@include common-account\n",
                );
            },
            "pam-bypass",
        ),
    ];
    for (name, what, plant, text) in cases {
        let (host, _) = fresh();
        plant(&host);
        let before = everything();
        let said = twinlock(&["setup", what]);
        assert_eq!(said.code(), 1, "{name}: {}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(text), "{name}: {}", said.stderr);
        assert_eq!(changed(&before), NOTHING, "{name}");
    }
}

/// Killed at one renaming of a file after the other (some of them, where a tool makes it slow; with `-f` the tool is
/// killed too): what was begun can be undone, and nothing of it stays.
#[test]
fn an_interrupted_setup_can_be_undone() {
    let (host, _) = fresh();
    profile(&host);
    for (what, follow, step) in [("--ssh", "-qq", 1), ("--all-logins", "-qq", 5), ("--all-logins", "-f", 4)] {
        let before = everything();
        for number in (1..40).step_by(step) {
            let kill = format!("inject=rename,renameat,renameat2:signal=SIGKILL:when={number}");
            let mut strace = process::command("strace");
            strace.args(["-qq", follow, "-o", "/dev/null", "-e", &kill, "/usr/bin/twinlock", "setup", what]);
            let finished = process::run(&mut strace).status.success();
            let again = twinlock(&["setup", what]);
            let manifest = Path::new(STATE).join("manifest.json").exists();
            if !finished && manifest && !again.status.success() {
                assert!(again.stderr.contains("interrupted"), "{number}: {}", again.stderr);
            }
            if manifest || again.status.success() {
                twinlock(&["setup", "--undo"]).ok();
            }
            // Copies that no manifest speaks of are no harm.
            let _ = std::fs::remove_dir_all(STATE);
            assert_eq!(changed(&before), NOTHING, "{what} {number}");
            if finished {
                assert!(number > 4, "killed nothing");
                break;
            }
        }
    }
}

#[test]
fn a_second_setup_that_fails_leaves_the_first_as_it_was() {
    let (host, _) = fresh();
    profile(&host);
    let at_first = everything();
    twinlock(&["setup", "--ssh"]).ok();
    let before = everything();
    // It writes half of its work, then fails.
    let tool = read_to_string("/usr/sbin/pam-auth-update").unwrap();
    host.write("/usr/sbin/pam-auth-update.real", &tool, 0o755);
    let script = "#!/bin/sh\ncase $1 in --enable) echo broken >/etc/pam.d/common-auth; exit 1;; esac\n\
                  exec /usr/sbin/pam-auth-update.real \"$@\"\n";
    host.write("/usr/sbin/pam-auth-update", script, 0o755);
    let said = twinlock(&["setup", "--all-logins"]);
    assert_eq!(said.code(), 1, "{}", said.stdout);
    assert!(said.stderr.contains("pam-auth-update failed"), "{}", said.stderr);
    let copies: Vec<_> = changed(&before).into_iter().filter(|path| !path.starts_with(STATE)).collect();
    assert_eq!(copies, NOTHING);
    twinlock(&["setup", "--undo"]).ok();
    assert_eq!(changed(&at_first), NOTHING);
}

/// Scripts in the place of authselect and of our maker of profiles, on the files of RHEL 9.
#[test]
fn authselect_is_used_where_it_is_and_undone_byte_for_byte() {
    let (host, _) = fresh();
    let base = "auth sufficient pam_unix.so\nauth required pam_deny.so\naccount required pam_unix.so\n";
    let ours = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n\
                auth required pam_twinlock.so account_phase\naccount required pam_twinlock.so\naccount required pam_unix.so\n";
    host.write("/etc/authselect/system-auth", base, 0o644);
    host.write("/etc/authselect/authselect.conf", "local\nwith-faillock\n", 0o644);
    let folder = "/etc/pam.d/";
    for entry in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    std::os::unix::fs::symlink("/etc/authselect/system-auth", "/etc/pam.d/system-auth").unwrap();
    for name in ["sshd", "login", "su", "su-l", "sudo", "sudo-i"] {
        host.pam_service(
            name,
            "auth substack system-auth\naccount required pam_nologin.so\naccount include system-auth\n",
        );
    }
    host.write("/usr/share/ours", ours, 0o644);
    host.write("/usr/share/base", base, 0o644);
    host.write("/usr/libexec/twinlock/authselect", "#!/bin/sh\n:\n", 0o755);
    let authselect = "#!/bin/sh\ncd /etc/authselect\ncase $1 in\ncurrent) xargs <authselect.conf;;\n\
                      select) shift; from=base; case $1 in custom/twinlock) from=ours;; esac\n\
                      cat /usr/share/$from >system-auth; printf '%s\\n' \"$@\" >authselect.conf;;\nesac\n";
    host.write("/usr/bin/authselect", authselect, 0o755);
    let before = everything();
    let said = twinlock(&["setup", "--all-logins", "--dry-run"]).ok();
    assert!(said.stdout.contains("authselect select custom/twinlock"), "{}", said.stdout);
    assert_eq!(changed(&before), NOTHING);
    twinlock(&["setup", "--all-logins"]).ok();
    assert_eq!(
        read_to_string("/etc/authselect/authselect.conf").unwrap(),
        "custom/twinlock\nwith-faillock\n"
    );
    assert_eq!(ids(&doctor()), ["no-administrator"], "{:#}", doctor());
    assert_eq!(twinlock(&["setup", "--all-logins"]).ok().stdout, "unchanged\n");
    twinlock(&["setup", "--undo"]).ok();
    assert_eq!(changed(&before), NOTHING);
    // A profile that would let somebody in is taken back.
    host.write("/usr/share/ours", &ours.replace("requisite pam_deny.so", "sufficient pam_fprintd.so"), 0o644);
    let said = twinlock(&["setup", "--all-logins"]);
    assert!(said.stderr.contains("pam-bypass"), "{}", said.stderr);
    assert_eq!(changed(&before), NOTHING);
}

#[test]
fn usage_and_rights() {
    let (_host, maria) = fresh();
    assert_eq!(twinlock(&["setup"]).code(), 2);
    assert_eq!(twinlock(&["setup", "--ssh", "--all-logins"]).code(), 2);
    assert_eq!(process::run(maria.command("/usr/bin/twinlock").args(["setup", "--ssh"])).code(), 3);
}
