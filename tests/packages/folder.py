"""A host to install into: a Debian folder, covered by memory for each test."""

import os
import pathlib
import shutil
import socket
import subprocess
import threading

import debian
from debian import ENVIRONMENT

TOP = pathlib.Path(__file__).resolve().parents[2]
KEPT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target")).resolve() / "packages"
MEMORY = pathlib.Path("/run/twinlock-packages")


# What starts a program with mounts and a network of its own.
ENCLOSED = ["unshare", "--mount", "--net", "--uts", "--propagation", "private", "--"]


def settle():
    """The first thing that such a program does: a loopback, and memory for hosts."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    MEMORY.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(MEMORY)], check=True)


class Folder:
    """One host: the folder of a suite, or another one, under a layer of memory. To be made inside a mount namespace of its own."""

    def __init__(self, suite, lower=None):
        self.suite = suite
        self.memory = MEMORY / f"{suite}-{os.urandom(4).hex()}"
        self.root = self.memory / "root"
        for name in ("upper", "work", "root"):
            (self.memory / name).mkdir(parents=True)
        layers = f"lowerdir={lower or debian.base(suite)},upperdir={self.memory / 'upper'},workdir={self.memory / 'work'}"
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

    def run(self, *words, typed=None, environment=None, patience=300):
        """Runs a program in this host; its output, both kinds, is in `stdout`."""
        return subprocess.run(
            self.command(*words), input=typed, env={**ENVIRONMENT, **(environment or {})}, cwd="/", text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", timeout=patience, check=False,
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
