//! pkexec: a real system bus, the real polkitd, and polkit's own helper, which does the PAM part.

use std::path::Path;
use std::time::{Duration, Instant};

use twinlock_tests::{Host, PATIENCE, Terminal};

use crate::person::{Cell, Person, SAY_IN, STACK};

pub fn pkexec(host: &Host, person: &Person) -> Cell {
    host.pam_service("polkit-1", STACK);
    // Else whoever is in the group sudo would be asked, and there is nobody.
    host.write(
        "/etc/polkit-1/rules.d/10-maria.rules",
        "polkit.addAdminRule(function(action, subject) { return [\"unix-user:maria\"]; });\n",
        0o644,
    );
    std::fs::create_dir_all("/run/dbus").unwrap();
    let _bus = Terminal::new(host).run("dbus-daemon", &["--system", "--nofork", "--nopidfile"]);
    wait_for(Path::new("/run/dbus/system_bus_socket"));
    let mut daemon = Terminal::new(host).run::<&str>("/usr/lib/polkit-1/polkitd", &[]);
    daemon.expect("Acquired the name org.freedesktop.PolicyKit1");
    // polkit's agent for terminals, for this shell. (pkexec's own is root's, and polkit 122 then knows no session for it.)
    let script = format!(
        "mkfifo ready; pkttyagent --process $$ --notify-fd 3 3>ready & cat ready
         pkexec --disable-internal-agent {SAY_IN}; kill $!"
    );
    let mut shell = Terminal::new(host).user("maria").run("sh", &["-c", &format!("cd; {script}")]);
    person.talks_slowly_to(&mut shell, Duration::from_secs(1))
}

/// Waits until a program has made this.
pub fn wait_for(path: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while !path.exists() {
        assert!(Instant::now() < deadline, "{} did not come", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}
