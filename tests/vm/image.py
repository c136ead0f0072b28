"""What the machine is made of, made once and kept: a folder with QEMU in it, and the disk of a Debian trixie that has
SELinux and users, but nothing of ours. Everything is labelled while the image is made, so no boot is spent on it."""

import hashlib
import pathlib
import shutil
import subprocess

import debian
from debian import ENVIRONMENT
from logins import PASSWORD

KEPT = debian.CACHE / "vm"
WORKSHOP = KEPT / "workshop"
GUEST = KEPT / "guest"
DISK = KEPT / "disk.img"
KEY = KEPT / "key"

# QEMU comes out of a folder: whatever Debian the machine runs, it is this one, and nothing is installed beside it.
TOOLS = ["qemu-system-x86", "qemu-utils", "e2fsprogs", "openssh-client", "policycoreutils"]
PACKAGES = [
    "linux-image-cloud-amd64", "initramfs-tools", "zstd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server",
    "openssh-client", "sudo", "login", "passwd", "util-linux", "cron", "auditd", "selinux-policy-default", "policycoreutils",
    "policycoreutils-python-utils", "newrole", "iproute2", "procps", "polkitd",
]
# Who logs in: what SELinux calls them, and what sudo lets them do.
USERS = {
    "maria": (None, "ALL=(ALL:ALL) ALL"),
    "otto": (None, None),
    "anna": ("staff_u", "ALL=(ALL:ALL) ROLE=sysadm_r TYPE=sysadm_t ALL"),
    "udo": ("user_u", None),
}
FILES = {
    "/etc/hostname": "erp-t01\n",
    "/etc/hosts": "127.0.0.1 localhost\n127.0.1.1 erp-t01\n",
    "/etc/fstab": "/dev/vda / ext4 defaults 0 0\n",
    "/etc/systemd/network/10-all.network": "[Match]\nName=e*\n[Network]\nAddress=10.0.2.15/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n",
    # Emulated and on a busy machine, everything takes its time.
    "/etc/systemd/system.conf.d/time.conf": "[Manager]\nDefaultTimeoutStartSec=30min\nDefaultTimeoutStopSec=30min\nDefaultDeviceTimeoutSec=30min\n",
    "/etc/systemd/user.conf.d/time.conf": "[Manager]\nDefaultTimeoutStartSec=30min\nDefaultTimeoutStopSec=30min\n",
    "/etc/ssh/sshd_config.d/00-test.conf": "LoginGraceTime 1800\nUseDNS no\nPrintMotd no\nPrintLastLog no\nPermitRootLogin prohibit-password\n",
    "/etc/initramfs-tools/conf.d/test.conf": "MODULES=list\nRESUME=none\n",
    "/etc/initramfs-tools/modules": "virtio_pci\nvirtio_blk\next4\n",
    "/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=default\nSETLOCALDEFS=0\n",
}
# A gap in Debian's policy of trixie, without us: logind may not take the pidfd that su hands it from somebody's session, loses
# its connection to the bus over it, and from then on no login gets a user manager.
GAP = "(allow systemd_logind_t domain (fd (use)))\n"
# Nothing starts by itself in the middle of a scene.
MASKED = ["apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
          "fstrim.timer", "systemd-tmpfiles-clean.timer", "logrotate.timer", "systemd-networkd-wait-online.service"]


def prepare():
    """Makes what is missing. Needs the network; later runs need none of it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    recipe = hashlib.sha256(pathlib.Path(__file__).read_bytes() + pathlib.Path(debian.__file__).read_bytes()).hexdigest()
    mark = KEPT / "made-with"
    if mark.is_file() and mark.read_text() == recipe:
        return
    mark.unlink(missing_ok=True)
    print(f"making the machine and its disk, once, a few minutes: {KEPT}", flush=True)
    for place, packages in ((WORKSHOP, TOOLS), (GUEST, PACKAGES)):
        shutil.rmtree(place, ignore_errors=True)
        debian.make("trixie", packages, place)
    if not KEY.exists():
        step("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/srv/key", within=WORKSHOP)
    furnish(GUEST)
    for name in ("vmlinuz", "initrd.img"):
        shutil.copyfile(next((GUEST / "boot").glob(f"{name}-*")), KEPT / name)
    DISK.unlink(missing_ok=True)
    contexts = "/srv/guest/etc/selinux/default/contexts/files/file_contexts"
    step("setfiles", "-q", "-r", "/srv/guest", contexts, "/srv/guest", within=WORKSHOP)
    step("mke2fs", "-q", "-t", "ext4", "-d", "/srv/guest", "/srv/disk.img", "3G", within=WORKSHOP)
    shutil.rmtree(GUEST)
    mark.write_text(recipe)


def furnish(root):
    """Files, users, and SELinux's view of them."""
    for name, text in FILES.items():
        path = root / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "usr/sbin/policy-rc.d").unlink()
    (root / "etc/dpkg/dpkg.cfg.d/tests").unlink()
    logins = root / "etc/login.defs"
    logins.write_text(logins.read_text().replace("LOGIN_TIMEOUT\t\t60", "LOGIN_TIMEOUT\t\t1800"))
    for unit in MASKED:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    keys = root / "root/.ssh/authorized_keys"
    keys.parent.mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(KEY.with_suffix(".pub"), keys)

    def inside(*words, typed=None):
        step(*words, within=root, typed=typed)

    inside("systemctl", "enable", "systemd-networkd.service")
    inside("update-initramfs", "-u")
    for name, (_, sudo) in USERS.items():
        inside("useradd", "-m", "-s", "/bin/sh", name)
        inside("chpasswd", typed=f"{name}:{PASSWORD}\n")
        (root / f"home/{name}/.profile").write_text("PS1='in$ '\n")
        if sudo:
            path = root / "etc/sudoers.d" / name
            path.write_text(f"{name} {sudo}\n")
            path.chmod(0o440)
    (root / "root/gap.cil").write_text(GAP)
    inside("semodule", "-n", "-s", "default", "-i", "/root/gap.cil")
    # Homes of confined users have other labels than those of everybody else; this makes both known.
    for name, (confined, _) in USERS.items():
        if confined:
            inside("semanage", "login", "-S", "default", "-N", "-a", "-s", confined, name)


def step(*words, within, typed=None):
    """Runs a program in a folder, with what is kept at /srv."""
    inner = 'mount --rbind "$1" "$2/srv" && mount -t proc proc "$2/proc" && shift 1 && cd / && exec chroot "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", inner, "sh", str(KEPT), str(within), *words],
        input=typed, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout
