"""A Debian folder to install into: made by debootstrap once, kept under target/, and covered by memory for each test."""

import os
import pathlib
import shutil
import socket
import subprocess
import threading

TOP = pathlib.Path(__file__).resolve().parents[2]
KEPT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target")).resolve() / "packages"
MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What a host has that people log in to; and in trixie what comes with other distributions' ways.
BASE = ["openssh-server", "openssh-client", "sudo", "login", "passwd", "util-linux", "oathtool"]
MORE = {
    "bookworm": [],
    "trixie": ["systemd-standalone-tmpfiles", "authselect", "fail2ban", "selinux-policy-default", "policycoreutils"],
}
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "TERM": "vt220",
    "DEBIAN_FRONTEND": "noninteractive",
}


def prepare(suite):
    """Makes the folder that tests of this suite stand on, if it is not there. Needs the network."""
    base = KEPT / suite
    packages = BASE + MORE[suite]
    mark = base / "root/.made-with"
    if mark.is_file() and mark.read_text() == " ".join(packages):
        return
    print(f"making a folder of {suite}, once: {base}", flush=True)
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    log = KEPT / f"{suite}.log"
    with log.open("w") as output:
        def step(*words):
            done = subprocess.run(words, stdout=output, stderr=subprocess.STDOUT, env=ENVIRONMENT, check=False)
            if done.returncode:
                raise RuntimeError(f"{words[0]} failed, see {log}")

        step("debootstrap", "--variant=minbase", suite, str(base), MIRROR)
        # No daemon starts in it.
        policy = base / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        # sudo's, systemd's and others' scripts want these; the kernel file systems come with each test.
        step("chroot", str(base), "apt-get", "-q", "install", "-y", "--no-install-recommends", *packages)
        step("chroot", str(base), "apt-get", "clean")
    mark.write_text(" ".join(packages))


class Folder:
    """One host: the folder of a suite under a layer of memory. To be made inside a mount namespace of its own."""

    def __init__(self, suite):
        self.suite = suite
        self.memory = pathlib.Path("/run/twinlock-packages") / f"{suite}-{os.urandom(4).hex()}"
        self.root = self.memory / "root"
        for name in ("upper", "work", "root"):
            (self.memory / name).mkdir(parents=True)
        layers = f"lowerdir={KEPT / suite},upperdir={self.memory / 'upper'},workdir={self.memory / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(self.root)], check=True)
        self._mount("proc", "proc", "proc")
        self._mount("tmpfs", "tmpfs", "run", "mode=0755")
        self._mount("tmpfs", "tmpfs", "dev", "mode=0755,nosuid")
        dev = self.root / "dev"
        for name, major, minor in [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)]:
            os.mknod(dev / name, 0o020666, os.makedev(major, minor))
            os.chmod(dev / name, 0o666)
        (dev / "pts").mkdir()
        self._mount("devpts", "devpts", "dev/pts", "newinstance,ptmxmode=0666,mode=0620,gid=5")
        (dev / "ptmx").symlink_to("pts/ptmx")
        (dev / "fd").symlink_to("/proc/self/fd")
        (dev / "shm").mkdir(mode=0o1777)
        (self.root / "run/sshd").mkdir()
        self.log = []
        self._listen()

    def _mount(self, kind, source, where, options="defaults"):
        subprocess.run(["mount", "-t", kind, "-o", options, source, str(self.root / where)], check=True)

    def _listen(self):
        """/dev/log: every line that a program of this host logs."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(str(self.root / "dev/log"))
        os.chmod(self.root / "dev/log", 0o666)

        def collect():
            while True:
                self.log.append(listener.recv(65536).decode(errors="replace").rstrip("\0\n"))

        threading.Thread(target=collect, daemon=True).start()

    def logged(self, *words):
        """The lines that hold all these words."""
        return [line for line in self.log if all(word in line for word in words)]

    def command(self, *words):
        """The words that run a program in this host."""
        return ["chroot", str(self.root), *words]

    def run(self, *words, typed=None, environment=None):
        """Runs a program in this host; its output, both kinds, is in `stdout`."""
        return subprocess.run(
            self.command(*words), input=typed, env={**ENVIRONMENT, **(environment or {})}, cwd="/", text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", timeout=300, check=False,
        )

    def must(self, *words, **more):
        """Runs a program that has to succeed; returns its output."""
        done = self.run(*words, **more)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def path(self, path):
        """A path of this host, seen from outside. Absolute links in it lead outside: for files of ours only."""
        return self.root / str(path).lstrip("/")

    def read(self, path):
        return self.path(path).read_text()

    def write(self, path, text, mode=0o644):
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text)
        self.path(path).chmod(mode)

    def bring(self, file, path="/root/"):
        """Copies a file of the machine into this host; returns its path there."""
        target = self.path(path) / pathlib.Path(file).name
        shutil.copyfile(file, target)
        return "/" + str(target.relative_to(self.root))

    def add_user(self, name, password, groups=""):
        self.must("useradd", "-m", "-s", "/bin/sh", *(["-G", groups] if groups else []), name)
        self.must("chpasswd", typed=f"{name}:{password}\n")
        self.write(f"/home/{name}/.profile", "PS1='in$ '\n")

    def close(self):
        subprocess.run(["umount", "-R", "-l", str(self.root)], check=False)
        shutil.rmtree(self.memory, ignore_errors=True)
