//! What a program transfers is what it transfers without us: nothing of ours is in the data, whatever was asked before.

use twinlock_tests::{Host, Sshd, Terminal};

use crate::person::{Cell, Person, SAY_IN, STACK};
use crate::ssh::{SFTP, options};

/// Every byte, and enough of them for several packets.
fn blob() -> Vec<u8> {
    (0..300_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

/// Prints to both, and ends with a status of its own.
const REMOTE: &str = "cat blob; cat blob blob >&2; exit 7";

/// Everything that the clients wrote, by a stack.
fn transferred(stack: &str, enrolled: bool, expected: Cell) -> Vec<(String, Vec<u8>)> {
    let host = Host::that_requires_codes();
    host.pam_service("sshd", stack);
    let person = Person::on(&host, enrolled);
    person.account.write("blob", blob(), 0o600);
    let sshd = Sshd::start(&host, SFTP);
    let to = options(&sshd);
    // The first connection is asked; the others go through it, and are asked nothing.
    let script = format!(
        "cd /tmp; ssh {to} -M -S /tmp/control -o ControlPersist=yes maria@127.0.0.1 '{REMOTE}' >out 2>err; echo $? >status
         through='{to} -o ControlPath=/tmp/control -o BatchMode=yes'
         ssh $through maria@127.0.0.1 '{REMOTE}' >out2 2>err2; echo $? >status2
         scp -q $through maria@127.0.0.1:blob scp >scp.out 2>&1
         scp -q $through scp maria@127.0.0.1:back >>scp.out 2>&1; cp /home/maria/back scp.back
         echo 'get blob sftp' | sftp -q $through maria@127.0.0.1 2>sftp.err >sftp.out
         ssh -S /tmp/control -O exit maria@127.0.0.1 2>/dev/null; {SAY_IN}"
    );
    let mut terminal = Terminal::new(&host).run("sh", &["-c", &script]);
    assert_eq!(person.talks_to(&mut terminal), expected, "{terminal:?}");
    let names = [
        "out", "err", "status", "out2", "err2", "status2", "scp", "scp.out", "scp.back", "sftp", "sftp.err",
        "sftp.out",
    ];
    names
        .iter()
        .map(|name| {
            (
                (*name).to_owned(),
                std::fs::read(format!("/tmp/{name}")).unwrap_or_else(|error| panic!("{name}: {error}")),
            )
        })
        .collect()
}

#[test]
fn what_ssh_scp_and_sftp_transfer_is_the_same_byte_for_byte_behind_a_code_an_enrolment_and_neither() {
    let plain = "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n";
    let without = transferred(plain, false, Cell::FirstFactor);
    let of = |name: &str| without.iter().find(|(seen, _)| seen == name).unwrap().1.clone();
    assert_eq!([of("out"), of("out2"), of("scp"), of("scp.back"), of("sftp")], [(); 5].map(|()| blob()));
    assert_eq!(of("err"), [blob(), blob()].concat());
    assert_eq!([of("status"), of("status2")], [b"7\n", b"7\n"]);
    for (enrolled, expected) in [(true, Cell::Code), (false, Cell::SetsUp)] {
        for ((name, bytes), (_, plain)) in transferred(STACK, enrolled, expected).iter().zip(&without) {
            assert!(bytes == plain, "{name} differs, {expected:?}");
        }
    }
}
