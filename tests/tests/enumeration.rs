//! What a stranger can learn of who exists and who is enrolled: nothing where a first factor stands before the module, as
//! in the stacks that we ship; and elsewhere what docs/security.md says under 'What still shows', and no more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::Path;
use std::process::Command;

use twinlock_tests::witness::{nothing_is_recorded, record_path};
use twinlock_tests::{Account, Dialogue, Host, PamClient, Phone, Sshd, Terminal, oathtool, pam, process};

const UNKNOWN: &str = "xaver";
/// Transactions that are measured of each kind.
const CODES: usize = 300;
/// The same for what takes PBKDF2's time.
const RECOVERY_CODES: usize = 40;
/// How much two kinds of users may differ in their medians beyond what one kind differs from itself, in microseconds: well
/// under what a network or sshd adds and takes, and far under a hash of a recovery code.
const SLACK: f64 = 5000.0;

/// A host with somebody enrolled and somebody not.
fn stage() -> (Host, Account, Account, Phone) {
    let host = Host::that_requires_codes();
    let (maria, newcomer) = (host.add_user("maria", "secret"), host.add_user("tomas", "secret"));
    let phone = Phone::of(&maria);
    (host, maria, newcomer, phone)
}

/// Gives the credential a set of recovery codes, as enrolment writes one, so that one has to be hashed; and registers all
/// of it, by a first login.
fn enrolled(host: &Host, maria: &Account, phone: &Phone) {
    let hashes = format!("[{}]", vec![format!("\"{}\"", "ab".repeat(32)); 10].join(", "));
    let set = format!("\n[recovery]\nsalt = \"{}\"\nrounds = 100000\nhashes = {hashes}\n", "07".repeat(16));
    maria.write(".twinlock/credential.toml", phone.credential() + &set, 0o600);
    let mut first = PamClient::new(host, "till").user("maria").chain("authenticate").start();
    oathtool::with_time_left(5);
    first.expect_prompt("Verification code: ");
    first.answer(&phone.code());
    assert_eq!(first.finish().code("authenticate"), pam::SUCCESS, "{}", host.journal().text());
}

/// Debian's own stacks, with our profile put in by pam-auth-update.
fn shipped_stacks(host: &Host) {
    let profile = include_str!("../../packaging/deb/pam-config");
    host.write("/usr/share/pam-configs/twinlock", profile, 0o644);
    let mut update = process::command("pam-auth-update");
    process::run(update.args(["--package", "--enable", "twinlock"]).env("DEBIAN_FRONTEND", "noninteractive"))
        .ok();
    let auth = std::fs::read_to_string("/etc/pam.d/common-auth").unwrap();
    assert!(auth.contains("pam_unix.so") && auth.contains("pam_twinlock.so account_phase"), "{auth}");
}

#[test]
fn without_the_first_factor_nobody_reaches_the_module_in_the_shipped_stacks() {
    let (host, maria, newcomer, phone) = stage();
    host.add_user("otto", "other");
    shipped_stacks(&host);
    let sshd = Sshd::start(&host, "");
    let start = |way: &str, user: &str| {
        let terminal = Terminal::new(&host).size(120, 60);
        match way {
            "ssh" => terminal.ssh(&sshd, user, &["-o", "NumberOfPasswordPrompts=1"]),
            "login" => terminal.run("login", &[user]),
            _ => terminal.user("otto").run("su", &[user]),
        }
    };
    for (way, refusal) in [("ssh", "denied"), ("login", "incorrect"), ("su", "failure")] {
        let mut screens = Vec::new();
        // su itself says who does not exist, before it calls PAM.
        let strangers = [UNKNOWN, &newcomer.name, &maria.name];
        for user in strangers.into_iter().filter(|user| way != "su" || *user != UNKNOWN) {
            host.journal().clear();
            let mut terminal = start(way, user);
            let mut screen = terminal.expect("assword: ");
            terminal.send_line("guess");
            screen += &terminal.expect(refusal);
            drop(terminal);
            host.journal().wait_for(|line| line.message.contains("authentication failure"));
            host.journal().catch_up();
            let log = host.journal().text();
            assert!(!log.contains("pam_twinlock("), "{way} {user}: {log}");
            screens.push(screen.replace(user, "USER"));
        }
        assert!(screens.windows(2).all(|two| two[0] == two[1]), "{way}: {screens:?}");
        assert!(nothing_is_recorded(), "{way}");
    }
    // With it, they do: else nothing above says anything.
    for (user, prompt) in [(&newcomer, "Key: "), (&maria, "Verification code: ")] {
        let mut terminal = start("login", &user.name);
        terminal.expect("assword: ");
        terminal.send_line(&user.password);
        terminal.expect(prompt);
    }
    drop(phone);
}

#[test]
fn alone_in_a_stack_the_module_asks_whoever_is_enrolled_and_whoever_does_not_exist_alike() {
    let (host, maria, newcomer, phone) = stage();
    enrolled(&host, &maria, &phone);
    host.pam_service("till", "auth required pam_twinlock.so\n");
    let wrong = phone.wrong_code();
    let answers = ["", "abc", wrong.as_str(), "AAAA-BBBB-CCCC-DDDD"];
    for answer in answers {
        let dialogue = |user: &str| {
            let client = PamClient::new(&host, "till").user(user).rhost("192.0.2.7").chain("authenticate");
            let mut login: Dialogue = client.start();
            while let Some(message) = login.next_message() {
                if message.kind.is_prompt() {
                    login.answer(answer);
                }
            }
            let messages = login.finish().messages;
            messages.into_iter().map(|message| (message.kind, message.text)).collect::<Vec<_>>()
        };
        let (unknown, enrolled) = (dialogue(UNKNOWN), dialogue("maria"));
        assert_eq!(unknown, enrolled, "{answer:?}");
        assert!(unknown.iter().filter(|(kind, _)| kind.is_prompt()).count() == 3, "{unknown:?}");
        // What still shows: docs/security.md.
        assert!(!dialogue(&newcomer.name).iter().any(|(kind, _)| kind.is_prompt()));
    }
}

/// One kind of transaction.
struct Kind<'a> {
    user: &'a str,
    answer: &'a str,
    code: i32,
    /// The record to bring back before each.
    record: &'a str,
}

/// The medians of so many transactions of each kind, in turn, in microseconds.
fn medians(client: &Path, rounds: usize, kinds: &[Kind<'_>]) -> Vec<f64> {
    let mut command = process::command(client);
    command.args(["time", &rounds.to_string()]);
    for kind in kinds {
        let saved = if kind.record == "-" { "-" } else { "/run/saved" };
        command.args(["till", kind.user, "auth", kind.answer, kind.record, saved]);
    }
    let finished = process::run(&mut command).ok();
    let mut times = vec![Vec::with_capacity(rounds); kinds.len()];
    for line in finished.stdout.lines() {
        let numbers: Vec<i64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        let place = usize::try_from(numbers[0]).unwrap();
        assert_eq!(numbers[2], i64::from(kinds[place].code), "{}", kinds[place].user);
        times[place].push(numbers[1]);
    }
    let median = |times: &mut Vec<i64>| {
        times.sort_unstable();
        times[times.len() / 2] as f64 / 1000.0
    };
    times.iter_mut().map(median).collect()
}

#[test]
fn alone_in_a_stack_the_time_of_an_answer_does_not_tell_who_exists() {
    let (host, maria, _newcomer, phone) = stage();
    enrolled(&host, &maria, &phone);
    host.pam_service("till", "auth required pam_twinlock.so\n");
    host.policy("require_mfa = true\nattempts = 1\n");
    let record = record_path(&maria);
    std::fs::copy(&record, "/run/saved").unwrap();

    let client = Path::new("/run/benchclient");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("client/benchclient.c");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let compiled = Command::new(compiler)
        .args(["-std=gnu11", "-O2", "-o"])
        .arg(client)
        .arg(source)
        .arg("-lpam")
        .status();
    assert!(compiled.is_ok_and(|status| status.success()));
    let wrong = phone.wrong_code();
    for (what, rounds, answer) in
        [("a wrong code", CODES, wrong.as_str()), ("no recovery code", RECOVERY_CODES, "AAAA-BBBB-CCCC-DDDD")]
    {
        let enrolled = || Kind { user: "maria", answer, code: pam::AUTH_ERR, record: &record };
        let unknown = || Kind { user: UNKNOWN, answer, code: pam::USER_UNKNOWN, record: "-" };
        let medians = medians(client, rounds, &[enrolled(), unknown(), enrolled(), unknown()]);
        let [one, other, again, twice] = medians[..] else { panic!("four kinds") };
        let itself = (one - again).abs().max((other - twice).abs());
        let apart = (one.midpoint(again) - other.midpoint(twice)).abs();
        println!("{what}: enrolled {one:.0} and {again:.0} us, unknown {other:.0} and {twice:.0} us");
        assert!(apart <= itself + SLACK, "{what}: {apart} us apart, {itself} us from themselves");
    }
}
