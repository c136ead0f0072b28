//! OpenSSH: each method, and each program that logs in with it.

use twinlock_tests::{Host, SshKey, Sshd, Terminal};

use crate::person::{Cell, Person, SAY_IN, STACK};

/// No password line: the key is the first factor.
const KEY_STACK: &str = "auth required pam_permit.so\nauth required pam_twinlock.so account_phase after_publickey\n\
     account required pam_twinlock.so\naccount required pam_unix.so\nsession required pam_permit.so\n";
/// What `twinlock setup --ssh` leaves of the methods, and file transfer.
pub const SFTP: &str = "Subsystem sftp /usr/lib/openssh/sftp-server\n";

fn shell(host: &Host, person: &Person, stack: &str, config: &str, with_key: bool) -> Cell {
    host.pam_service("sshd", stack);
    let key = SshKey::named("maria");
    key.authorize(&person.account);
    let sshd = Sshd::start(host, config);
    let identity = format!("IdentityFile={}", key.private.display());
    let options = if with_key { vec!["-o", &identity] } else { vec![] };
    person.talks_to(&mut Terminal::new(host).ssh(&sshd, "maria", &options))
}

pub fn password_and_code(host: &Host, person: &Person) -> Cell {
    shell(host, person, STACK, "", false)
}

pub fn key_and_code(host: &Host, person: &Person) -> Cell {
    shell(host, person, KEY_STACK, "AuthenticationMethods publickey,keyboard-interactive", true)
}

pub fn key_alone(host: &Host, person: &Person) -> Cell {
    shell(host, person, STACK, "", true)
}

pub fn password_authentication(host: &Host, person: &Person) -> Cell {
    shell(host, person, STACK, "KbdInteractiveAuthentication no\nPasswordAuthentication yes", false)
}

/// Runs a script of a client on a terminal; `$ssh` stands for the options that lead to the server.
fn client(host: &Host, person: &Person, script: &str) -> Cell {
    host.pam_service("sshd", STACK);
    let sshd = Sshd::start(host, SFTP);
    person.account.write("blob", [0, 10, 13, 255, 7, 0], 0o600);
    let script = format!("{} && {SAY_IN}", script.replace("$ssh", &options(&sshd)));
    person.talks_to(&mut Terminal::new(host).run("sh", &["-c", &script]))
}

/// Options that ssh, scp and sftp take alike.
pub fn options(sshd: &Sshd) -> String {
    let port = sshd.port();
    format!(
        "-F none -o Port={port} -o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=/dev/null \
         -o StrictHostKeyChecking=no -o LogLevel=ERROR -o IdentityAgent=none -o IdentitiesOnly=yes -o ConnectTimeout=10"
    )
}

pub fn command(host: &Host, person: &Person) -> Cell {
    client(host, person, "ssh $ssh maria@127.0.0.1 cat blob >/tmp/blob && cmp /tmp/blob /home/maria/blob")
}

pub fn scp(host: &Host, person: &Person) -> Cell {
    client(host, person, "scp -q $ssh maria@127.0.0.1:blob /tmp/blob && cmp /tmp/blob /home/maria/blob")
}

pub fn sftp(host: &Host, person: &Person) -> Cell {
    client(
        host,
        person,
        "echo 'get blob /tmp/blob' | sftp -q $ssh maria@127.0.0.1 && cmp /tmp/blob /home/maria/blob",
    )
}
