//! The programs of a console: login, su, sudo.

use twinlock_tests::{Host, Terminal};

use crate::person::{Cell, IN, Person, SAY_IN, STACK};

pub fn login(host: &Host, person: &Person) -> Cell {
    host.pam_service("login", STACK);
    let console = Terminal::new(host).size(80, 24).term("vt220").lang("C");
    person.talks_to(&mut console.run("login", &["maria"]))
}

/// otto becomes maria.
fn su_with(host: &Host, person: &Person, words: &[&str]) -> Cell {
    for service in ["su", "su-l"] {
        host.pam_service(service, &format!("auth sufficient pam_rootok.so\n{STACK}"));
    }
    let words = [words, &["-c", SAY_IN]].concat();
    person.talks_to(&mut Terminal::new(host).user("otto").run("su", &words))
}

pub fn su(host: &Host, person: &Person) -> Cell {
    su_with(host, person, &["maria"])
}

pub fn su_login(host: &Host, person: &Person) -> Cell {
    su_with(host, person, &["-", "maria"])
}

/// What maria types into a shell of hers.
fn sudo_script(host: &Host, script: &str) -> Terminal {
    for service in ["sudo", "sudo-i"] {
        host.pam_service(service, STACK);
    }
    host.write("/etc/sudoers.d/maria", "maria ALL=(ALL) ALL\n", 0o440);
    Terminal::new(host).user("maria").run("sh", &["-c", script])
}

pub fn sudo(host: &Host, person: &Person) -> Cell {
    person.talks_to(&mut sudo_script(host, &format!("sudo {SAY_IN}")))
}

pub fn sudo_shell(host: &Host, person: &Person) -> Cell {
    person.talks_to(&mut sudo_script(host, &format!("sudo -i {SAY_IN}")))
}

pub fn sudo_unattended(host: &Host, person: &Person) -> Cell {
    let mut terminal = sudo_script(host, &format!("sudo -n {SAY_IN}"));
    let cell = person.talks_to(&mut terminal);
    assert!(terminal.raw_text().contains("sudo: a password is required"), "{terminal:?}");
    cell
}

pub fn sudo_within_its_timestamp(host: &Host, person: &Person) -> Cell {
    let mut terminal =
        sudo_script(host, &format!("sudo {SAY_IN} && echo now && sudo {SAY_IN} && sudo -n {SAY_IN}"));
    assert_ne!(person.talks_to(&mut terminal), Cell::Refused, "{terminal:?}");
    terminal.expect("now\r\n");
    let before = [terminal.expect(IN), terminal.expect(IN)];
    assert_eq!(before, [""; 2], "sudo said something within its timestamp");
    Cell::Runs
}
