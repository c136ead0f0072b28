"""The .deb: installed, enabled, used, upgraded, removed, purged."""

import hashlib
import re

import logins
from claims import claim
from folder import Folder
from person import Sshd, Terminal

ENTRANCES = ["sshd", "login", "su", "su-l", "sudo", "sudo-i"]


def stack(host, service, kind):
    """The lines of one kind that a service runs, includes resolved (`su` itself stands for `su-l`)."""
    lines = []
    for line in host.read(f"/etc/pam.d/{service}").splitlines():
        line = line.strip()
        included = re.match(r"@include\s+(\S+)", line)
        if included:
            lines += stack(host, included.group(1), kind)
        elif re.match(rf"-?{kind}\s+(include|substack)\s", line):
            lines += stack(host, line.split()[2], kind)
        elif re.match(rf"-?{kind}\s", line):
            lines.append(re.sub(r"\s+", " ", line))
    return lines


def behind_the_first_factor(lines):
    """Our auth line is `required`, stands behind a line that refuses for good, and every jump of a first factor ends
    between the two."""
    ours = [at for at, line in enumerate(lines) if "pam_twinlock" in line]
    if len(ours) != 1 or lines[ours[0]] != "auth required pam_twinlock.so account_phase":
        return False
    refusals = [at for at, line in enumerate(lines) if line.startswith("auth requisite pam_deny.so") and at < ours[0]]
    jumps = [
        (at, at + int(number) + 1)
        for at, line in enumerate(lines) for number in re.findall(r"\bsuccess=(\d+)", line)
        if at < ours[0]
    ]
    return bool(refusals) and bool(jumps) and all(refusals[-1] < end <= ours[0] for at, end in jumps)


def before_any_end(lines):
    """Our account line is `required`, and nothing before it can end the stack with success."""
    ours = [at for at, line in enumerate(lines) if "pam_twinlock" in line]
    if len(ours) != 1 or lines[ours[0]] != "account required pam_twinlock.so":
        return False
    return not any(re.search(r"sufficient|=done|success=\d", line) for line in lines[: ours[0]])


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def of(suite, package, newer):
    """All of it in one folder."""
    host = Folder(suite)
    sshd = None
    try:
        pam = {path.name: path.read_text() for path in host.path("/etc/pam.d").iterdir()}
        seen_before = names(host)

        first = host.bring(package)
        done = host.run("apt-get", "install", "-y", "--no-install-recommends", first)
        claim(done.returncode == 0, f"{suite}: apt installs the package", done.stdout)
        clean(host, suite, "after the installation")
        claim(
            {path.name: path.read_text() for path in host.path("/etc/pam.d").iterdir()} == pam,
            f"{suite}: the installation alone changes no stack",
        )
        modes = host.must(
            "stat", "-c", "%n %U %a", "/var/lib/twinlock", "/var/lib/twinlock/ledger", "/var/lib/twinlock/credentials",
            "/var/lib/twinlock/pending", "/usr/libexec/twinlock/check", "/etc/twinlock/policy.d",
        ).split("\n")
        claim(
            [line.split()[1:] for line in modes if line] == [["root", "700"]] * 4 + [["root", "4755"], ["root", "755"]],
            f"{suite}: the state is root's alone, the helper is 4755", modes,
        )

        set_up_for_ssh(suite, host)
        host.must("pam-auth-update", "--enable", "twinlock")
        for service in [name for name in ENTRANCES if host.path(f"/etc/pam.d/{name}").exists()]:
            auth, account = stack(host, service, "auth"), stack(host, service, "account")
            claim(behind_the_first_factor(auth), f"{suite}: {service} asks for a code behind the first factor", "\n".join(auth))
            claim(before_any_end(account), f"{suite}: {service} has the account line before any end", "\n".join(account))
        policy = host.read("/etc/twinlock/policy.toml").replace("require_mfa = false", "require_mfa = true")
        host.write("/etc/twinlock/policy.toml", policy)
        checked = host.run("twinlock", "policy", "check")
        claim(checked.returncode == 0, f"{suite}: the installed command finds the policy sound", checked.stdout)

        host.add_user("maria", logins.PASSWORD, groups="sudo")
        host.add_user("otto", logins.PASSWORD)
        sshd = Sshd(host, host.read("/usr/share/twinlock/examples/sshd/twinlock.conf"))
        version = host.must("ssh", "-V").strip()
        what = f"{suite}, {version.split(',')[0]}"
        logins.wrong_password_shows_nothing(what, sshd, "maria")
        phone, codes = logins.first_login_enrols(what, sshd, "maria")
        logins.code_is_asked_for(what, sshd, "maria", phone, phone.code(1))
        other_entrances(suite, host, codes)
        expired_password(suite, host, sshd)

        # An upgrade, with a policy that the administrator has changed.
        before = {name: host.read(f"/etc/pam.d/{name}") for name in ("common-auth", "common-account")}
        uid = host.must("id", "-u", "maria").strip()
        record = host.path(f"/var/lib/twinlock/ledger/{uid}")
        ledger = digest(record)
        done = host.run("apt-get", "install", "-y", "--no-install-recommends", host.bring(newer))
        claim(done.returncode == 0, f"{suite}: the package is upgraded", done.stdout)
        after = {name: host.read(f"/etc/pam.d/{name}") for name in before}
        claim(after == before and "pam_twinlock" in after["common-auth"], f"{suite}: an upgrade keeps the stack", after)
        claim(digest(record) == ledger, f"{suite}: an upgrade keeps the ledger")
        claim(host.read("/etc/twinlock/policy.toml") == policy, f"{suite}: an upgrade keeps the administrator's policy")
        clean(host, suite, "after the upgrade", ignore="policy.toml")
        logins.code_is_asked_for(f"{suite}, upgraded", sshd, "maria", phone, codes[3])

        # A line by hand stops the removal, and the profile stays on.
        host.write("/etc/pam.d/erp", "auth required pam_twinlock.so\n")
        done = host.run("apt-get", "remove", "-y", "libpam-twinlock")
        claim(
            done.returncode != 0 and "/etc/pam.d/erp" in done.stdout,
            f"{suite}: a stack written by hand stops the removal, and is named", done.stdout,
        )
        claim(
            "pam_twinlock" in host.read("/etc/pam.d/common-auth"),
            f"{suite}: a removal that was stopped has not opened the door", host.read("/etc/pam.d/common-auth"),
        )
        host.path("/etc/pam.d/erp").unlink()

        done = host.run("apt-get", "remove", "-y", "libpam-twinlock")
        claim(done.returncode == 0, f"{suite}: the package is removed", done.stdout)
        left = host.run("grep", "-rl", "twinlock", "/etc/pam.d").stdout
        claim(not left, f"{suite}: a removal clears the stack", left)
        cleared_first(host, suite)
        logins.password_is_enough(f"{suite}, removed", sshd, "maria")
        claim(record.is_file(), f"{suite}: a removal keeps the ledger, for the day it comes back")

        done = host.run("apt-get", "purge", "-y", "libpam-twinlock")
        left = names(host) - seen_before
        claim(done.returncode == 0 and not left, f"{suite}: a purge leaves nothing", f"{done.stdout}\n{sorted(left)}")
        now = {path.name: path.read_text() for path in host.path("/etc/pam.d").iterdir()}
        claim(now == pam, f"{suite}: the stacks are what they were", now)
        logins.password_is_enough(f"{suite}, purged", sshd, "maria")
    finally:
        if sshd:
            sshd.stop()
        host.close()


def set_up_for_ssh(suite, host):
    """`twinlock setup --ssh`, a removal while it stands, and back."""
    before = {name: host.read(f"/etc/pam.d/{name}") for name in ("sshd", "common-auth", "login")}
    policy = host.read("/etc/twinlock/policy.toml")
    host.add_user("paula", logins.PASSWORD)
    done = host.run("twinlock", "setup", "--ssh")
    claim(done.returncode == 0, f"{suite}: twinlock setup --ssh runs", done.stdout)
    auth, account = stack(host, "sshd", "auth"), stack(host, "sshd", "account")
    claim(behind_the_first_factor(auth) and before_any_end(account),
          f"{suite}: setup --ssh has sshd ask for a code behind the first factor", "\n".join(auth + account))
    claim(host.read("/etc/pam.d/login") == before["login"] and host.read("/etc/pam.d/common-auth") == before["common-auth"],
          f"{suite}: setup --ssh touches no other login")
    host.must("twinlock", "policy", "require", "on")
    sshd = Sshd(host)
    try:
        what = f"{suite}, setup --ssh"
        phone, _ = logins.first_login_enrols(what, sshd, "paula")
        logins.code_is_asked_for(what, sshd, "paula", phone, phone.code(1))
    finally:
        sshd.stop()
    done = host.run("apt-get", "remove", "-y", "libpam-twinlock")
    claim(done.returncode != 0 and "/etc/pam.d/sshd" in done.stdout and "twinlock setup --undo" in done.stdout,
          f"{suite}: a removal stops at setup's lines and names what takes them out", done.stdout)
    done = host.run("twinlock", "setup", "--undo")
    claim(done.returncode == 0 and host.read("/etc/pam.d/sshd") == before["sshd"]
          and not host.path("/etc/ssh/sshd_config.d/10-twinlock.conf").exists(),
          f"{suite}: setup --undo leaves sshd as it was", done.stdout)
    host.must("userdel", "-r", "paula")
    host.must("twinlock", "reset", "--orphans", "--yes")
    host.write("/etc/twinlock/policy.toml", policy)


def clean(host, suite, when, ignore=None):
    found = host.run("dpkg", "--verify", "libpam-twinlock").stdout.splitlines()
    found = [line for line in found if not (ignore and line.endswith(ignore))]
    claim(not found, f"{suite}: dpkg --verify is clean {when}", "\n".join(found))


def names(host):
    """Everything that is called after us, but for users' own files, what this test brought, and logs."""
    found = host.must("find", "/", "-xdev", "-iname", "*twinlock*", "-not", "-path", "/home/*", "-not", "-path", "/root/*")
    in_text = host.run("grep", "-rl", "twinlock", "/etc", "/var/lib/pam", "/var/lib/dpkg/status").stdout
    return {
        name for name in (found + in_text).split()
        if not name.startswith(("/var/log", "/var/cache", "/var/lib/apt", "/etc/ssh/sshd_config.d/00-test"))
    }


def cleared_first(host, suite):
    """The removal's order, by dpkg's own log: the script that clears the stack ran while the module was there."""
    log = host.read("/var/log/dpkg.log")
    steps = re.findall(r"status (half-configured|half-installed|config-files) libpam-twinlock", log)
    claim(
        steps[-3:] == ["half-configured", "half-installed", "config-files"],
        f"{suite}: the stack was cleared before the files went", steps,
    )


def other_entrances(suite, host, codes):
    """su and sudo, with recovery codes: each of them works once."""
    terminal = Terminal(host, "setpriv", "--reuid=otto", "--regid=otto", "--init-groups", "su", "-", "maria")
    terminal.expect("assword: ")
    terminal.type(logins.PASSWORD)
    terminal.expect("Verification code: ")
    terminal.type(codes[0])
    terminal.expect("in$ ")
    claim(True, f"{suite}: su asks for the password and a code")
    terminal.type("sudo -k id -un")
    terminal.expect("assword for maria: ")
    terminal.type(logins.PASSWORD)
    terminal.expect("Verification code: ")
    terminal.type(codes[0])
    came = terminal.expect("Verification code: ", "root")
    claim(came != "root", f"{suite}: sudo refuses a recovery code that was used", terminal.sent)
    terminal.type(codes[1])
    claim(terminal.expect("root\n", "Sorry", "sudo:") == "root\n", f"{suite}: sudo asks for the password and a code", terminal.sent)
    terminal.type("exit")
    terminal.end()

    terminal = Terminal(host, "login")
    terminal.expect("login: ")
    terminal.type("maria")
    terminal.expect("assword: ")
    terminal.type(logins.PASSWORD)
    terminal.expect("Verification code: ")
    terminal.type(codes[2])
    claim(terminal.expect("in$ ", "incorrect") == "in$ ", f"{suite}: login asks for the password and a code", terminal.sent)
    terminal.type("exit")
    terminal.stop()


def expired_password(suite, host, sshd):
    """pam_unix answers an expired password with an early end of the account stack: not before ours has run."""
    host.must("chage", "-d", "0", "otto")
    terminal = sshd.client("otto")
    terminal.expect("assword: ")
    terminal.type(logins.PASSWORD)
    came = terminal.expect("Verification code: ", "ew password: ", "urrent password: ", "in$ ")
    claim(came == "Verification code: ", f"{suite}: an expired password is no way around enrolment", terminal.sent)
    terminal.stop()
    host.must("chage", "-d", "20000", "otto")
