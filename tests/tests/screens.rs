//! Enrolment as terminals show it: over ssh and by `login`, in each size, locale and kind of terminal. The picture scans
//! where the form promises it (UTF-8, light on dark); elsewhere the key can be typed in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use twinlock_tests::picture::Theme;
use twinlock_tests::{Host, Phone, Sshd, Terminal};

const STACK: &str = "auth required pam_unix.so\nauth required pam_twinlock.so account_phase\n\
                     account required pam_twinlock.so\naccount required pam_unix.so\nsession required pam_permit.so\n";

fn host() -> Host {
    let host = Host::that_requires_codes();
    for service in ["sshd", "login"] {
        host.pam_service(service, STACK);
    }
    host
}

/// The key in the prompt that the terminal shows.
fn key_on(terminal: &Terminal) -> Phone {
    let raw = terminal.raw_text();
    let line = raw.lines().rfind(|line| line.contains("Key: ")).expect("a key");
    Phone::with_key(line.split("Key: ").nth(1).unwrap().split("   ").next().unwrap())
}

#[test]
fn each_terminal_can_enrol_and_scans_where_that_is_promised() {
    let host = host();
    let sshd = Sshd::start(&host, "");
    let mut number = 0;
    for (columns, rows) in [(80, 24), (200, 60)] {
        for lang in ["C.UTF-8", "C"] {
            for term in ["xterm-256color", "linux", "vt220"] {
                for way in ["ssh", "login"] {
                    number += 1;
                    let place = format!("{way} {columns}x{rows} {lang} {term}");
                    let user = host.add_user(&format!("maria{number}"), "correct horse");
                    let setup = Terminal::new(&host).size(columns, rows).lang(lang).term(term);
                    let mut terminal = match way {
                        "ssh" => setup.ssh(&sshd, &user.name, &[]),
                        _ => setup.run("login", &[&user.name]),
                    };
                    terminal.expect("assword: ");
                    terminal.send_line(&user.password);
                    terminal.expect("Verification code: ");
                    let phone = key_on(&terminal);
                    assert_eq!(phone.secret.len(), 32, "{place}");
                    // ssh's client turns what its locale cannot show into octal; a console shows bytes as they come.
                    let unicode = lang == "C.UTF-8" || way == "login";
                    if unicode {
                        let uri =
                            terminal.scan_qr(Theme::Dark).unwrap_or_else(|| panic!("{place}: no QR code"));
                        assert!(
                            uri.starts_with(&format!("otpauth://totp/ACME%20ERP:maria{number}%40")),
                            "{place}"
                        );
                        assert_eq!(Phone::from_uri(&uri), phone, "{place}");
                    }
                    if rows > 24 {
                        terminal.send_line("a");
                        terminal.expect("##");
                        terminal.expect("Verification code: ");
                        let uri =
                            terminal.scan_qr(Theme::Dark).unwrap_or_else(|| panic!("{place}: no ASCII code"));
                        assert_eq!(Phone::from_uri(&uri), phone, "{place}");
                    }
                    terminal.send_line(&phone.code());
                    terminal.expect("Press Enter");
                    terminal.send_line("");
                    terminal.expect("$ ");
                }
            }
        }
    }
    assert_eq!(number, 24);
}

/// cases.md, row 26. `login` ends itself after a minute; here somebody pulls the plug sooner.
#[test]
fn a_console_that_was_cut_off_at_the_picture_shows_the_same_key_again() {
    let host = host();
    let maria = host.add_user("maria", "correct horse");
    let console = || {
        let mut terminal = Terminal::new(&host).run("login", &["maria"]);
        terminal.expect("assword: ");
        terminal.send_line(&maria.password);
        terminal.expect("Verification code: ");
        terminal
    };
    let first = console();
    let phone = key_on(&first);
    drop(first);
    // The same console, so the same name: the kernel gives the next terminal the number of one that is gone.
    let terminals = || {
        std::fs::read_dir("/dev/pts").unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != "ptmx")
    };
    let deadline = std::time::Instant::now() + twinlock_tests::PATIENCE;
    while terminals().count() > 0 && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let mut second = console();
    assert_eq!(key_on(&second), phone);
    assert!(second.raw_text().contains("first shown"), "{}", second.raw_text());
    second.send_line(&phone.code());
    second.expect("Press Enter");
    second.send_line("");
    second.expect("$ ");
}
