//! The command with somebody at a terminal: what the screen shows is read by a QR reader, codes come from `oathtool`,
//! and whatever interrupts an enrolment leaves nothing behind.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests speak by panics")]

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use twinlock_tests::picture::{Theme, scan_qr};
use twinlock_tests::{Account, Host, Terminal, oathtool, process};

const COMMAND: &str = "/usr/bin/twinlock";
const PROMPT: &str = "Verification code: ";

fn host() -> (Host, Account) {
    let host = Host::new();
    let maria = host.add_user("maria", "secret");
    host.install_command(Path::new(env!("CARGO_BIN_EXE_twinlock")));
    for folder in ["ledger", "credentials", "pending"] {
        let folder = Path::new("/var/lib/twinlock").join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    }
    host.policy("require_mfa = true\nissuer = \"ACME ERP\"\nhelp = \"IT desk, ext. 4711\"\n");
    (host, maria)
}

/// The secret in what `enroll` printed.
fn secret(shown: &str) -> String {
    let key = shown.lines().find_map(|line| line.strip_prefix("Key: ")).expect("a key");
    key.split_whitespace().collect()
}

fn uri(secret: &str, account: &str) -> String {
    format!("otpauth://totp/ACME%20ERP:{account}%40erp-t01?secret={secret}&issuer=ACME%20ERP")
}

#[test]
fn a_user_enrols_with_what_the_screen_shows() {
    let (host, maria) = host();
    let mut screen = Terminal::new(&host).user("maria").run(COMMAND, &["enroll"]);
    let shown = screen.expect(PROMPT);
    let secret = secret(&shown);
    assert!(shown.contains("Account: maria@erp-t01   Issuer: ACME ERP"), "{shown}");
    assert!(shown.contains("Help: IT desk, ext. 4711"), "{shown}");
    assert!(screen.screen_text().starts_with("Key: "), "{}", screen.screen_text());
    for theme in [Theme::Dark, Theme::Light] {
        assert_eq!(screen.scan_qr(theme), Some(uri(&secret, "maria")), "{theme:?}");
    }

    let wrong = oathtool::wrong_code(&secret);
    for (answer, told) in [
        (wrong.as_str(), "That code was not right."),
        ("hunter2", "A code from the app has 6 digits."),
        ("AAAA-AAAA-AAAA-AAAA", "A code from the app has 6 digits."),
    ] {
        screen.send_line(answer);
        screen.expect(told);
        screen.expect(PROMPT);
    }
    assert!(!maria.path(".twinlock").exists(), "nothing is written before a right code");
    oathtool::with_time_left(5);
    let right = oathtool::code_now(&secret);
    assert!(!screen.raw_text().contains(&right), "the right code is never shown");
    // One step old is fine.
    screen.send_line(&oathtool::code_at_step(&secret, -1));
    screen.expect("this takes a moment");
    let text = screen.expect("Registration: by the first code that a login accepts.");
    assert!(screen.wait().success());
    let codes = text.split_whitespace().filter(|word| word.len() == 19 && word.matches('-').count() == 3);
    assert_eq!(codes.count(), 10, "{text}");

    let file = std::fs::metadata(maria.path(".twinlock/credential.toml")).unwrap();
    assert_eq!((file.mode() & 0o7777, file.uid()), (0o600, maria.uid));
    assert!(maria.read(".twinlock/credential.toml").contains(&secret));
}

#[test]
fn every_form_that_promises_to_scan_does() {
    let (host, _) = host();
    let terminal = |columns, rows| Terminal::new(&host).user("maria").size(columns, rows);
    for (setup, words) in [
        (terminal(80, 24), vec!["enroll"]),
        (terminal(80, 24).term("linux"), vec!["enroll"]),
        (terminal(200, 60), vec!["enroll"]),
        (terminal(200, 60).lang("C"), vec!["enroll"]),
        (terminal(80, 24).term("vt220"), vec!["enroll", "--qr", "ansi"]),
        // A longer URI: the words leave the window, and the key stands beside the picture.
        (terminal(80, 24), vec!["enroll", "--algorithm", "SHA256", "--digits", "8", "--period", "60"]),
    ] {
        let mut screen = setup.run(COMMAND, &words);
        let secret = secret(&screen.expect(PROMPT));
        for theme in [Theme::Dark, Theme::Light] {
            let scanned =
                screen.scan_qr(theme).unwrap_or_else(|| panic!("{words:?}\n{}", screen.screen_text()));
            assert!(scanned.starts_with(&uri(&secret, "maria")), "{scanned}");
        }
        let start = format!("{} {} {}", &secret[..4], &secret[4..8], &secret[8..12]);
        assert!(screen.screen_text().contains(&start), "the key is in the window\n{}", screen.screen_text());
        screen.send_line("");
        assert_eq!(screen.wait().code(), Some(1));
    }
}

#[test]
fn a_dark_terminal_without_colours_scans_too() {
    let (host, _) = host();
    for words in [vec!["enroll", "--qr", "utf8"], vec!["enroll"]] {
        let mut screen = Terminal::new(&host).user("maria").term("vt220").run(COMMAND, &words);
        let secret = secret(&screen.expect(PROMPT));
        assert_eq!(screen.scan_qr(Theme::Dark), Some(uri(&secret, "maria")));
        assert!(!screen.raw_text().contains('\u{1b}'), "no escape sequence");
    }
}

#[test]
fn a_window_too_small_for_the_picture_is_told_how_large_it_must_be() {
    let (host, _) = host();
    for setup in [Terminal::new(&host).size(40, 20), Terminal::new(&host).lang("C")] {
        let mut screen = setup.user("maria").run(COMMAND, &["enroll"]);
        let shown = screen.expect(PROMPT);
        assert!(shown.contains("The window is too small for the picture."), "{shown}");
        assert!(shown.contains("--qr png --output FILE"), "{shown}");
        assert!(!shown.contains('\u{1b}'));
    }
}

#[test]
fn no_picture_where_none_is_wanted() {
    let (host, _) = host();
    let mut screen = Terminal::new(&host).user("maria").run(COMMAND, &["enroll", "--qr", "none"]);
    let shown = screen.expect(PROMPT);
    secret(&shown);
    assert!(shown.is_ascii() && !shown.contains('\u{1b}'), "{shown}");
}

#[test]
fn giving_up_leaves_nothing_behind() {
    let (host, maria) = host();
    for (keys, status, signal) in
        [("\r", Some(1), None), ("\u{4}", Some(1), None), ("\u{3}", None, Some(2)), ("\u{1c}", None, Some(3))]
    {
        let mut screen = Terminal::new(&host)
            .user("maria")
            .run(COMMAND, &["enroll", "--qr", "png", "--output", "/home/maria/qr.png"]);
        screen.expect("Picture: /home/maria/qr.png");
        screen.expect(PROMPT);
        let picture = maria.path("qr.png");
        assert_eq!(std::fs::metadata(&picture).unwrap().mode() & 0o7777, 0o600);
        screen.send(keys);
        screen.expect("Nothing was changed.");
        let ended = screen.wait();
        assert_eq!((ended.code(), ended.signal()), (status, signal), "{keys:?}\n{}", screen.screen_text());
        assert!(!picture.exists() && !maria.path(".twinlock").exists(), "{keys:?}");
    }
}

#[test]
fn a_picture_file_scans_and_stays_after_success() {
    let (host, maria) = host();
    let mut screen = Terminal::new(&host)
        .user("maria")
        .run(COMMAND, &["enroll", "--qr", "png", "--output", "/home/maria/qr.png"]);
    let secret = secret(&screen.expect(PROMPT));
    let picture = std::fs::read(maria.path("qr.png")).unwrap();
    assert_eq!(scan_qr(&picture), Some(uri(&secret, "maria")));
    screen.send_line(&oathtool::code_now(&secret));
    screen.expect("/home/maria/qr.png holds the key. Remove it");
    assert!(screen.wait().success());
    assert!(maria.path("qr.png").exists());
}

#[test]
fn the_code_that_confirmed_roots_enrolment_is_used_up() {
    let (host, _) = host();
    let mut screen = Terminal::new(&host).run(COMMAND, &["enroll"]);
    let secret = secret(&screen.expect(PROMPT));
    oathtool::with_time_left(10);
    let code = oathtool::code_now(&secret);
    screen.send_line(&code);
    screen.expect("Registration: by root");
    assert!(screen.wait().success());
    for (code, told) in [
        (code, "this code was right and has been used already."),
        (oathtool::code_at_step(&secret, 1), "The code is right (phone)."),
    ] {
        let mut screen = Terminal::new(&host).run(COMMAND, &["verify"]);
        screen.expect(PROMPT);
        screen.send_line(&code);
        screen.expect(told);
        screen.wait();
        assert!(!screen.raw_text().contains(&code), "a code is not echoed by verify");
    }
}

#[test]
fn an_interrupted_verify_gives_the_echo_back() {
    let (host, maria) = host();
    enrolled(&maria);
    let script = "twinlock verify; stty -a";
    let mut screen = Terminal::new(&host).user("maria").run("sh", &["-c", &format!("trap : INT; {script}")]);
    screen.expect(PROMPT);
    screen.send("\u{3}");
    screen.expect("interrupted.");
    let told = screen.expect("echok");
    assert!(told.contains(" echo "), "{told}");
}

#[test]
fn recovery_codes_that_cannot_be_shown_are_not_kept() {
    let (_host, maria) = host();
    for arguments in [&["enroll", "--unattended"][..], &["enroll", "--unattended", "--json"]] {
        let script = format!("{COMMAND} {} >/dev/full", arguments.join(" "));
        let ended = process::run(maria.command("sh").args(["-c", &script]));
        assert_eq!(ended.code(), 1, "{}", ended.stderr);
        assert!(ended.stderr.contains("could not be shown"), "{}", ended.stderr);
        assert!(!maria.path(".twinlock/credential.toml").exists());
    }
}

#[test]
fn a_reader_that_goes_away_is_no_noise() {
    let (_host, maria) = host();
    let script = format!("sleep 0.2; {COMMAND} status; echo $? >&2");
    let mut command = maria.command("bash");
    let ended = process::run(command.args(["-c", &format!("({script}) | true")]));
    assert_eq!(ended.stderr, "1\n");
}

#[test]
fn the_process_cannot_be_dumped_nor_looked_into() {
    let (host, maria) = host();
    enrolled(&maria);
    let mut screen = Terminal::new(&host).user("maria").run(COMMAND, &["verify"]);
    screen.expect(PROMPT);
    let proc = Path::new("/proc").join(screen.process_id().to_string());
    let limits = std::fs::read_to_string(proc.join("limits")).unwrap();
    let core: Vec<_> =
        limits.lines().find(|line| line.starts_with("Max core")).unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{core:?}");
    // A process that cannot be dumped belongs to root in /proc, so its memory is closed to its own user.
    assert_eq!(std::fs::metadata(proc.join("mem")).unwrap().uid(), 0);
}

#[test]
fn a_set_user_id_copy_refuses_to_run() {
    let (host, maria) = host();
    host.install(Path::new(env!("CARGO_BIN_EXE_twinlock")), Path::new("/usr/bin/twinlock-suid"), 0o4755);
    let ended = process::run(maria.command("/usr/bin/twinlock-suid").arg("status").stdin(Stdio::null()));
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("rights that are not its caller's"), "{}", ended.stderr);
}

fn enrolled(account: &Account) {
    process::run(account.command(COMMAND).args(["enroll", "--unattended"])).ok();
}

/// A host with the check helper, where nobody must have a code.
fn host_with_helper() -> (Host, Account) {
    let (host, maria) = host();
    host.install_check_helper();
    host.policy("require_mfa = false\nissuer = \"ACME ERP\"\n");
    (host, maria)
}

/// Enrols by the helper; returns the secret and a recovery code. The code of the step before now is used up.
fn enrolled_by_helper(account: &Account) -> (String, String) {
    oathtool::with_time_left(20);
    let said = process::run(account.command(COMMAND).args(["enroll", "--unattended", "--json"])).ok().stdout;
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    (text(&json["secret"]), text(&json["recovery_codes"][0]))
}

fn list(account: &Account) -> String {
    process::run(account.command(COMMAND).args(["authenticators", "list"])).ok().stdout
}

const CURRENT: &str = "Code of an app that is set up already, or a recovery code: ";

#[test]
fn with_the_helper_an_enrolment_is_registered_at_once_and_its_code_is_used_up() {
    let (host, maria) = host_with_helper();
    let mut screen = Terminal::new(&host).user("maria").run(COMMAND, &["enroll"]);
    let secret = secret(&screen.expect(PROMPT));
    oathtool::with_time_left(15);
    let code = oathtool::code_now(&secret);
    screen.send_line(&code);
    let text = screen.expect("Done: from now on a login asks you for a code.");
    assert!(text.contains("each of these recovery codes lets you in once"), "{text}");
    assert!(screen.wait().success());
    host.journal().wait_for(|line| line.message.contains("event=enrolled user=\"maria\" service=twinlock"));
    let again = verify(&maria, &code);
    assert!(again.contains("has been used already"), "{again}");
}

/// Types a code into `twinlock verify`.
fn verify(account: &Account, code: &str) -> String {
    let script = format!("printf '%s\\n' {code} | {COMMAND} verify 2>&1");
    process::run(account.command("sh").args(["-c", &script])).stdout
}

#[test]
fn a_second_enroll_says_what_is_there_and_adds_with_a_current_code() {
    let (host, maria) = host_with_helper();
    let (first, _) = enrolled_by_helper(&maria);
    let mut screen = Terminal::new(&host).user("maria").run(COMMAND, &["enroll"]);
    let offer = screen.expect("Your choice: ");
    assert!(
        offer.contains("Your login has 1 authenticator already:") && offer.contains("1. phone"),
        "{offer}"
    );
    screen.send_line("a");
    screen.expect("Name for the new one [phone 2]: ");
    screen.send_line("phone");
    screen.expect("That name is taken");
    screen.expect("Name for the new one [phone 2]: ");
    screen.send_line("tablet");
    let second = secret(&screen.expect(PROMPT));
    screen.send_line(&oathtool::code_at_step(&second, -1));
    screen.expect(CURRENT);
    let wrong = oathtool::wrong_code(&first);
    screen.send_line(&wrong);
    screen.expect("the code is not right.");
    screen.expect(CURRENT);
    screen.send_line(&oathtool::code_now(&first));
    screen.expect("\"tablet\" is set up. There are 2 authenticators now.");
    assert!(screen.wait().success());
    assert!(!screen.raw_text().contains(&wrong), "a current code is not echoed");
    assert_eq!(list(&maria).lines().count(), 2, "{}", list(&maria));
    for (secret, label) in [(&second, "tablet"), (&first, "phone")] {
        let code = oathtool::code_at_step(secret, i64::from(label == "phone"));
        let said = verify(&maria, &code);
        assert!(said.contains(&format!("The code is right ({label}).")), "{said}");
    }
}

#[test]
fn a_lost_phone_is_replaced_with_a_recovery_code() {
    let (host, maria) = host_with_helper();
    let (old, recovery) = enrolled_by_helper(&maria);
    let mut screen = Terminal::new(&host).user("maria").run(COMMAND, &["enroll"]);
    screen.expect("Your choice: ");
    screen.send_line("r");
    let new = secret(&screen.expect(PROMPT));
    screen.send_line(&oathtool::code_at_step(&new, -1));
    screen.expect(CURRENT);
    screen.send_line(&recovery);
    screen.expect("9 left");
    screen.expect("in the place of the old one. There is 1 authenticator now.");
    assert!(screen.wait().success());
    assert!(verify(&maria, &oathtool::code_now(&old)).contains("is not right"));
    assert!(verify(&maria, &oathtool::code_now(&new)).contains("The code is right (phone)."));
}

#[test]
fn an_offer_that_is_left_and_an_addition_that_is_given_up_change_nothing() {
    let (host, maria) = host_with_helper();
    enrolled_by_helper(&maria);
    let before = maria.read(".twinlock/credential.toml");
    for (keys, code, signal) in [("\r", Some(1), None), ("\u{3}", None, Some(2))] {
        let mut screen = Terminal::new(&host).user("maria").run(COMMAND, &["enroll"]);
        screen.expect("Your choice: ");
        screen.send(keys);
        let ended = screen.wait();
        assert_eq!((ended.code(), ended.signal()), (code, signal), "{keys:?}");
        // At its last question.
        let arguments = ["authenticators", "add", "tablet"];
        let mut screen = Terminal::new(&host).user("maria").run(COMMAND, &arguments);
        let second = secret(&screen.expect(PROMPT));
        screen.send_line(&oathtool::code_now(&second));
        screen.expect(CURRENT);
        screen.send(keys);
        screen.expect("Nothing was changed.");
        let ended = screen.wait();
        assert_eq!((ended.code(), ended.signal()), (code, signal), "{keys:?}");
        assert_eq!(maria.read(".twinlock/credential.toml"), before);
    }
}

#[test]
fn of_two_additions_at_once_neither_is_lost() {
    let (host, maria) = host_with_helper();
    let (first, recovery) = enrolled_by_helper(&maria);
    let mut screens: Vec<_> = ["tablet", "olga"]
        .into_iter()
        .map(|name| {
            let mut screen =
                Terminal::new(&host).user("maria").run(COMMAND, &["authenticators", "add", name]);
            let secret = secret(&screen.expect(PROMPT));
            screen.send_line(&oathtool::code_now(&secret));
            screen.expect(CURRENT);
            screen
        })
        .collect();
    for (screen, answer) in screens.iter_mut().zip([oathtool::code_now(&first), recovery]) {
        screen.send_line(&answer);
    }
    for mut screen in screens {
        // Whose change came just too late, after its code was used up, is told so and types another one.
        if screen.expect_any(&["is set up. There ", "that code is used up. Type another one."]).0 == 1 {
            screen.expect(CURRENT);
            screen.send_line(&oathtool::code_at_step(&first, 1));
            screen.expect("is set up. There ");
        }
        assert!(screen.wait().success());
    }
    let all = list(&maria);
    assert!(["phone", "tablet", "olga"].iter().all(|name| all.contains(name)), "{all}");
}

#[test]
fn of_two_first_enrolments_at_once_one_is_told_that_it_was_too_late() {
    let (host, maria) = host_with_helper();
    let mut screens: Vec<_> = (0..2)
        .map(|_| {
            let mut screen = Terminal::new(&host).user("maria").run(COMMAND, &["enroll"]);
            let secret = secret(&screen.expect(PROMPT));
            (screen, secret)
        })
        .collect();
    oathtool::with_time_left(15);
    for (screen, secret) in &mut screens {
        screen.send_line(&oathtool::code_now(secret));
    }
    let ended: Vec<_> = screens.iter_mut().map(|(screen, _)| screen.wait().code()).collect();
    assert!(ended.contains(&Some(0)) && ended.contains(&Some(1)), "{ended:?}");
    let loser = screens.iter().find(|(screen, _)| !screen.raw_text().contains("Done: from now on")).unwrap();
    assert!(loser.0.raw_text().contains("the codes above are void"), "{}", loser.0.raw_text());
    let winner = screens.iter().find(|(screen, _)| screen.raw_text().contains("Done: from now on")).unwrap();
    let said = verify(&maria, &oathtool::code_at_step(&winner.1, 1));
    assert!(said.contains("The code is right"), "{said}");
}

#[test]
fn where_only_root_can_read_a_credential_all_of_it_is_replaced() {
    let (host, maria) = host_with_helper();
    host.policy("require_mfa = true\ncredential_store = \"system\"\n");
    let (old, recovery) = enrolled_by_helper(&maria);
    let mut screen = Terminal::new(&host).user("maria").run(COMMAND, &["enroll"]);
    screen.expect("in a place that only root can read.");
    screen.expect("Your choice: ");
    screen.send_line("r");
    let new = secret(&screen.expect(PROMPT));
    screen.send_line(&oathtool::code_at_step(&new, -1));
    screen.expect(CURRENT);
    screen.send_line(&recovery);
    let text = screen.expect("never shown again");
    assert!(screen.wait().success());
    assert!(!text.contains(&recovery));
    assert!(verify(&maria, &recovery).contains("none of your recovery codes"));
    assert!(verify(&maria, &oathtool::code_now(&old)).contains("is not right"));
    assert!(verify(&maria, &oathtool::code_now(&new)).contains("The code is right (phone)."));
    assert!(!maria.path(".twinlock").exists());
}

#[test]
fn root_adds_at_a_terminal_without_a_code_of_what_is_there() {
    let (host, _) = host_with_helper();
    process::run(process::command(COMMAND).args(["enroll", "--unattended"])).ok();
    let mut screen =
        Terminal::new(&host).run(COMMAND, &["authenticators", "add", "tablet", "--period", "60"]);
    let shown = screen.expect(PROMPT);
    assert!(shown.contains("--period is ignored by many apps"), "{shown}");
    // cases.md, row 41.
    let scanned = screen.scan_qr(Theme::Dark).expect("a QR code");
    assert!(scanned.ends_with("&period=60"), "{scanned}");
    let secret = secret(&shown);
    let code = oathtool::code_with(&secret, oathtool::now(), &["--time-step-size=60s"]);
    screen.send_line(&code);
    screen.expect("\"tablet\" is set up. There are 2 authenticators now.");
    assert!(screen.wait().success());
    let script = format!("printf '%s\\n' {code} | {COMMAND} verify 2>&1");
    let said = process::run(process::command("sh").args(["-c", &script])).stdout;
    assert!(said.contains("has been used already"), "{said}");
}

/// As many as one login can have, and one more.
#[test]
fn sixty_four_authenticators_and_no_more() {
    let (_host, maria) = host_with_helper();
    enrolled_by_helper(&maria);
    let add = |name: &str| {
        let words = ["authenticators", "add", name, "--user", "maria"];
        process::run(process::command(COMMAND).args(words))
    };
    for number in 2..=64 {
        add(&format!("person {number}")).ok();
    }
    assert_eq!(list(&maria).lines().count(), 64);
    let ended = add("one more");
    assert_eq!(ended.code(), 1);
    assert!(ended.stderr.contains("there are 64 authenticators already"), "{}", ended.stderr);
}
