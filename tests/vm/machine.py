"""The machine: QEMU on a layer over the disk, its console, and root's own way in, which is open before ours is installed."""

import shlex
import socket
import subprocess
import threading
import time

import image
from folder import ENVIRONMENT, TOP, Folder
from person import Screen, Terminal
from shown import shown

KEPT = TOP / "target/test-vm"
# Of this network namespace alone.
PORT = 2222
# A boot takes a minute on an idle machine and ten on a busy one; compiling a policy half of that.
PATIENCE = 1800
# For one answer of a program.
ANSWER = 300
KERNEL = ("root=/dev/vda rw console=ttyS0 security=selinux selinux=1 enforcing=1 net.ifnames=0 mitigations=off nowatchdog "
          "rcupdate.rcu_cpu_stall_suppress=1 quiet systemd.show_status=no")


class Console(Screen):
    """The serial console. It is read all the time: a machine whose console is full stands still."""

    patience = ANSWER

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deadline = time.monotonic() + 60
        while self._socket.connect_ex(str(path)):
            if time.monotonic() > deadline:
                raise RuntimeError("QEMU opens no console")
            time.sleep(0.1)
        super().__init__(self._socket.fileno())
        self._more = threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        while super()._read(time.monotonic() + 3600) is not None:
            with self._more:
                self._more.notify_all()

    def _read(self, deadline):
        before = len(self.sent)
        with self._more:
            self._more.wait(0.2)
        return len(self.sent) > before or time.monotonic() < deadline

    def forget(self):
        """What is expected next must be written after now."""
        self._seen = len(self.sent)

    def type(self, text):
        # As a keyboard's Enter, which login programs that read raw want.
        self._socket.sendall((text + "\r").encode())


class Machine:
    def __init__(self):
        KEPT.mkdir(parents=True, exist_ok=True)
        self.host = Folder("workshop", image.WORKSHOP)
        self.layer = KEPT / "layer.qcow2"
        self.layer.unlink(missing_ok=True)
        for where, there in ((image.KEPT, "srv"), (KEPT, "mnt")):
            subprocess.run(["mount", "--bind", str(where), str(self.host.path(there))], check=True)
        self.host.must("qemu-img", "create", "-q", "-f", "qcow2", "-b", "/srv/disk.img", "-F", "raw", "/mnt/layer.qcow2")
        # It ends with us, however we end.
        self.process = subprocess.Popen(self.host.command(
            "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
            "-m", "2048", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", "/srv/vmlinuz", "-initrd", "/srv/initrd.img", "-append", KERNEL,
            "-drive", "file=/mnt/layer.qcow2,if=virtio,format=qcow2,cache=unsafe",
            "-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{PORT}-:22", "-device", "virtio-net-pci,netdev=net,romfile=",
            "-device", "virtio-rng-pci", "-chardev", "socket,id=console,path=/run/console,server=on,wait=on", "-serial", "chardev:console",
        ), env=ENVIRONMENT, stdin=subprocess.DEVNULL, start_new_session=True)
        self.console = Console(self.host.path("/run/console"))

    def up(self):
        """Waits until somebody can log in, and opens root's way in."""
        self.console.patience = PATIENCE
        self.console.expect("login: ")
        self.console.patience = ANSWER
        deadline = time.monotonic() + PATIENCE
        while True:
            done = self.host.run("ssh", *self._options("-i", "/srv/key", "-M", "-N", "-f"), typed="", patience=PATIENCE)
            if done.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"no way in for root: {done.stdout}")
            time.sleep(5)

    @staticmethod
    def _options(*more):
        return ["-F", "none", "-S", "/run/control", "-p", str(PORT), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "LogLevel=ERROR", *more, "-l", "root", "127.0.0.1"]

    def run(self, command, typed=""):
        """Runs a line of shell as root in the machine; its output, both kinds, is in `stdout`."""
        return self.host.run("ssh", *self._options(), "exec 2>&1; " + command, typed=typed, patience=PATIENCE)

    def must(self, command, typed=""):
        done = self.run(command, typed)
        if done.returncode:
            raise RuntimeError(f"{command} ended with {done.returncode}:\n{shown(done.stdout)}")
        return done.stdout

    def bring(self, file, path):
        """Copies a file of ours into the machine."""
        with open(file, "rb") as source:
            subprocess.run(self.host.command("ssh", *self._options(), f"cat >{shlex.quote(path)}"), stdin=source, env=ENVIRONMENT,
                           timeout=PATIENCE, check=True)

    def client(self, user, *words):
        """A person at an ssh client."""
        terminal = Terminal(
            self.host, "ssh", "-F", "none", "-p", str(PORT), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "-o", "NumberOfPasswordPrompts=1", "-o", "PubkeyAuthentication=no", "-tt", "-l", user, "127.0.0.1", *words,
        )
        terminal.patience = ANSWER
        return terminal

    def close(self):
        self.process.kill()
        self.process.wait()
        (KEPT / "console.txt").write_text(shown(self.console.sent))
        self.layer.unlink(missing_ok=True)
        self.host.close()
