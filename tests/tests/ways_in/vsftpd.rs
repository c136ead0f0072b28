//! A service that runs both phases and cannot ask twice: vsftpd gives the one answer of the client to every prompt.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Instant;

use twinlock_tests::{Host, PATIENCE, Terminal};

use crate::person::{Cell, Person};

pub fn login(host: &Host, person: &Person) -> Cell {
    host.pam_service("vsftpd", crate::ONE_ANSWER);
    // Of a network of its own.
    let port = 2121;
    host.write(
        "/etc/vsftpd.conf",
        &format!(
            "listen=YES\nlisten_port={port}\nlisten_address=127.0.0.1\nbackground=NO\nanonymous_enable=NO\nlocal_enable=YES\n\
             pam_service_name=vsftpd\nsecure_chroot_dir=/run/vsftpd/empty\nsession_support=YES\n"
        ),
        0o644,
    );
    std::fs::create_dir_all("/run/vsftpd/empty").unwrap();
    let _daemon = Terminal::new(host).run("vsftpd", &["/etc/vsftpd.conf"]);
    let password = &person.account.password;
    if is_in(port, password) {
        return Cell::FirstFactor;
    }
    let Some(phone) = &person.phone else { return Cell::Refused };
    assert!(!is_in(port, &format!("{password}{}", phone.wrong_code())), "a wrong code let in");
    if is_in(port, &format!("{password}{}", phone.code())) { Cell::Code } else { Cell::Refused }
}

/// One connection (RFC 959): whether the login is taken, and works.
fn is_in(port: u16, answer: &str) -> bool {
    let deadline = Instant::now() + PATIENCE;
    let connection = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(connection) => break connection,
            Err(error) => assert!(Instant::now() < deadline, "vsftpd: {error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
    let mut reply = || lines.next().expect("a reply").unwrap();
    let send = |line: &str| (&connection).write_all(format!("{line}\r\n").as_bytes()).unwrap();
    assert!(reply().starts_with("220"));
    send("USER maria");
    assert!(reply().starts_with("331"));
    send(&format!("PASS {answer}"));
    let taken = reply();
    if taken.starts_with("530") {
        return false;
    }
    assert!(taken.starts_with("230"), "{taken}");
    send("PWD");
    let folder = reply();
    assert!(folder.contains("/home/maria"), "{folder}");
    true
}
