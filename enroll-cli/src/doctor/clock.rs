//! The clock: codes are made from the time, so a clock that runs free will one day refuse everybody.

use std::path::Path;
use std::process::{Command, Stdio};

use twinlock_system::clock;

use super::problem::Problem;

/// Made by systemd-timesyncd once it has the time.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";
const TIMEDATECTL: &str = "/usr/bin/timedatectl";

/// Looks at the clock. What cannot be told is added to `unchecked`.
pub fn look(problems: &mut Vec<Problem>, unchecked: &mut Vec<String>) {
    let now = clock::now();
    if now < clock::BUILT {
        problems.push(Problem::ClockBehind { now });
    }
    if Path::new(SYNCHRONISED).exists() {
        return;
    }
    // Asks the kernel (adjtimex), so it knows of chrony and ntpd too.
    let mut timedatectl = Command::new(TIMEDATECTL);
    timedatectl.args(["show", "--property=NTPSynchronized", "--value"]).stdin(Stdio::null());
    let said = timedatectl.output().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match said.as_deref() {
        Ok("yes") => {}
        Ok("no") => problems.push(Problem::ClockFree),
        _ => unchecked.push("whether the clock is synchronised: timedatectl does not answer".to_owned()),
    }
}
