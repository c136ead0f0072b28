#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use twinlock_tests::*;
#[test]
fn x() {
    let host = Host::new();
    host.pam_service("sshd", "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n");
    host.add_user("maria", "secret");
    let sshd = Sshd::start(&host, "PasswordAuthentication yes\n");
    let mut t = Terminal::new(&host).ssh(&sshd, "maria", &["-o", "PreferredAuthentications=password,keyboard-interactive", "-o", "NumberOfPasswordPrompts=1"]);
    t.expect("password: ");
    t.send_line("wrong");
    t.expect("Password: ");
    t.send_line("secret");
    let s = t.wait();
    println!("{s:?} {}", t.raw_text());
    println!("{}", sshd.log());
    panic!();
}
