//! A machine for one test: users, PAM services, a policy, the built module. It exists for the thread that made it, and
//! for what that thread starts, until it is dropped; the real machine is never changed.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::Write as _;
use std::marker::PhantomData;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::account::Account;
use crate::journal::Journal;
use crate::{artefacts, namespace, process};

/// The first user and group id that hosts give out.
const FIRST_ID: u32 = 20_001;

/// A host for the calling thread.
#[derive(Debug)]
pub struct Host {
    journal: Journal,
    next_id: Cell<u32>,
    /// What lies on the real disk, and goes with the host.
    on_disk: Mutex<Vec<PathBuf>>,
    mounted: Mutex<Vec<PathBuf>>,
    /// A namespace belongs to a thread.
    stays_on_its_thread: PhantomData<*const ()>,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// Encloses the calling thread in a host of its own: overlays in memory over the folders that tests change, empty
    /// `/run` and `/dev`, a loopback network with nothing else on it, the name `erp-t01`, and a [`Journal`].
    pub fn new() -> Self {
        namespace::enter();
        let host = Self {
            journal: Journal::start(),
            next_id: Cell::new(FIRST_ID),
            on_disk: Mutex::default(),
            mounted: Mutex::default(),
            stays_on_its_thread: PhantomData,
        };
        process::run(process::command("ip").args(["link", "set", "lo", "up"])).ok();
        host.write(
            "/etc/hosts",
            &format!("127.0.0.1 localhost {}\n::1 localhost\n", namespace::HOST_NAME),
            0o644,
        );
        host.install(artefacts::pam_stage(), &pam_folder().join("pam_stage.so"), 0o644);
        host
    }

    /// The system log of the host.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Adds a user with a group of their own, a home (0700) and a password.
    pub fn add_user(&self, name: &str, password: &str) -> Account {
        let home = Path::new("/home").join(name);
        let account = self.add_user_without_home(name, password, &home);
        DirBuilder::new().recursive(true).mode(0o700).create(&home).expect("a home");
        chown(&home, Some(account.uid), Some(account.gid)).expect("chown of a home");
        account
    }

    /// Adds a user whose home is at `home`, or is not there at all: the folder is not made.
    pub fn add_user_without_home(&self, name: &str, password: &str, home: &Path) -> Account {
        let id = self.next_id.replace(self.next_id.get() + 1);
        let account = Account {
            name: name.to_owned(),
            password: password.to_owned(),
            uid: id,
            gid: id,
            home: home.to_owned(),
        };
        append("/etc/passwd", &format!("{name}:x:{id}:{id}::{}:/bin/sh\n", home.display()));
        append("/etc/group", &format!("{name}:x:{id}:\n"));
        append("/etc/shadow", &format!("{name}:{}:20000:0:99999:7:::\n", hashed(password)));
        account
    }

    /// Sets another password, root's for instance.
    pub fn set_password(&self, name: &str, password: &str) {
        let shadow = std::fs::read_to_string("/etc/shadow").expect("/etc/shadow");
        let mut text = String::new();
        let mut found = false;
        for line in shadow.lines() {
            let mut fields: Vec<&str> = line.split(':').collect();
            let hash = hashed(password);
            if fields[0] == name {
                found = true;
                fields[1] = &hash;
            }
            writeln!(text, "{}", fields.join(":")).expect("a string");
        }
        assert!(found, "no user {name}");
        std::fs::write("/etc/shadow", text).expect("/etc/shadow");
    }

    /// Adds a group with members; returns its id.
    pub fn add_group(&self, name: &str, members: &[&str]) -> u32 {
        let id = self.next_id.replace(self.next_id.get() + 1);
        append("/etc/group", &format!("{name}:x:{id}:{}\n", members.join(",")));
        id
    }

    /// Writes a file of root's, with its folders (0755).
    pub fn write(&self, path: impl AsRef<Path>, content: &str, mode: u32) {
        let path = path.as_ref();
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o755).create(folder).expect("mkdir");
        }
        std::fs::write(path, content).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
        std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
    }

    /// Writes `/etc/twinlock/policy.toml`.
    pub fn policy(&self, text: &str) {
        self.write("/etc/twinlock/policy.toml", text, 0o644);
    }

    /// Writes a drop-in `/etc/twinlock/policy.d/<name>`.
    pub fn policy_drop_in(&self, name: &str, text: &str) {
        self.write(Path::new("/etc/twinlock/policy.d").join(name), text, 0o644);
    }

    /// Writes `/etc/pam.d/<name>`.
    pub fn pam_service(&self, name: &str, text: &str) {
        self.write(Path::new("/etc/pam.d").join(name), text, 0o644);
    }

    /// Installs the built module and command, each where a package puts it.
    pub fn install_twinlock(&self) {
        self.install_module(&artefacts::module());
        self.install_command(&artefacts::command());
        self.state_folders();
    }

    /// Makes the folders of `/var/lib/twinlock`, as a package does.
    fn state_folders(&self) {
        for folder in ["ledger", "credentials", "pending"] {
            let path = Path::new("/var/lib/twinlock").join(folder);
            DirBuilder::new().recursive(true).mode(0o700).create(&path).expect("a folder of the state");
        }
    }

    /// Installs the check helper, setuid root.
    pub fn install_check_helper(&self) {
        let path = Path::new("/usr/libexec/twinlock/check");
        DirBuilder::new().recursive(true).mode(0o755).create("/usr/libexec/twinlock").expect("mkdir");
        self.install(&artefacts::check_helper(), path, 0o4755);
    }

    /// Installs a module as `pam_twinlock.so`; returns its path.
    pub fn install_module(&self, built: &Path) -> PathBuf {
        let path = pam_folder().join("pam_twinlock.so");
        self.install(built, &path, 0o644);
        path
    }

    /// Installs a command as `/usr/bin/twinlock`.
    pub fn install_command(&self, built: &Path) {
        self.install(built, Path::new("/usr/bin/twinlock"), 0o755);
    }

    /// Copies a file to its place, as root's.
    pub fn install(&self, source: &Path, target: &Path, mode: u32) {
        // Not over the old file: it may be mapped.
        let _ = std::fs::remove_file(target);
        // By another process: a sibling test that forks while this one had the new file open for writing would keep it
        // busy (ETXTBSY) until its child's exec.
        process::run(process::command("cp").arg(source).arg(target)).ok();
        chown(target, Some(0), Some(0)).expect("chown");
        std::fs::set_permissions(target, Permissions::from_mode(mode)).expect("chmod");
    }

    /// Puts `/var/lib/twinlock` on the disk of the target folder, where an `fdatasync` is one.
    pub fn ledger_on_disk(&self) {
        self.on_disk("/var/lib/twinlock");
        self.state_folders();
    }

    /// Puts a fresh folder (root's, 0755) of the target folder's disk in the place of `path`.
    pub fn on_disk(&self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        let folder = namespace::disk().join(unique("folder"));
        DirBuilder::new().mode(0o755).create(&folder).expect("a folder on the disk");
        DirBuilder::new().recursive(true).mode(0o755).create(path).expect("mkdir");
        mount(Some(&folder), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .unwrap_or_else(|error| panic!("bind {} on {}: {error}", folder.display(), path.display()));
        self.on_disk.lock().unwrap().push(folder);
    }

    /// Puts a fresh file system (`ext4`, `xfs`, `btrfs`) of so many MiB, in a sparse image on the target folder's disk,
    /// in the place of `path`; to be filled up, made read-only (`mount -o remount,ro`) or torn. xfs wants 300 MiB, btrfs
    /// 110. The loop device goes with the mount.
    pub fn file_system(&self, kind: &str, mebibytes: u64, path: &str) {
        let image = namespace::disk().join(unique("image"));
        let file = std::fs::File::create(&image).expect("an image");
        file.set_len(mebibytes << 20).expect("a sparse file");
        self.on_disk.lock().unwrap().push(image.clone());
        process::run(process::command(format!("mkfs.{kind}")).arg("-q").arg(&image)).ok();
        DirBuilder::new().recursive(true).mode(0o755).create(path).expect("mkdir");
        process::run(process::command("mount").args(["-t", kind, "-o", "loop"]).arg(&image).arg(path)).ok();
        self.mounted.lock().unwrap().push(path.into());
    }

    /// Moves the clock of every program that starts from now on, setuid ones and sshd's children too, until the next
    /// call; programs under way follow within ten seconds. `+1y`, `-10m`, `@2038-01-19 03:14:00` (`faketime(1)`), `+0`
    /// for the real time. The test itself, and so [`crate::oathtool::now`], keeps the real time.
    pub fn set_clock(&self, clock: &str) {
        self.write("/etc/faketimerc", &format!("{clock}\n"), 0o644);
        // LD_PRELOAD would do for neither: sshd empties its environment, setuid programs ignore it.
        self.write("/etc/ld.so.preload", &format!("{}\n", process::faketime_library()), 0o644);
    }

    /// What was written so far on this host below the folders that overlays cover, as paths of the host. All of it is in
    /// memory. The walls of [`Host::on_disk`] and [`Host::file_system`] are not looked behind.
    pub fn written(&self) -> BTreeSet<PathBuf> {
        namespace::written()
    }

    /// Adds an address to the loopback device, for clients that shall come from it (`ssh -b`).
    pub fn add_address(&self, address: &str) {
        process::run(process::command("ip").args(["address", "add", address, "dev", "lo", "nodad"])).ok();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the log of the test's host ---\n{}", self.journal.text());
        }
        for path in self.mounted.lock().unwrap().drain(..) {
            let _ = umount2(&path, MntFlags::MNT_DETACH);
        }
        for path in self.on_disk.lock().unwrap().drain(..) {
            // A program that still runs may keep it; the target folder is not the machine's.
            let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
        }
        namespace::leave();
    }
}

/// The distribution's folder of PAM modules: the one where `pam_unix.so` lies.
pub fn pam_folder() -> PathBuf {
    let arch = std::env::consts::ARCH;
    [format!("/lib/{arch}-linux-gnu/security"), "/lib64/security".to_owned(), "/lib/security".to_owned()]
        .into_iter()
        .chain([format!("/usr/lib/{arch}-linux-gnu/security"), "/usr/lib/security".to_owned()])
        .map(PathBuf::from)
        .find(|folder| folder.join("pam_unix.so").exists())
        .expect("the folder of PAM modules")
}

/// A name that no other host uses.
fn unique(kind: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{kind}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn append(path: &str, line: &str) {
    let mut file =
        OpenOptions::new().append(true).open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    file.write_all(line.as_bytes()).unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// The crypt(3) hash of a password, few rounds, made by `chpasswd` once per password and process.
fn hashed(password: &str) -> String {
    static KNOWN: OnceLock<Mutex<HashMap<String, String>>> = OnceLock::new();
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap();
    if let Some(hash) = known.get(password) {
        return hash.clone();
    }
    let before = std::fs::read("/etc/shadow").expect("/etc/shadow");
    append("/etc/passwd", "hashing:x:19999:19999::/:/bin/false\n");
    append("/etc/shadow", "hashing:!:20000:0:99999:7:::\n");
    let mut command = process::command("chpasswd");
    command.args(["--crypt-method", "SHA512", "--sha-rounds", "1000"]).stdin(Stdio::piped());
    let mut chpasswd = process::Process::spawn(&mut command);
    let mut input = chpasswd.child.stdin.take().expect("a pipe");
    writeln!(input, "hashing:{password}").expect("chpasswd reads");
    drop(input);
    assert!(chpasswd.wait(crate::PATIENCE).is_some_and(|status| status.success()), "chpasswd failed");
    let shadow = std::fs::read_to_string("/etc/shadow").expect("/etc/shadow");
    let line = shadow.lines().find(|line| line.starts_with("hashing:")).expect("chpasswd kept the line");
    let hash = line.split(':').nth(1).expect("a hash").to_owned();
    std::fs::write("/etc/shadow", before).expect("/etc/shadow");
    let passwd = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let without: String =
        passwd.lines().filter(|line| !line.starts_with("hashing:")).map(|line| format!("{line}\n")).collect();
    std::fs::write("/etc/passwd", without).expect("/etc/passwd");
    known.insert(password.to_owned(), hash.clone());
    hash
}
