"""What people do on the machine. A scene returns what stood on the screen; nothing here knows what SELinux says to it."""

import re

from claims import claim
from image import USERS
from logins import PASSWORD, recovery_codes
from person import enrols

PROMPT = "in$ "
CODE = "Verification code: "
# What ssh, login and su say to somebody whom they do not let in.
REFUSALS = ("denied", "ncorrect", "closed", "su: ")


def at_console(machine, user):
    """Types the user's name at the prompt of the serial console, which each scene leaves there; the password is asked for next."""
    console = machine.console
    console.forget()
    console.type(user)
    return console


def leaves(machine, screen):
    """Logs out, and waits for what comes after."""
    screen.type("exit")
    if screen is machine.console:
        screen.expect("login: ")
    else:
        screen.end()


def signs_in(screen, code=None, prompt=PROMPT, refusals=REFUSALS):
    """Password and, if one is given, a code. Returns whether a shell came."""
    screen.expect("assword: ")
    screen.type(PASSWORD)
    if code:
        if screen.expect(CODE, prompt, *refusals) != CODE:
            return False
        screen.type(code)
    return screen.expect(prompt, CODE, *refusals) == prompt


def types(screen, command):
    """Runs a command in the shell on a screen; returns what it printed."""
    before = len(screen.sent)
    screen.type(command)
    screen.expect(PROMPT)
    return screen.sent[before:].split("\n", 1)[-1]


def enrols_at_login(what, screen):
    """A first login: returns the phone and the recovery codes, the shell is there."""
    before = len(screen.sent)
    phone = enrols(screen, PASSWORD)
    codes = recovery_codes(screen.sent[before:])
    claim(len(codes) == 10, f"{what}: the first login enrols and gets a shell", screen.sent[before:])
    return phone, codes


def looks_around(machine, what, screen, user, domain):
    """The session is the one that SELinux gives its user, and systemd's user manager runs in it."""
    seen = types(screen, "id -Z; systemctl --user is-active default.target; systemctl --user --no-pager list-units --type=target | grep -c active")
    claim(f":{domain}:" in seen, f"{what}: the session runs in {domain}", seen)
    # Not every user of SELinux may ask for the state of a system's unit.
    active = machine.run(f"systemctl is-active user@$(id -u {user}).service").stdout
    claim(active == "active\n" and "active" in seen.split() and re.search(r"^[1-9]\d*$", seen, re.M),
          f"{what}: systemd's user manager is active and answers", active + seen)


def uses_sudo(screen, command, code=None):
    """sudo with the password and, if one is given, a code; returns what was printed."""
    before = len(screen.sent)
    screen.type(f"sudo -k {command}")
    screen.expect("assword for")
    screen.expect(": ")
    screen.type(PASSWORD)
    if code:
        screen.expect(CODE)
        screen.type(code)
    screen.expect(PROMPT)
    return screen.sent[before:]


def becomes(screen, user, code=None):
    """su to another user and back."""
    before = len(screen.sent)
    screen.type(f"su - {user}")
    came = False
    # Where SELinux keeps two users apart, su warns of the home, and the shell cannot read its .profile with the prompt.
    if signs_in(screen, code, "$ ", refusals=["su: Authentication"]):
        # su may also have ended with nothing but the caller's own prompt.
        screen.type(f"echo I am $(id -un).; test $(id -un) != {user} || exit")
        came = screen.expect(*(f"I am {name}." for name in USERS)) == f"I am {user}."
    # What is typed while su ends is lost.
    screen.expect(PROMPT)
    return came, screen.sent[before:]


def verifies(screen, code):
    """`twinlock verify` in a session, through the helper; returns what it printed and its exit status."""
    before = len(screen.sent)
    screen.type("twinlock verify; echo status $?")
    screen.expect(": ")
    screen.type(code)
    screen.expect("status ")
    screen.expect(PROMPT)
    return screen.sent[before:]


def uses_newrole(screen, code=None):
    """newrole to sysadm_r and back; returns what was printed."""
    before = len(screen.sent)
    screen.type("newrole -r sysadm_r")
    if signs_in(screen, code, "$ "):
        screen.type("id -Z; exit")
        screen.expect("_t:")
        screen.expect(PROMPT)
    return screen.sent[before:]
