//! The main job over real ssh: the first login walks the user through enrolment, from then on a code is asked for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use twinlock_tests::picture::Theme;
use twinlock_tests::{Account, Host, Outcome, PamClient, Phone, STACK, SshKey, Sshd, Terminal, pam};

/// sshd's stack as an administrator has it: the password, then our lines.
const SSHD: &str = "auth required pam_unix.so\nauth required pam_twinlock.so account_phase\n\
                    account required pam_twinlock.so\naccount required pam_unix.so\nsession required pam_permit.so\n";

struct Stage {
    host: Host,
    sshd: Sshd,
    maria: Account,
}

fn stage(lang_setup: &str) -> Stage {
    let host = Host::that_requires_codes();
    host.pam_service("sshd", SSHD);
    let maria = host.add_user("maria", "correct horse");
    let sshd = Sshd::start(&host, lang_setup);
    Stage { host, sshd, maria }
}

impl Stage {
    fn ssh(&self, lang: &str, columns: u16, rows: u16) -> Terminal {
        Terminal::new(&self.host).size(columns, rows).lang(lang).ssh(&self.sshd, "maria", &[])
    }

    /// Enrols over ssh by the picture; returns the phone and the recovery codes.
    fn enrol(&self) -> (Phone, Vec<String>) {
        let mut terminal = self.ssh("C.UTF-8", 80, 40);
        terminal.expect("Password:");
        terminal.send_line(&self.maria.password);
        terminal.expect("Verification code: ");
        let phone = Phone::from_uri(&terminal.scan_qr(Theme::Dark).expect("a QR code on the screen"));
        terminal.send_line(&phone.code_at_step(-1));
        let text = terminal.expect("Press Enter");
        terminal.send_line("");
        terminal.expect("$ ");
        terminal.send_line("exit");
        terminal.wait();
        (phone, recovery_codes(&text))
    }
}

fn recovery_codes(text: &str) -> Vec<String> {
    let is_code = |word: &&str| {
        word.len() == 19
            && word.split('-').count() == 4
            && word
                .chars()
                .all(|letter| letter == '-' || letter.is_ascii_uppercase() || letter.is_ascii_digit())
    };
    text.split_whitespace().filter(is_code).map(str::to_owned).collect()
}

#[test]
fn a_first_login_enrols_and_from_then_on_a_code_is_asked_for() {
    let stage = stage("");
    // A wrong password: no key, no picture, nothing stored.
    let mut terminal = stage.ssh("C.UTF-8", 80, 40);
    terminal.expect("Password:");
    terminal.send_line("wrong");
    terminal.expect("Password:");
    assert!(!terminal.raw_text().contains("Key:"), "{}", terminal.raw_text());
    // The right one, on the same connection.
    terminal.send_line(&stage.maria.password);
    terminal.expect("Key: ");
    terminal.expect("Verification code: ");
    let uri = terminal.scan_qr(Theme::Dark).expect("a QR code on the screen");
    assert!(uri.starts_with("otpauth://totp/ACME%20ERP:maria%40erp-t01?secret="), "the URI's label");
    let phone = Phone::from_uri(&uri);
    terminal.send_line(&phone.wrong_code());
    terminal.expect("not right");
    terminal.expect("Verification code: ");
    let code = phone.code();
    terminal.send_line(&code);
    let text = terminal.expect("Press Enter");
    assert_eq!(recovery_codes(&text).len(), 10);
    terminal.send_line("");
    terminal.expect("$ ");
    terminal.send_line("echo \"by=$TWINLOCK_AUTHENTICATOR\"; exit");
    terminal.expect("by=phone");
    assert!(terminal.wait().success());
    stage
        .host
        .journal()
        .wait_for(|line| line.message.contains("event=enrolled") && line.message.contains("user=\"maria\""));

    // The code that confirmed the enrolment is used up.
    let mut terminal = stage.ssh("C.UTF-8", 80, 24);
    terminal.expect("Password:");
    terminal.send_line(&stage.maria.password);
    terminal.expect("Verification code: ");
    terminal.send_line(&code);
    terminal.expect("used already");
    terminal.expect("Verification code: ");
    terminal.send_line(&phone.code_at_step(1));
    terminal.expect("$ ");
    terminal.send_line("exit");
    assert!(terminal.wait().success());
}

#[test]
fn a_recovery_code_lets_in_once() {
    let stage = stage("");
    let (_, codes) = stage.enrol();
    for (code, text) in [(&codes[3], "9 left"), (&codes[3], "not right"), (&codes[4], "8 left")] {
        let mut terminal = stage.ssh("C.UTF-8", 80, 24);
        terminal.expect("Password:");
        terminal.send_line(&stage.maria.password);
        terminal.expect("Verification code: ");
        terminal.send_line(&code.to_lowercase().replace('-', " "));
        terminal.expect(text);
    }
}

/// cases.md, rows 24 and 25.
#[test]
fn the_key_is_usable_in_the_c_locale_and_the_picture_in_utf8() {
    for (lang, columns, rows, scans) in
        [("C.UTF-8", 80, 24, true), ("C.UTF-8", 200, 60, true), ("C", 80, 24, false), ("C", 200, 60, false)]
    {
        let stage = stage("");
        let mut terminal = stage.ssh(lang, columns, rows);
        terminal.expect("Password:");
        terminal.send_line(&stage.maria.password);
        terminal.expect("Key: ");
        terminal.expect("Verification code: ");
        let raw = terminal.raw_text();
        let line = raw.lines().find(|line| line.contains("Key: ")).unwrap();
        let key = line.split("Key: ").nth(1).unwrap().split("   ").next().unwrap();
        let phone = Phone::with_key(key);
        assert_eq!(phone.secret.len(), 32, "{lang} {columns}x{rows}: {line:?}");
        if scans {
            let uri = terminal.scan_qr(Theme::Dark).expect("a QR code on the screen");
            assert_eq!(Phone::from_uri(&uri), phone);
        } else if rows > 24 {
            terminal.send_line("a");
            terminal.expect("##");
            terminal.expect("Verification code: ");
            let uri = terminal.scan_qr(Theme::Dark).expect("an ASCII QR code on the screen");
            assert_eq!(Phone::from_uri(&uri), phone);
        }
        terminal.send_line(&phone.code());
        terminal.expect("Press Enter");
        terminal.send_line("");
        terminal.expect("$ ");
    }
}

/// cases.md, row 22.
#[test]
fn a_public_key_alone_is_refused_with_the_reason_in_the_log() {
    let stage = stage("");
    let key = SshKey::named("maria");
    key.authorize(&stage.maria);
    let key_option = format!("IdentityFile={}", key.private.display());
    let options = [
        "-o",
        "LogLevel=INFO",
        "-o",
        "PreferredAuthentications=publickey",
        "-o",
        "PubkeyAuthentication=yes",
        "-o",
        &key_option,
    ];
    let mut terminal = Terminal::new(&stage.host).ssh(&stage.sshd, "maria", &options);
    assert!(!terminal.wait().success(), "{}", terminal.raw_text());
    let line = stage.host.journal().wait_for(|line| line.message.contains("event=account_refused"));
    assert!(line.message.contains("reason=no_code_was_asked"), "{}", line.message);
    assert!(
        line.message.contains("AuthenticationMethods publickey,keyboard-interactive"),
        "{}",
        line.message
    );
    assert!(terminal.raw_text().contains("AuthenticationMethods"), "{}", terminal.raw_text());
    // With false it is nobody's business.
    stage.host.policy("require_mfa = false\n");
    let mut terminal = Terminal::new(&stage.host).ssh(&stage.sshd, "maria", &options);
    terminal.expect("$ ");
}

/// cases.md, rows 23 and 63.
#[test]
fn behind_a_wrong_password_no_key_is_sent_and_nothing_is_stored() {
    let stage = stage("");
    let mut terminal = stage.ssh("C.UTF-8", 80, 40);
    for _ in 0..3 {
        terminal.expect("Password:");
        terminal.send_line("guess");
    }
    assert!(!terminal.wait().success());
    let text = terminal.raw_text();
    assert!(!text.contains("Key:") && !text.contains('\u{2588}'), "{text}");
    for folder in ["pending", "ledger", "credentials"] {
        let left = std::fs::read_dir(format!("/var/lib/twinlock/{folder}")).unwrap().count();
        assert_eq!(left, 0, "something is in {folder}");
    }
    assert!(!stage.maria.path(".twinlock").exists());
    // The user's own first login is as it would have been.
    stage.enrol();
}

/// One enrolment through a scripted application, at some address; how the account phase ends.
fn enrol_at(host: &Host, rhost: &str, password: &str) -> Outcome {
    host.pam_service("till", &format!("auth requisite pam_unix.so\n{STACK}"));
    let mut login = PamClient::new(host, "till").user("maria").rhost(rhost).start();
    login.next_prompt();
    login.answer(password);
    let text = login.expect_prompt("Key: ").text;
    let key = text.split("Key: ").nth(1).and_then(|rest| rest.split("   ").next()).unwrap().trim().to_owned();
    login.answer(&Phone::with_key(&key).code());
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            login.answer("");
        }
    }
    login.finish()
}

/// As the home of a user whom sshd shuts in there (`ChrootDirectory`) has to be.
#[test]
fn where_the_home_is_roots_a_first_login_enrols_into_the_state_folder() {
    let host = Host::that_requires_codes();
    let maria = host.add_user("maria", "secret");
    chown(&maria.home, Some(0), Some(0)).unwrap();
    std::fs::set_permissions(&maria.home, Permissions::from_mode(0o755)).unwrap();
    let outcome = enrol_at(&host, "192.0.2.7", "secret");
    assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS, "{}", host.journal().text());
    assert!(Path::new(&format!("/var/lib/twinlock/credentials/{}.toml", maria.uid)).exists());
    assert!(!maria.path(".twinlock").exists());
}

/// A pending key that could not be read back would keep its user from enrolling anywhere, until an administrator resets.
#[test]
fn an_address_of_any_length_lets_its_user_enrol() {
    let host = Host::that_requires_codes();
    host.add_user("maria", "secret");
    let long = "%".repeat(5000);
    let outcome = enrol_at(&host, &long, "secret");
    assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS, "{}", host.journal().text());
}
