//! Moving over from the two other modules, with Debian's own builds of them as the second opinion: a file whose code they
//! take is imported and its code is right here, one that they refuse is not; and what was used there is used here.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests speak by panics")]

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use twinlock_tests::{Account, Host, PamClient, oathtool, pam, process};
use twinlock_verifier::Record;
use twinlock_verifier::record::Slots;

const COMMAND: &str = "/usr/bin/twinlock";
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const KEY: &str = "3132333435363738393031323334353637383930";
const FILE: &str = ".google_authenticator";

fn host() -> (Host, Account) {
    let host = Host::new();
    let maria = host.add_user("maria", "secret");
    host.install_command(Path::new(env!("CARGO_BIN_EXE_twinlock")));
    for folder in ["ledger", "credentials", "pending"] {
        let folder = Path::new("/var/lib/twinlock").join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    }
    host.policy("require_mfa = true\n");
    host.pam_service("google", "auth required pam_google_authenticator.so\naccount required pam_permit.so\n");
    host.pam_service(
        "oath",
        "auth required pam_oath.so usersfile=/etc/users.oath window=5\naccount required pam_permit.so\n",
    );
    (host, maria)
}

/// Whether the other module takes a code.
fn takes(host: &Host, service: &str, code: &str) -> bool {
    let mut login = PamClient::new(host, service).user("maria").start();
    // One of them asks nothing of a user whom it cannot find.
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            login.answer(code);
        }
    }
    login.finish().code("authenticate") == pam::SUCCESS
}

fn import(arguments: &[&str]) -> serde_json::Value {
    let mut command = process::command(COMMAND);
    let ended = process::run(command.arg("import").args(arguments).arg("--json"));
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).expect(&ended.stderr);
    report["users"][0].clone()
}

fn reset() {
    process::run(process::command(COMMAND).args(["reset", "maria", "--yes"])).ok();
}

/// Whether the code is right by the credential.
fn is_right(host: &Host, maria: &Account, code: &str) -> bool {
    host.write("/tmp/code", &format!("{code}\n"), 0o644);
    let input = File::open("/tmp/code").unwrap();
    process::run(maria.command(COMMAND).arg("verify").stdin(input)).code() == 0
}

fn record(maria: &Account) -> Record {
    let path = Path::new("/var/lib/twinlock/ledger").join(maria.uid.to_string());
    Slots::decode(&std::fs::read(path).unwrap()).unwrap().record
}

#[test]
fn what_google_authenticator_takes_is_imported_and_what_it_refuses_is_not() {
    let (host, maria) = host();
    let totp = "\" TOTP_AUTH\n";
    for (text, mode) in [
        (format!("{SECRET}\n{totp}"), 0o600),
        (format!("{SECRET}\n{totp}"), 0o400),
        (format!("{SECRET}\n{totp}"), 0o640),
        (format!("{SECRET}\n{totp}"), 0o700),
        (format!("{}\r\n{}", SECRET.to_lowercase(), totp.replace('\n', "\r\n")), 0o600),
        (format!("gezd gnbv-gy3t\tqojq GEZDGNBVGY3TQOJQ\n{}", totp.trim_end()), 0o600),
        (format!("{SECRET}====\n{totp}"), 0o600),
        (format!("{SECRET}9\n{totp}"), 0o600),
        (format!("{SECRET}\n"), 0o600),
        (format!("{SECRET}\n\"TOTP_AUTH\n"), 0o600),
        (format!("{SECRET}\nx\" TOTP_AUTHENTIC\n"), 0o600),
        (format!("{SECRET}\n{totp}\" HOTP_COUNTER 0\n"), 0o600),
        (format!("{SECRET}\n{totp}\" STEP_SIZE 30 and more\n"), 0o600),
        (format!("{SECRET}\n{totp}\" STEP_SIZE 61\n"), 0o600),
        (format!("{SECRET}\n{totp}\" STEP_SIZE 30x\n"), 0o600),
        (format!("{SECRET}\n{totp}\" WINDOW_SIZE 0\n"), 0o600),
        (format!("{SECRET}\n{totp}\" RATE_LIMIT 3 30\n"), 0o600),
        (format!("{SECRET}\n{totp}\" RATE_LIMIT 3 30 \n"), 0o600),
        (format!("{SECRET}\n{totp}\" RATE_LIMIT 3\n"), 0o600),
        (format!("{SECRET}\n{totp}\" RATE_LIMIT 101 30\n"), 0o600),
        (format!("{SECRET}\n{totp}\" DISALLOW_REUSE 1 2\n12345678\n"), 0o600),
        (format!("{SECRET}\n{totp}\" DISALLOW_REUSE 1 x\n"), 0o600),
        (format!("{SECRET}\n{totp}\" STEP_SIZE 30\n\" STEP_SIZE 99\n"), 0o600),
        (format!("{SECRET}\n{totp}some words\n\" UNKNOWN_OPTION 1\n"), 0o600),
        (String::new(), 0o600),
    ] {
        oathtool::with_time_left(8);
        maria.write(FILE, &text, mode);
        let code = oathtool::code_now(SECRET);
        let taken = takes(&host, "google", &code);
        let _ = std::fs::remove_file(maria.path(FILE));
        maria.write(FILE, &text, mode);
        let imported = import(&["google-authenticator", "--user", "maria"]);
        assert_eq!(imported["outcome"] == "imported", taken, "{text:?} {mode:o} {imported}");
        assert!(!taken || is_right(&host, &maria, &code), "{text:?}");
        reset();
        std::fs::remove_file(maria.path(FILE)).unwrap();
    }
}

#[test]
fn a_code_that_google_authenticator_took_is_used_here_too() {
    let (host, maria) = host();
    // As its own program writes it.
    let options = ["-t", "-d", "-f", "-r", "3", "-R", "30", "-w", "3", "-Q", "NONE", "-q", "-C"];
    process::run(maria.command("google-authenticator").args(options)).ok();
    let secret = maria.read(FILE).lines().next().unwrap().to_owned();
    oathtool::with_time_left(8);
    let step = oathtool::now() / 30;
    assert!(takes(&host, "google", &oathtool::code_now(&secret)));
    let imported = import(&["google-authenticator", "--all"]);
    assert_eq!((&imported["outcome"], &imported["user"]), (&"imported".into(), &"maria".into()));
    let record = record(&maria);
    assert!(record.enrolled);
    assert_eq!(record.authenticators[0].last_step, step);
    assert_eq!(import(&["google-authenticator", "--all"])["outcome"], "unchanged");
}

#[test]
fn a_skew_that_google_authenticator_learned_is_carried() {
    let (host, maria) = host();
    maria.write(FILE, format!("{SECRET}\n\" TOTP_AUTH\n\" TIME_SKEW 3\n\" DISALLOW_REUSE\n"), 0o600);
    oathtool::with_time_left(8);
    let step = oathtool::now() / 30;
    assert!(takes(&host, "google", &oathtool::code_at_step(SECRET, 4)));
    assert_eq!(import(&["google-authenticator", "--user", "maria"])["outcome"], "imported");
    let entry = record(&maria).authenticators[0];
    assert_eq!((entry.drift, entry.last_step), (3, step + 4));
}

#[test]
fn what_pam_oath_takes_is_imported_and_what_it_took_is_used() {
    let (host, maria) = host();
    for line in [
        format!("HOTP/T30 maria - {KEY}"),
        format!("  HOTP/T30/6\tmaria\t-\t{}\t0\r", KEY.to_uppercase()),
        format!("HOTP/T30 maria + {KEY}"),
        format!("# comment\n\nnonsense maria\nHOTP/T30 maria - {KEY} 7 123456 2025-11-25T02:26:22L"),
        format!("HOTP/T30 maria - {KEY}0"),
        format!("HOTP/T30 maria - {KEY} x"),
        format!("HOTP/T30 maria - {KEY} 0 123456 yesterday"),
        format!("HOTP/T30 maria - {}", KEY.repeat(2)),
        "HOTP/T30 maria -".to_owned(),
        format!("HOTP/T45 maria - {KEY}"),
        format!("hotp/t30 maria - {KEY}"),
    ] {
        oathtool::with_time_left(8);
        host.write("/etc/users.oath", &format!("{line}\n"), 0o600);
        let code = oathtool::code_now(SECRET);
        let step = oathtool::now() / 30;
        let taken = takes(&host, "oath", &code);
        let imported = import(&["oath", "/etc/users.oath"]);
        assert_eq!(imported["outcome"] == "imported", taken, "{line:?} {imported}");
        if taken {
            assert_eq!(record(&maria).authenticators[0].last_step, step, "{line:?}");
            assert!(is_right(&host, &maria, &code), "{line:?}");
        }
        reset();
    }
}

#[test]
fn ten_thousand_accounts_are_reported_in_no_time() {
    let (host, maria) = host();
    process::run(process::command(COMMAND).args(["enroll", "--user", "maria"])).ok();
    let credential = maria.read(".twinlock/credential.toml");
    let mut passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    for number in 0..10_000u32 {
        let (name, id) = (format!("user{number}"), 100_000 + number);
        let home = Path::new("/home").join(&name);
        passwd.push_str(&format!("{name}:x:{id}:{id}::{}:/bin/sh\n", home.display()));
        if number % 2 == 0 {
            let user =
                Account { name: name.clone(), password: String::new(), uid: id, gid: id, home: home.clone() };
            std::fs::create_dir(&home).unwrap();
            std::os::unix::fs::chown(&home, Some(id), Some(id)).unwrap();
            user.write(".twinlock/credential.toml", &credential, 0o600);
            let parsed = twinlock_verifier::Credential::parse(credential.as_bytes()).unwrap();
            let mut record = Record::new(&name);
            record.register(&parsed);
            let path = Path::new("/var/lib/twinlock/ledger").join(id.to_string());
            std::fs::write(&path, Slots::create(&record).unwrap()).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
    }
    host.write("/etc/passwd", &passwd, 0o644);
    let names: Vec<_> = (0..100).map(|number| format!("\"user{number}\"")).collect();
    let rule = format!(
        "[[rule]]\ngroups = [\"users\"]\nrequire_mfa = false\n[[rule]]\nusers = [{}]\nrequire_mfa = true\n",
        names.join(", ")
    );
    host.policy(&format!("require_mfa = true\n{rule}"));
    let begun = Instant::now();
    let ended = process::run(process::command(COMMAND).args(["report", "--format", "prometheus"])).ok();
    let took = begun.elapsed();
    assert!(ended.stdout.contains("{requirement=\"required\",enrolled=\"yes\"} 5001"), "{}", ended.stdout);
    eprintln!("10,000 accounts in {took:?}");
    // A build without optimisation on a busy machine; `make bench` holds the release build to 2 s.
    assert!(took.as_secs() < 10, "{took:?}");
}
