//! The scripts of the SELinux packages, run by root at a terminal. They walk homes as their owners, so each owner can stop the
//! walking process, and would take it over (ptrace) if it were no more than theirs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::fs::chown;
use std::path::Path;
use std::time::Duration;

use twinlock_tests::{Host, Terminal};

/// The distribution's tools on a machine without SELinux. For a home, restorecon writes down as whom it runs, and what its owner
/// would have by it: a terminal, root's environment, the process itself. otto stops his.
const RESTORECON: &str = r#"#!/bin/sh
home=${2%/.twinlock}
case $home in /home/*) ;; *) exit 0 ;; esac
if [ -t 0 ] || (exec 3<>/dev/tty) 2>/dev/null; then terminal=terminal; else terminal=none; fi
owner="setpriv --inh-caps=-all --ambient-caps=-all"
# As hard as ptrace: proc(5).
if $owner cat /proc/$$/environ >/dev/null 2>&1; then process=theirs; else process=kept; fi
$owner true || process=unknown
echo "$(id -u) $(id -G) $terminal ${TOKEN-} $process" >>"$home/seen"
case $home in /home/otto) kill -STOP $$ ;; esac
"#;

#[test]
fn labelling_a_home_gives_its_owner_nothing_of_roots_and_no_way_to_hang_root() {
    let host = Host::new();
    let (maria, otto) = (host.add_user("maria", "correct horse"), host.add_user("otto", "battery"));
    // As `mkdir` and `chown maria` leave it.
    chown(&maria.home, None, Some(0)).unwrap();
    for tool in ["semodule", "selinuxenabled", "load_policy"] {
        host.write(Path::new("/usr/sbin").join(tool), "#!/bin/sh\nexit 0\n", 0o755);
    }
    host.write("/usr/sbin/restorecon", RESTORECON, 0o755);

    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
    let scripts = [
        ("deb/selinux/postinst", "configure"),
        ("deb/selinux/postrm", "remove"),
        ("rpm/selinux-post", "1"),
        ("rpm/selinux-postun", "0"),
    ];
    // At once: each waits for otto as long as it ever does.
    let setup = Terminal::new(&host).patience(Duration::from_secs(60)).env("TOKEN", "roots");
    let mut running = scripts.map(|(script, word)| {
        let script = packaging.join(script);
        (script.clone(), setup.run("sh", &[script.to_str().unwrap(), word]))
    });
    for (script, terminal) in &mut running {
        assert!(terminal.wait().success(), "{}: {terminal:?}", script.display());
    }
    for account in [maria, otto] {
        let seen = account.read("seen");
        let expected = format!("{} {} none  kept\n", account.uid, account.gid).repeat(scripts.len());
        assert_eq!(seen, expected, "{}", account.name);
    }
}
