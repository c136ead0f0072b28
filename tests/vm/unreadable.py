"""docs/cases.md, row 8: what SELinux keeps from sshd is 'unavailable', refused, and never 'not enrolled'."""

import labels
from claims import claim
from logins import PASSWORD
from scenes import CODE, REFUSALS, at_console, leaves, signs_in

# A type that no login program may read.
KEPT_FROM_ALL = "auditd_log_t"


def of_a_user(machine, denials, people):
    """a_credential_that_selinux_denies_is_unavailable_and_never_not_enrolled: the file, and the folder around it."""
    for path, what in (("/home/maria/.twinlock/credential.toml", "credential"), ("/home/maria/.twinlock", "folder")):
        machine.must(f"chcon -t {KEPT_FROM_ALL} {path}")
        refused(machine, denials, f"the {what} denied by SELinux", by=["ssh", "console"])
        machine.must("restorecon -R /home/maria/.twinlock")
    lets_in(machine, people, "the credential has its label again")
    denials.none_of_ours("the credential has its label again")


def of_the_host(machine, denials, people):
    """The same with the ledger; what doctor says mends it."""
    machine.must(f"chcon -R -t {KEPT_FROM_ALL} /var/lib/twinlock/ledger")
    refused(machine, denials, "the ledger denied by SELinux", by=["ssh"])
    doctor = machine.run("twinlock doctor").stdout
    claim(f"/var/lib/twinlock/ledger has the SELinux type {KEPT_FROM_ALL}" in doctor, "doctor names the ledger's label", doctor)
    machine.must("restorecon -R /var/lib/twinlock/ledger")
    labels.right(machine, "mended", users=["maria"])
    lets_in(machine, people, "the ledger has its label again")
    denials.none_of_ours("the ledger has its label again")


def refused(machine, denials, what, by):
    """Refused, with 'unavailable' in the log and nothing else; nothing is written; nobody is led through enrolment."""
    for way in by:
        mark = machine.must("cat /proc/uptime").split()[0]
        ledger = machine.must("sha256sum /var/lib/twinlock/ledger/*")
        screen = at_console(machine, "maria") if way == "console" else machine.client("maria")
        before = len(screen.sent)
        screen.expect("assword: ")
        from_here = len(screen.sent)
        screen.type(PASSWORD)
        came = screen.expect("in$ ", CODE, "Key: ", *REFUSALS)
        seen = screen.sent[before:]
        if way == "console":
            screen.expect("login: ")
        else:
            screen.stop()
        logged = machine.must(f"journalctl -b --no-pager -o short-monotonic | awk -v from={mark} '/pam_twinlock/ && substr($0, 2) + 0 >= from'")
        claim(came in REFUSALS and "Key:" not in screen.sent[from_here:], f"{what}: refused ({way})", seen)
        claim("event=unavailable" in logged and "Permission denied" in logged, f"{what}: the log says 'unavailable', and what was denied ({way})", logged)
        claim("not_enrolled" not in logged and "enrollment_due" not in logged, f"{what}: never 'not enrolled' ({way})", logged)
        claim(machine.must("sha256sum /var/lib/twinlock/ledger/*") == ledger, f"{what}: the ledger is as it was ({way})")
    denied = denials.new()
    claim(any(f"-> {KEPT_FROM_ALL} " in one for one in denied), f"{what}: it was SELinux that denied it", "\n".join(denied.values()))


def lets_in(machine, people, what):
    screen = machine.client("maria")
    claim(signs_in(screen, people["maria"][0].unused()), f"{what}: a code lets in", screen.sent)
    leaves(machine, screen)
