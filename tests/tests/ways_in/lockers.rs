//! Screen lockers: vlock on a terminal, which asks as often as it takes and is setuid root, and i3lock on a display, which
//! runs as its user and gives its one answer to whatever is asked.

use std::path::Path;
use std::time::{Duration, Instant};

use twinlock_tests::process::{command, run};
use twinlock_tests::{Host, Terminal};

use crate::person::{Cell, Person, SAY_IN};
use crate::polkit::wait_for;

pub fn vlock(host: &Host, person: &Person) -> Cell {
    host.pam_service(
        "vlock",
        "auth required pam_unix.so\nauth required pam_twinlock.so\naccount required pam_unix.so\n",
    );
    let script = format!("vlock -c && {SAY_IN}");
    let mut terminal = Terminal::new(host).user("maria").run("sh", &["-c", &script]);
    terminal.expect("press [ENTER]");
    terminal.send_line("");
    person.talks_to(&mut terminal)
}

pub fn i3lock(host: &Host, person: &Person) -> Cell {
    host.pam_service("i3lock", crate::ONE_ANSWER);
    let _server = Terminal::new(host).run("Xvfb", &[":7", "-ac", "-screen", "0", "640x480x24", "-noreset"]);
    wait_for(Path::new("/tmp/.X11-unix/X7"));
    let locker = Terminal::new(host)
        .user("maria")
        .env("DISPLAY", ":7")
        .run("sh", &["-c", &format!("i3lock -n && {SAY_IN}")]);
    let types = |text: &str| {
        let mut xdotool = command("xdotool");
        xdotool.env("DISPLAY", ":7").args(["key", "--clearmodifiers", "Escape"]);
        run(xdotool.args(["type", "--delay", "5", text])).ok();
        run(command("xdotool").env("DISPLAY", ":7").args(["key", "Return"])).ok();
        // It waits a while after an answer that was wrong.
        let deadline = Instant::now() + Duration::from_secs(8);
        while Instant::now() < deadline && !locker.raw_text().contains(crate::person::IN) {
            std::thread::sleep(Duration::from_millis(20));
            if host.journal().text().contains("authentication failure") {
                std::thread::sleep(Duration::from_millis(500));
                break;
            }
        }
        host.journal().clear();
        locker.raw_text().contains(crate::person::IN)
    };
    // Until it has the keyboard, keys go nowhere: an answer that reached it leaves a line in the log.
    let password = &person.account.password;
    if types(password) {
        return Cell::FirstFactor;
    }
    let Some(phone) = &person.phone else { return Cell::Refused };
    assert!(!types(&format!("{password}{}", phone.wrong_code())), "a wrong code unlocked");
    if types(&format!("{password}{}", phone.code())) { Cell::Code } else { Cell::Refused }
}
