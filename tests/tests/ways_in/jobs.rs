//! What runs for somebody who is not there: cron and at. They run the account phase alone.

use std::path::Path;
use std::time::{Duration, Instant};

use twinlock_tests::process::run;
use twinlock_tests::{Host, Terminal};

use crate::person::{Cell, Person, STACK};

const JOB: &str = "id -un >/home/maria/done.part; mv /home/maria/done.part /home/maria/done\n";

fn outcome(person: &Person) -> Cell {
    let deadline = Instant::now() + Duration::from_secs(15);
    while Instant::now() < deadline {
        if std::fs::read_to_string(person.account.path("done")).is_ok_and(|text| text == "maria\n") {
            return Cell::Runs;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Cell::Refused
}

pub fn cron(host: &Host, person: &Person) -> Cell {
    host.pam_service("cron", STACK);
    // At its start, so that nobody waits for a minute to begin.
    host.write("/etc/cron.d/jobs", &format!("@reboot maria {JOB}"), 0o644);
    let _daemon = Terminal::new(host).run("cron", &["-f"]);
    outcome(person)
}

pub fn at(host: &Host, person: &Person) -> Cell {
    host.pam_service("atd", STACK);
    let job = person.account.write("job", JOB, 0o600);
    run(person.account.command("at").args([Path::new("-f"), &job, Path::new("now")])).ok();
    let _daemon = Terminal::new(host).run("atd", &["-f", "-b", "1"]);
    outcome(person)
}
