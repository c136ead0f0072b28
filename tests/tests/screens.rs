//! Screens for docs/images, captured from real programs. Makes files and claims nothing, so it runs only when asked:
//! `docs/images/make`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use twinlock_tests::picture::{Theme, keep};
use twinlock_tests::witness::key_in;
use twinlock_tests::{Host, Phone, STACK, Sshd, Terminal};

fn stage() -> (Host, Sshd) {
    let host = Host::that_requires_codes();
    host.install_check_helper();
    host.pam_service("sshd", &format!("auth required pam_unix.so\n{STACK}session required pam_permit.so\n"));
    host.add_user("maria", "secret");
    let sshd = Sshd::start(&host, "");
    (host, sshd)
}

fn capture(terminal: &Terminal, name: &str) {
    let path = keep(&format!("{name}.screen"), terminal.screen_cells(Theme::Dark).as_bytes());
    eprintln!("{}", path.display());
}

#[test]
#[ignore = "makes the pictures of docs/images"]
fn captured() {
    let (host, sshd) = stage();
    let mut terminal = Terminal::new(&host).ssh(&sshd, "maria", &[]);
    terminal.expect("assword:");
    terminal.send_line("secret");
    let shown = terminal.expect("Verification code: ");
    capture(&terminal, "ssh-enrolment");
    let phone = Phone::with_key(key_in(&shown));
    terminal.send_line(&phone.code());
    terminal.expect("Press Enter");
    capture(&terminal, "ssh-recovery-codes");
    drop(terminal);
    drop(sshd);
    drop(host);

    let (host, _sshd) = stage();
    let mut terminal = Terminal::new(&host).size(80, 24).user("maria").run("/usr/bin/twinlock", &["enroll"]);
    terminal.expect("Verification code: ");
    capture(&terminal, "twinlock-enroll");
}
