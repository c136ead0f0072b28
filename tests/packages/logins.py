"""Logins through a stack that a package set up: the same scenes for every kind of package."""

from claims import claim
from person import enrols, key_on, leaves
import re

PASSWORD = "correct horse"


def recovery_codes(text):
    """The ten codes that an enrolment showed."""
    return list(dict.fromkeys(re.findall(r"\b[A-Z0-9a-z]{4}(?:-[A-Z0-9a-z]{4}){3}\b", text)))


def wrong_password_shows_nothing(what, sshd, user):
    terminal = sshd.client(user)
    terminal.expect("assword: ")
    terminal.type("wrong")
    terminal.end()
    claim(
        "Key:" not in terminal.sent and "Verification code" not in terminal.sent and "in$ " not in terminal.sent,
        f"{what}: behind a wrong password neither a key nor a code's prompt is seen", terminal.sent,
    )


def first_login_enrols(what, sshd, user):
    terminal = sshd.client(user)
    phone = enrols(terminal, PASSWORD)
    codes = recovery_codes(terminal.sent)
    status = leaves(terminal)
    claim(status == 0 and len(codes) == 10, f"{what}: the first ssh login enrols and gets a shell", terminal.sent)
    host = sshd.host
    claim(bool(host.logged("event=enrolled", f'user="{user}"')), f"{what}: the log says so", host.log[-5:])
    return phone, codes


def code_is_asked_for(what, sshd, user, phone, right):
    """A wrong code is refused and the right one lets in."""
    terminal = sshd.client(user)
    terminal.expect("assword: ")
    terminal.type(PASSWORD)
    asked = terminal.expect("Verification code: ", "in$ ")
    if not claim(asked == "Verification code: ", f"{what}: the next login asks for a code", terminal.sent):
        return terminal.stop()
    terminal.type(phone.wrong_code())
    came = terminal.expect("Verification code: ", "in$ ", "denied")
    claim(came == "Verification code: ", f"{what}: a wrong code is refused and asked for again", terminal.sent)
    terminal.type(right)
    came = terminal.expect("in$ ", "denied", "Verification code: ")
    claim(came == "in$ ", f"{what}: the right code lets in", f"{terminal.sent}\n{sshd.host.log[-6:]}")
    return leaves(terminal)


def password_is_enough(what, sshd, user):
    terminal = sshd.client(user)
    terminal.expect("assword: ")
    terminal.type(PASSWORD)
    came = terminal.expect("in$ ", "Verification code: ", "denied", "closed")
    claim(came == "in$ ", f"{what}: the password is enough", f"{terminal.sent}\n{sshd.host.log[-6:]}")
    return leaves(terminal)


def wrong_codes_never_let_in(what, sshd, user, phone):
    terminal = sshd.client(user)
    terminal.expect("assword: ")
    terminal.type(PASSWORD)
    for _ in range(3):
        if terminal.expect("Verification code: ", "denied", "closed", "Too many", "in$ ") != "Verification code: ":
            break
        terminal.type(phone.wrong_code())
    terminal.end()
    claim("in$ " not in terminal.sent, f"{what}: wrong codes alone never let in", terminal.sent)


def no_key_again(what, terminal):
    try:
        key_on(terminal.sent)
        claim(False, f"{what}: no key is shown", terminal.sent)
    except RuntimeError:
        claim(True, f"{what}: no key is shown")
