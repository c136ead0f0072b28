"""What users do from day to day: before us, and with us."""

import re
import time

import labels
import sandboxed
from claims import claim
from logins import PASSWORD, recovery_codes
from machine import KEPT
from person import Phone, key_on
from scenes import CODE, at_console, becomes, enrols_at_login, leaves, looks_around, signs_in, types, uses_newrole, uses_sudo, verifies
from shown import shown

CRON = "* * * * * (id -Z; cat /etc/hostname) >.cron.new 2>&1; mv .cron.new cron.out"


def keep(name, screen):
    """The screen, beside the console's."""
    (KEPT / f"{name}.txt").write_text(shown(screen.sent))


def without_us(machine, denials):
    """Every scene of later once, by password alone."""
    machine.must("crontab -u maria -", typed=CRON + "\n")
    console = at_console(machine, "maria")
    claim(signs_in(console), "without us: maria logs in at the console")
    looks_around(machine, "without us, console", console, "maria", "unconfined_t")
    uses_sudo(console, "id -Z")
    becomes(console, "otto")
    leaves(machine, console)
    for user, domain in (("otto", "unconfined_t"), ("anna", "staff_t"), ("udo", "user_t")):
        screen = machine.client(user)
        claim(signs_in(screen), f"without us: {user} logs in over ssh")
        looks_around(machine, f"without us, {user}", screen, user, domain)
        if user == "anna":
            claim("sysadm_t" in uses_sudo(screen, "id -Z"), "without us: sudo makes staff a sysadm", screen.sent)
            becomes(screen, "maria")
            uses_newrole(screen)
        if user == "udo":
            becomes(screen, "maria")
        leaves(machine, screen)
    cron_ran(machine, "without us")
    sandboxed.without_us(machine)
    denials.learn()


def cron_ran(machine, what):
    """The crontab's next run, and in which domain. (Of a confined user's Debian's cron says 'ENTRYPOINT FAILED', without us too.)"""
    machine.must("rm -f /home/maria/cron.out")
    seen, deadline = "", time.monotonic() + 240
    while "erp-t01" not in seen and time.monotonic() < deadline:
        time.sleep(5)
        seen = machine.run("cat /home/maria/cron.out").stdout
    claim(":unconfined_t:" in seen and "erp-t01" in seen, f"{what}: cron runs maria's job, in unconfined_t",
          seen + machine.run("journalctl -b --no-pager -t CRON -t cron | tail").stdout)


def a_confined_user(machine, denials, people):
    """`twinlock enroll`, `status` and `verify` by somebody whom SELinux confines: through the helper's own domain."""
    screen = machine.client("udo")
    claim(signs_in(screen), "user_u: a password is enough where nothing is required", screen.sent)
    before = len(screen.sent)
    screen.type("twinlock enroll")
    screen.expect(CODE)
    phone = Phone(key_on(screen.sent[before:]))
    screen.type(phone.unused())
    screen.expect("from now on a login asks you for a code")
    screen.expect("in$ ")
    people["udo"] = phone, recovery_codes(screen.sent[before:])
    claim("Registration: at once" in screen.sent[before:], "user_u: twinlock enroll registers at once, through the helper", screen.sent[before:])
    labels.right(machine, "user_u, enrolled by the command", users=["udo"])
    seen = verifies(screen, phone.wrong_code())
    claim("status 1" in seen, "user_u: twinlock verify refuses a wrong code", seen)
    seen = verifies(screen, people["udo"][1].pop())
    claim("status 0" in seen and "used up now" in seen, "user_u: twinlock verify takes a recovery code, once", seen)
    seen = types(screen, "twinlock status")
    claim("enrolled, on" in seen and "9 left" in seen, "user_u: twinlock status shows the ledger's part", seen)
    logged = machine.run("journalctl -b --no-pager -t twinlock").stdout
    claim("event=recovery_code_accepted" in logged, "user_u: the helper's lines reach the log", logged)
    seen = types(screen, "ls /var/lib/twinlock; /usr/libexec/twinlock/check; ls -Z /usr/libexec/twinlock/check")
    claim("denied" in seen and "twinlock_check_exec_t" in seen, "user_u: the state itself is out of reach", seen)
    leaves(machine, screen)
    keep("confined-user", screen)
    denials.none_of_ours("user_u: enrolment, verify, status by the command", expected=["user_t -> twinlock_var_lib_t dir { getattr }"])


def at_the_console(machine, denials, people):
    """A first login, a second with a code, and sudo."""
    console = at_console(machine, "maria")
    people["maria"] = enrols_at_login("console", console)
    looks_around(machine, "console", console, "maria", "unconfined_t")
    leaves(machine, console)
    labels.right(machine, "after an enrolment at the console", users=["maria"])
    denials.none_of_ours("console: enrolment")

    phone, codes = people["maria"]
    console = at_console(machine, "maria")
    claim(signs_in(console, phone.unused()), "console: the second login takes a code")
    looks_around(machine, "console, second login", console, "maria", "unconfined_t")
    seen = uses_sudo(console, "id -Z", codes.pop())
    claim("unconfined_t" in seen, "console: sudo asks for a code and runs", seen)
    leaves(machine, console)
    denials.none_of_ours("console: a code, sudo")


def over_ssh(machine, denials, people):
    """A connection that is cut at the key, a first login, a second with a code."""
    screen = machine.client("otto")
    screen.expect("assword: ")
    screen.type(PASSWORD)
    screen.expect(CODE)
    shown_first = key_on(screen.sent)
    labels.right(machine, "while a key is shown", users=["maria"], pending=["otto"])
    screen.stop()
    screen = machine.client("otto")
    people["otto"] = phone, codes = enrols_at_login("ssh", screen)
    claim(key_on(screen.sent) == shown_first, "ssh: a key that was shown survives a cut connection")
    looks_around(machine, "ssh", screen, "otto", "unconfined_t")
    leaves(machine, screen)
    keep("ssh-enrolment", screen)
    labels.right(machine, "after an enrolment over ssh", users=["maria", "otto"])
    denials.none_of_ours("ssh: enrolment")

    screen = machine.client("otto")
    claim(signs_in(screen, phone.unused()), "ssh: the second login takes a code", screen.sent)
    looks_around(machine, "ssh, second login", screen, "otto", "unconfined_t")
    seen = verifies(screen, codes.pop())
    claim("status 0" in seen, "unconfined_u: twinlock verify, through the helper", seen)
    came, seen = becomes(screen, "maria", people["maria"][1].pop())
    claim(came, "unconfined_u: su asks for a code and becomes another", seen)
    leaves(machine, screen)
    keep("ssh-code", screen)
    denials.none_of_ours("ssh: a code, verify, su")


def a_member_of_staff(machine, denials, people):
    """staff_u: enrolment over ssh, sudo into sysadm_r, su to a user whom SELinux knows by another name, newrole, verify."""
    screen = machine.client("anna")
    people["anna"] = phone, codes = enrols_at_login("ssh, staff_u", screen)
    looks_around(machine, "ssh, staff_u", screen, "anna", "staff_t")
    seen = verifies(screen, phone.unused())
    claim("status 0" in seen, "staff_u: twinlock verify, through the helper", seen)
    seen = uses_sudo(screen, "id -Z", codes.pop())
    claim("sysadm_t" in seen, "staff_u: sudo asks for a code and makes them sysadm", seen)
    seen = uses_sudo(screen, "twinlock unlock udo", codes.pop())
    claim(re.search("udo", seen) and "ermission denied" not in seen, "sysadm_t: twinlock unlock", seen)
    seen = uses_sudo(screen, "twinlock report", codes.pop())
    claim(re.search(r"maria +required +yes +home", seen), "sysadm_t: twinlock report reads every record and credential", seen)
    came, seen = becomes(screen, "maria", people["maria"][1].pop())
    claim(came, "staff_u: su asks for the other's code and becomes them", seen)
    seen = uses_newrole(screen, codes.pop())
    claim("sysadm_t" in seen, "staff_u: newrole asks for a code and changes the role", seen)
    leaves(machine, screen)
    keep("staff", screen)
    labels.right(machine, "after staff's enrolment", users=["maria", "otto", "anna", "udo"])
    denials.none_of_ours("staff_u: enrolment, verify, sudo, su, newrole")


def cron(machine, denials):
    """Jobs run as before, also those of users who need a code."""
    cron_ran(machine, "required of everybody")
    denials.none_of_ours("cron")
