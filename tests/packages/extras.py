"""fail2ban on lines that the module wrote, and the SELinux module linked into a distribution's policy."""

import shutil
import subprocess
import time

from claims import claim
from folder import Folder
from source import SOURCE

LINE = 'Nov 25 02:{minute:02}:{second:02} erp-t01 sshd-session[{pid}]: pam_twinlock(sshd:auth): {text}'
DECIDED = 'decision=required rule="/etc/twinlock/policy.toml:5: require_mfa = true" policy=sha256:0123456789ab'

# Lines as system::logfmt writes them (its tests pin the shape), and whom each of them counts against.
COUNTED = [
    ('event=code_rejected user="maria" service=sshd rhost=192.0.2.7 tty=ssh reason=wrong ' + DECIDED, "192.0.2.7"),
    ('event=code_rejected user="maria" service=sshd rhost=192.0.2.7 tty=ssh reason=replayed ' + DECIDED, "192.0.2.7"),
    ('event=code_rejected user="maria" service=sshd rhost=2001:db8::7 tty=ssh reason=throttled ' + DECIDED + " wait=5", "2001:db8::7"),
    ('event=code_rejected user="mallory" service=sshd rhost=192.0.2.8 tty=ssh reason=unknown_user', "192.0.2.8"),
    ('event=code_rejected user="maria" service=sshd rhost=192.0.2.9 tty=ssh reason=wrong_recovery_code ' + DECIDED, "192.0.2.9"),
    # A name that tries to frame another address: its quotes come escaped.
    (r'event=code_rejected user="x\" service=sshd rhost=203.0.113.1 tty=ssh reason=wrong " service=sshd rhost=192.0.2.10 tty=ssh '
     "reason=unknown_user", "192.0.2.10"),
    (r'event=code_rejected user="back\\" service=sshd rhost=192.0.2.11 tty=ssh reason=unknown_user', "192.0.2.11"),
    (r'event=code_rejected user="a\u{a}event=code_rejected user=\"b\" service=sshd rhost=203.0.113.2 tty=ssh reason=wrong" service=sshd '
     "rhost=192.0.2.12 tty=ssh reason=unknown_user", "192.0.2.12"),
]
NOT_COUNTED = [
    'event=code_accepted user="maria" service=sshd rhost=192.0.2.7 tty=ssh ' + DECIDED + ' authenticator="phone"',
    'event=code_rejected user="maria" service=sshd rhost=192.0.2.7 tty=ssh reason=empty ' + DECIDED,
    'event=code_rejected user="maria" service=sshd rhost=192.0.2.7 tty=ssh reason=no_answer ' + DECIDED,
    'event=code_rejected user="maria" service=sshd rhost=192.0.2.7 tty=ssh reason=password ' + DECIDED,
    'event=code_rejected user="root" service=sshd rhost=192.0.2.7 tty=ssh reason=barred_by_sshd ' + DECIDED,
    'event=code_rejected user="maria" service=sshd rhost=192.0.2.7 tty=ssh reason=clock ' + DECIDED,
    'event=code_rejected user="maria" service=sudo rhost= tty=/dev/pts/0 reason=wrong ' + DECIDED,
    'event=unavailable user="maria" service=sshd rhost=192.0.2.7 tty=ssh reason=ledger error="disk"',
    # The whole of a counted line inside a name.
    r'event=code_not_asked user="x\" event=code_rejected user=\"y\" service=sshd rhost=203.0.113.3 tty=ssh reason=wrong" service=sshd '
    "rhost=192.0.2.7 tty=ssh reason=not_enrolled",
    # Names the address in an authenticator's label.
    'event=code_accepted user="maria" service=sshd rhost=192.0.2.7 tty=ssh ' + DECIDED
    + r' authenticator="event=code_rejected user=\"y\" service=sshd rhost=203.0.113.4 tty=ssh reason=wrong"',
    "authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=maria",
]


def numbered(texts):
    return [LINE.format(minute=10 + at // 60, second=at % 60, pid=1000 + at, text=text) for at, text in enumerate(texts)]


def fail2ban():
    host = Folder("trixie")
    server = None
    try:
        for kind in ("filter", "jail"):
            shutil.copyfile(SOURCE / f"packaging/fail2ban/{kind}.conf", host.path(f"/etc/fail2ban/{kind}.d/twinlock.conf"))
        host.write("/root/counted", "\n".join(numbered(text for text, _ in COUNTED)) + "\n")
        host.write("/root/others", "\n".join(numbered(NOT_COUNTED)) + "\n")
        for file, expected in (("counted", len(COUNTED)), ("others", 0)):
            out = host.run("fail2ban-regex", "--print-all-matched", "--print-all-missed", f"/root/{file}", "twinlock").stdout
            total = len(COUNTED) if file == "counted" else len(NOT_COUNTED)
            claim(f"Lines: {total} lines, 0 ignored, {expected} matched, {total - expected} missed" in out,
                  f"fail2ban-regex: {expected} of {total} lines count ({file})", out)
        addresses = host.run("fail2ban-regex", "-o", "ip", "/root/counted", "twinlock").stdout.split()
        claim(addresses == [address for _, address in COUNTED],
              "fail2ban-regex: each counts against the address it came from, whatever a name says", addresses)

        # A real server and a real count. The ban itself is written down instead of put into a firewall.
        host.write("/etc/fail2ban/action.d/note.conf", "[Definition]\nactionban = echo <ip> >> /root/banned\nactionunban = true\n")
        jail = host.read("/etc/fail2ban/jail.d/twinlock.conf").replace("backend  = systemd", "backend  = polling\nlogpath  = /root/auth.log\naction   = note")
        host.write("/etc/fail2ban/jail.d/twinlock.conf", jail)
        host.path("/etc/fail2ban/jail.d/defaults-debian.conf").unlink(missing_ok=True)
        host.write("/root/auth.log", "")
        server = subprocess.Popen(host.command("fail2ban-server", "-xf", "--logtarget", "/root/f2b.log", "start"))
        wait(lambda: "pong" in host.run("fail2ban-client", "ping").stdout)
        now = time.strftime("%b %d %H:%M:%S", time.gmtime())
        wrong = f'{now} erp-t01 sshd-session[77]: pam_twinlock(sshd:auth): {COUNTED[0][0]}\n'
        other = f'{now} erp-t01 sshd-session[78]: pam_twinlock(sshd:auth): {NOT_COUNTED[1].replace("192.0.2.7", "192.0.2.99")}\n'
        with host.path("/root/auth.log").open("a") as log:
            log.write(wrong * 9 + other * 30)
        wait(lambda: "Total failed:\t9" in host.run("fail2ban-client", "status", "twinlock").stdout)
        status = host.run("fail2ban-client", "status", "twinlock").stdout
        claim("Total failed:\t9" in status and "Total banned:\t0" in status, "fail2ban: nine wrong codes are counted and no ban", status)
        with host.path("/root/auth.log").open("a") as log:
            log.write(wrong)
        wait(lambda: "Total banned:\t1" in host.run("fail2ban-client", "status", "twinlock").stdout)
        status = host.run("fail2ban-client", "status", "twinlock").stdout
        banned = host.path("/root/banned")
        claim("Total banned:\t1" in status and banned.exists() and banned.read_text() == "192.0.2.7\n",
              "fail2ban: the tenth bans the address, once, and no other", f"{status}\n{host.path('/root/f2b.log').read_text()[-1500:]}")
    finally:
        if server:
            host.run("fail2ban-client", "stop")
            server.wait(20)
        host.close()


def wait(holds, patience=30):
    deadline = time.monotonic() + patience
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.3)


def selinux(package):
    """The compiled module in Debian's own policy: linked, listed, and the labels that it gives. No kernel is asked."""
    host = Folder("trixie")
    try:
        done = subprocess.run(["rpm", "--force-debian", "--root", str(host.root), "-i", "--nodeps", str(package)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        claim(done.returncode == 0, "twinlock-selinux: installs where SELinux is off", done.stdout)
        listed = host.run("semodule", "-l").stdout
        if "twinlock" not in listed:
            host.must("semodule", "-n", "-s", "default", "-i", "/usr/share/selinux/packages/twinlock.pp")
            listed = host.must("semodule", "-s", "default", "-l")
        claim("twinlock" in listed, "twinlock-selinux: Debian's policy takes the compiled module", listed)
        labels = {
            "/var/lib/twinlock/ledger/1000": "twinlock_ledger_t",
            "/var/lib/twinlock/credentials/1000.toml": "twinlock_credential_t",
            "/var/lib/twinlock/pending/1000": "twinlock_pending_t",
            "/home/maria/.twinlock/credential.toml": "twinlock_home_t",
            "/root/.twinlock/credential.toml": "twinlock_home_t",
            "/usr/libexec/twinlock/check": "twinlock_check_exec_t",
        }
        contexts = host.read("/etc/selinux/default/contexts/files/file_contexts")
        contexts += host.read("/etc/selinux/default/contexts/files/file_contexts.homedirs")
        host.write("/root/contexts", contexts)
        wrong = {path: seen for path, kind in labels.items()
                 if kind not in (seen := host.run("matchpathcon", "-n", "-f", "/root/contexts", "-m", "file", path).stdout)}
        claim(not wrong, f"twinlock-selinux: {len(labels)} paths have their labels", wrong)
    finally:
        host.close()
