//! cases.md, row 28: what the lines that we ship do with a wrong code, and what the same lines do with the jump that guides
//! of other modules have.

use twinlock_tests::process::{command, run};
use twinlock_tests::{Host, Terminal};

use crate::person::{IN, Person, SAY_IN};

/// The lines of the package's profile of one kind, with this control in the place of `required`.
fn shipped(kind: &str, control: &str) -> String {
    let profile = include_str!("../../../packaging/deb/pam-config");
    let section = profile.split(&format!("\n{kind}:\n")).nth(1).unwrap();
    let line = section.lines().next().unwrap().trim();
    let (ours, rest) = line.split_once('\t').unwrap();
    assert_eq!(ours, "required");
    format!("{} {control} {rest}\n", kind.to_lowercase())
}

/// What became of otto's `su maria` with the right password and these codes.
fn is_in(host: &Host, codes: &[String]) -> bool {
    let mut terminal = Terminal::new(host).user("otto").run("su", &["maria", "-c", SAY_IN]);
    terminal.expect("assword: ");
    terminal.send_line("correct horse");
    for code in codes {
        match terminal.expect_any_or_end(&["Verification code: ", IN]) {
            Some((0, _)) => terminal.send_line(code),
            Some(_) => return true,
            None => return false,
        }
    }
    terminal.expect_any_or_end(&[IN]).is_some()
}

#[test]
fn the_shipped_lines_refuse_a_wrong_code_where_the_same_with_a_jump_lets_it_in_and_doctor_says_so() {
    for (control, wrong_is_in, right_is_in) in
        [("required", false, true), ("[success=1 default=ignore]", true, false)]
    {
        let host = Host::that_requires_codes();
        let person = Person::on(&host, true);
        host.pam_service(
            "su",
            &format!(
                "auth sufficient pam_rootok.so\nauth required pam_unix.so\n{}{}account required pam_unix.so\nsession required pam_permit.so\n",
                shipped("Auth", control),
                shipped("Account", "required")
            ),
        );
        let wrong = vec![person.phone().wrong_code(); 3];
        assert_eq!(is_in(&host, &wrong), wrong_is_in, "{control}\n{}", host.journal().text());
        run(command("twinlock").args(["unlock", "maria"])).ok();
        assert_eq!(
            is_in(&host, &[person.phone().code()]),
            right_is_in,
            "{control}\n{}",
            host.journal().text()
        );
        let said = run(command("twinlock").args(["doctor", "--json"])).stdout;
        assert_eq!(said.contains("\"pam-way-in\""), wrong_is_in, "{control}: {said}");
    }
}
