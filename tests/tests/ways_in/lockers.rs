//! Screen lockers: vlock on a terminal, which asks as often as it takes and is setuid root, and i3lock on a display, which
//! runs as its user and gives its one answer to whatever is asked.

use std::path::Path;
use std::time::{Duration, Instant};

use twinlock_tests::process::{command, run};
use twinlock_tests::{Host, Terminal};

use crate::person::{Cell, IN, Person, SAY_IN};
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
    person.talks_slowly_to(&mut terminal, Duration::from_secs(1))
}

pub fn i3lock(host: &Host, person: &Person) -> Cell {
    host.pam_service("i3lock", crate::ONE_ANSWER);
    let _server = Terminal::new(host).run("Xvfb", &[":7", "-ac", "-screen", "0", "640x480x24", "-noreset"]);
    wait_for(Path::new("/tmp/.X11-unix/X7"));
    let locker = Terminal::new(host)
        .user("maria")
        .env("DISPLAY", ":7")
        .run("sh", &["-c", &format!("i3lock -n && {SAY_IN}")]);
    let unlocked = || locker.raw_text().contains(IN);
    // Types an answer; whether it was refused, which the log says, within some seconds.
    let refused = |text: &str| {
        host.journal().clear();
        run(command("xdotool").env("DISPLAY", ":7").args(["type", "--delay", "5", text])).ok();
        run(command("xdotool").env("DISPLAY", ":7").args(["key", "Return"])).ok();
        let deadline = Instant::now() + Duration::from_secs(8);
        while Instant::now() < deadline && !unlocked() {
            if host.journal().text().contains("authentication failure") {
                // It takes no answer for a while.
                std::thread::sleep(Duration::from_secs(3));
                return !unlocked();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    };
    // Before it has the keyboard, keys go nowhere.
    assert!((0..5).any(|_| refused("x")), "no answer reaches the locker");
    let unlocks = |text: &str| {
        let refused = refused(text);
        assert!(refused != unlocked(), "neither refused nor unlocked\n{}", host.journal().text());
        unlocked()
    };
    let password = &person.account.password;
    if unlocks(password) {
        return Cell::FirstFactor;
    }
    let Some(phone) = &person.phone else { return Cell::Refused };
    assert!(!unlocks(&format!("{password}{}", phone.wrong_code())), "a wrong code unlocked");
    if unlocks(&format!("{password}{}", phone.code())) { Cell::Code } else { Cell::Refused }
}
