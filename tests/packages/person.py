"""A person at a terminal, with a phone."""

import base64
import fcntl
import hashlib
import hmac
import os
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time

from folder import ENVIRONMENT

PATIENCE = 40
# From <asm-generic/ioctls.h>; Python's termios has them only from 3.13 on.
TIOCSPTLCK = 0x40045431
TIOCGPTN = 0x80045430


class Phone:
    """An app that holds one secret: SHA1, six digits, 30 seconds (RFC 6238)."""

    def __init__(self, key):
        self.secret = base64.b32decode(key.replace(" ", ""))
        self._last = 0

    def _code(self, step):
        digest = hmac.new(self.secret, struct.pack(">Q", step), hashlib.sha1).digest()
        start = digest[-1] & 15
        return f"{(struct.unpack('>I', digest[start:start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"

    def code(self, steps=0):
        return self._code(int(time.time()) // 30 + steps)

    def unused(self):
        """A code that was not given before; the next one, if this step's was."""
        self._last = max(int(time.time()) // 30, self._last + 1)
        return self._code(self._last)

    def wrong_code(self):
        near = {self.code(steps) for steps in range(-8, 9)}
        return next(code for code in ("000000", "111111", "222222") if code not in near and code != "0")


class Screen:
    """What a program writes to a person, and what the person types."""

    patience = PATIENCE

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.sent = ""
        self._seen = 0

    def _read(self, deadline):
        ready, _, _ = select.select([self.descriptor], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:
            return self._lost(deadline)
        if not data:
            return None
        self.sent += data.decode(errors="replace").replace("\r", "")
        return True

    def _lost(self, _deadline):
        return None

    def expect(self, *texts):
        """Waits for one of the texts behind what was expected before; returns which, and raises if none comes."""
        deadline = time.monotonic() + self.patience
        while True:
            found = [(self.sent.find(text, self._seen), text) for text in texts]
            found = sorted((at, text) for at, text in found if at >= 0)
            if found:
                at, text = found[0]
                self._seen = at + len(text)
                return text
            if not self._read(deadline):
                raise RuntimeError(f"none of {texts} came on the terminal:\n{self.sent[-3000:]}")

    def type(self, text):
        os.write(self.descriptor, (text + "\n").encode())


class Terminal(Screen):
    """A program of a host, on a terminal of 80 by 24 which is that host's own: login(1) looks for it in /dev."""

    def __init__(self, host, *words):
        terminals = host.path("/dev/pts")
        super().__init__(os.open(terminals / "ptmx", os.O_RDWR | os.O_NOCTTY))
        fcntl.ioctl(self.descriptor, TIOCSPTLCK, struct.pack("i", 0))
        number = struct.unpack("I", fcntl.ioctl(self.descriptor, TIOCGPTN, bytes(4)))[0]
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                line = os.open(terminals / str(number), os.O_RDWR)
                fcntl.ioctl(line, termios.TIOCSCTTY, 0)
                for standard in (0, 1, 2):
                    os.dup2(line, standard)
                os.closerange(3, 256)
                os.chdir("/")
                os.execvpe("chroot", host.command(*words), ENVIRONMENT)
            finally:
                os._exit(127)
        self.status = None

    def _lost(self, deadline):
        # The end; or login(1) of util-linux, which hangs up its terminal and opens it again.
        if self._ended() or time.monotonic() > deadline:
            return None
        time.sleep(0.05)
        return True

    def end(self):
        """Reads to the end; returns the exit status."""
        deadline = time.monotonic() + self.patience
        while self._read(deadline):
            pass
        return self.stop()

    def _ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def stop(self):
        """Ends the program if it has not ended by itself; returns its exit status."""
        for kind in (None, signal.SIGHUP, signal.SIGKILL):
            if kind and not self._ended():
                os.kill(self.pid, kind)
            deadline = time.monotonic() + 0.5
            while not self._ended() and time.monotonic() < deadline:
                time.sleep(0.02)
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
        return self.status


class Sshd:
    """A real sshd of a host, on the loopback of this network namespace."""

    port = 2200

    def __init__(self, host, config=""):
        Sshd.port += 1
        self.host, self.number = host, Sshd.port
        host.must("ssh-keygen", "-A")
        host.write(
            "/etc/ssh/sshd_config.d/00-test.conf",
            f"{config}\nPort {self.number}\nListenAddress 127.0.0.1\nUseDNS no\nPrintMotd no\nPrintLastLog no\n",
        )
        host.must("/usr/sbin/sshd", "-t")
        self.process = subprocess.Popen(
            host.command("/usr/sbin/sshd", "-D"), env=ENVIRONMENT, stdin=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + PATIENCE
        while not self._listens():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"sshd does not listen: {host.log[-20:]}")
            time.sleep(0.05)

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.number)) == 0

    def client(self, user, *options):
        return Terminal(
            self.host, "ssh", "-F", "none", "-p", str(self.number), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "-o", "NumberOfPasswordPrompts=1", *options, "-l", user, "127.0.0.1",
        )

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        self.process.wait()


def key_on(text):
    """The last key on a screen, without the words behind it."""
    found = re.findall(r"Key: ((?:[A-Z2-7]{4} ?)+)", text)
    if not found:
        raise RuntimeError(f"no key on the screen:\n{text[-3000:]}")
    return found[-1]


def enrols(terminal, password, prompt="assword: "):
    """Goes through a first login: password, key, code, recovery codes, shell. Returns the phone."""
    terminal.expect(prompt)
    terminal.type(password)
    terminal.expect("Verification code: ")
    phone = Phone(key_on(terminal.sent))
    terminal.type(phone.unused())
    terminal.expect("Press Enter")
    terminal.expect(": ")
    terminal.type("")
    terminal.expect("in$ ", "$ ")
    return phone


def leaves(terminal):
    terminal.type("exit")
    return terminal.end()
