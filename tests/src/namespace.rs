//! The walls of a test's host: mounts, network and host name of the calling thread alone. Other threads, the process
//! and the machine never see what happens inside, and when the last process in it ends, the kernel throws it away.
//! What a host writes below the covered folders lands in memory; nothing else of the machine is writable by accident.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::artefacts;

/// Folders that a host may change; each is covered by an overlay in memory.
const COVERED: &[&str] =
    &["/etc", "/home", "/root", "/var", "/usr", "/opt", "/tmp", "/srv", "/bin", "/sbin", "/lib", "/lib64"];

/// Where the memory behind the overlays hangs, inside the host.
const BEHIND: &str = "/run/twinlock-tests";

/// The name of every test's host.
pub(crate) const HOST_NAME: &str = "erp-t01";

/// Where the harness's folder on the real disk is seen inside the host.
pub(crate) fn disk() -> PathBuf {
    Path::new(BEHIND).join("disk")
}

/// The thread's way back. Outside is what the first host of this process was entered from.
#[derive(Debug)]
struct Outside {
    kinds: Vec<(File, CloneFlags)>,
    folder: PathBuf,
}

static OUTSIDE: OnceLock<Outside> = OnceLock::new();

fn outside() -> &'static Outside {
    OUTSIDE.get_or_init(|| {
        let kinds = [
            ("net", CloneFlags::CLONE_NEWNET),
            ("uts", CloneFlags::CLONE_NEWUTS),
            ("mnt", CloneFlags::CLONE_NEWNS),
        ];
        let kinds = kinds.map(|(name, kind)| {
            (File::open(format!("/proc/thread-self/ns/{name}")).expect("the thread's namespaces"), kind)
        });
        Outside { kinds: kinds.into(), folder: std::env::current_dir().unwrap_or_else(|_| "/".into()) }
    })
}

/// Encloses the calling thread, and what it starts from now on.
pub(crate) fn enter() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "these tests need root: they mount, in a namespace of their own"
    );
    // A thread that still stands in another host (its owner leaked it) starts from outside all the same.
    leave();
    let scratch = artefacts::scratch_folder();
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWNET)
        .expect("unshare: the kernel or the container forbids namespaces of one's own");
    plain_mount("", "/", "", MsFlags::MS_REC | MsFlags::MS_PRIVATE, "");
    nix::unistd::sethostname(HOST_NAME).expect("sethostname");
    mount_run(&scratch);
    for folder in COVERED {
        cover(Path::new(folder));
    }
    mount_dev();
    assert!(
        std::env::current_exe().is_ok_and(|program| program.exists()),
        "the target folder lies on a file system mounted below one of {COVERED:?}, which hosts cannot see; \
         set CARGO_TARGET_DIR to a folder elsewhere"
    );
    std::env::set_current_dir("/").expect("/");
}

/// Brings the calling thread back outside.
pub(crate) fn leave() {
    let outside = outside();
    // Threads started in the host may live on and share this thread's view of folders; setns wants it unshared.
    unshare(CloneFlags::CLONE_FS).expect("unshare");
    for (namespace, kind) in &outside.kinds {
        setns(namespace, *kind).expect("setns: back outside");
    }
    // It was left for `/` by setns; if the folder is gone, `/` is as good.
    let _ = std::env::set_current_dir(&outside.folder);
}

fn plain_mount(source: &str, target: impl AsRef<Path>, kind: &str, flags: MsFlags, options: &str) {
    let target = target.as_ref();
    mount(Some(source), target, Some(kind), flags, Some(options))
        .unwrap_or_else(|error| panic!("mount {kind} {options} on {}: {error}", target.display()));
}

/// Nobody in a host talks to the machine's daemons, so `/run` is empty but for what programs expect.
fn mount_run(scratch: &Path) {
    let kept = File::open(scratch).expect("the scratch folder");
    plain_mount("tmpfs", "/run", "tmpfs", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, "mode=0755");
    folder(disk(), 0o755);
    // By descriptor: the path may lie below what is covered later, never below /run.
    let source = format!("/proc/thread-self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&kept));
    plain_mount(&source, disk(), "", MsFlags::MS_BIND, "");
    // setuid programs are part of what is tested, and installed into overlays whose memory is this one.
    folder(Path::new(BEHIND).join("memory"), 0o755);
    plain_mount("tmpfs", Path::new(BEHIND).join("memory"), "tmpfs", MsFlags::empty(), "mode=0755");
    for path in ["/run/sshd", "/run/lock", "/run/user"] {
        folder(path, 0o755);
    }
    File::create("/run/utmp").expect("/run/utmp");
}

/// An overlay with the look of the folder it covers.
fn cover(path: &Path) {
    let Ok(metadata) = path.symlink_metadata() else { return };
    if !metadata.is_dir() {
        return; // /lib -> usr/lib
    }
    let memory = Path::new(BEHIND).join("memory").join(path.strip_prefix("/").expect("absolute"));
    let (upper, work) = (memory.join("upper"), memory.join("work"));
    folder(&upper, 0o755);
    folder(&work, 0o755);
    std::fs::set_permissions(&upper, std::fs::Permissions::from_mode(metadata.mode() & 0o7777))
        .expect("chmod");
    std::os::unix::fs::chown(&upper, Some(metadata.uid()), Some(metadata.gid())).expect("chown");
    let options =
        format!("lowerdir={},upperdir={},workdir={}", path.display(), upper.display(), work.display());
    plain_mount("overlay", path, "overlay", MsFlags::empty(), &options);
}

/// The paths that the overlays hold: written, or removed, since the host was entered.
pub(crate) fn written() -> BTreeSet<PathBuf> {
    let mut paths = BTreeSet::new();
    for covered in COVERED.iter().map(Path::new) {
        let memory = Path::new(BEHIND).join("memory").join(covered.strip_prefix("/").expect("absolute"));
        collect(&memory.join("upper"), covered, &mut paths);
    }
    paths
}

fn collect(upper: &Path, path: &Path, paths: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(upper).into_iter().flatten().flatten() {
        let path = path.join(entry.file_name());
        collect(&entry.path(), &path, paths);
        paths.insert(path);
    }
}

/// A small `/dev` with terminals of its own; `/dev/log` is the journal's to bind.
fn mount_dev() {
    plain_mount("tmpfs", "/dev", "tmpfs", MsFlags::MS_NOSUID, "mode=0755");
    let characters =
        [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];
    for (name, major, minor) in characters {
        device(name, SFlag::S_IFCHR, 0o666, major, minor);
    }
    // For file systems in images.
    device("loop-control", SFlag::S_IFCHR, 0o600, 10, 237);
    for number in 0..32 {
        device(&format!("loop{number}"), SFlag::S_IFBLK, 0o600, 7, number);
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ] {
        symlink(target, Path::new("/dev").join(name)).expect("symlink in /dev");
    }
    folder("/dev/pts", 0o755);
    plain_mount(
        "devpts",
        "/dev/pts",
        "devpts",
        MsFlags::MS_NOSUID,
        "newinstance,ptmxmode=0666,mode=0620,gid=5",
    );
    folder("/dev/shm", 0o1777);
    plain_mount("tmpfs", "/dev/shm", "tmpfs", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, "mode=1777");
}

fn device(name: &str, kind: SFlag, mode: u32, major: u64, minor: u64) {
    let path = Path::new("/dev").join(name);
    mknod(&path, kind, Mode::from_bits_truncate(mode), makedev(major, minor)).expect("mknod");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
}

fn folder(path: impl AsRef<Path>, mode: u32) {
    let path = path.as_ref();
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .unwrap_or_else(|error| panic!("cannot create {}: {error}", path.display()));
}
