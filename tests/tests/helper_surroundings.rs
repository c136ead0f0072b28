//! What a caller of the check helper can do to it: environment, descriptors, limits, signals, arguments, time. None of
//! it may change an answer, leave a guess uncounted, or get at the process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::zombie_processes)]

mod helper_stage;

use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use helper_stage::*;
use twinlock_tests::witness::count;
use twinlock_tests::{Account, Host, Phone, process};

/// A name service module that writes down what it finds around it, in the very process of the helper.
const WITNESS: &str = r#"
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
extern char **environ;
static void copy(FILE *to, const char *path) {
    char line[4096];
    FILE *from = fopen(path, "re");
    if (!from) { fprintf(to, "no %s\n", path); return; }
    while (fgets(line, sizeof line, from)) fputs(line, to);
    fclose(from);
}
enum nss_status _nss_witness_getpwuid_r(uid_t uid, struct passwd *p, char *b, size_t n, int *e) {
    FILE *to = fopen("/run/witness", "we");
    char folder[4096];
    mode_t mask = umask(0);
    umask(mask);
    for (char **one = environ; one && *one; one++) fprintf(to, "environ %s\n", *one);
    fprintf(to, "cwd %s\numask %04o\nsession %d\ndumpable %d\nasked %u\n", getcwd(folder, sizeof folder), mask,
            getsid(0) == getpid(), prctl(PR_GET_DUMPABLE), uid);
    fprintf(to, "secret %s\n", secure_getenv("LDAPCONF") ? "seen" : "not seen");
    DIR *fds = opendir("/proc/self/fd");
    for (struct dirent *one; (one = readdir(fds));)
        if (one->d_name[0] != '.' && atoi(one->d_name) != dirfd(fds) && atoi(one->d_name) != fileno(to))
            fprintf(to, "fd %s\n", one->d_name);
    closedir(fds);
    copy(to, "/proc/self/status");
    copy(to, "/proc/self/limits");
    fclose(to);
    *e = ENOENT;
    return NSS_STATUS_NOTFOUND;
}
"#;

/// A caller that makes everything around it as bad as it can, and then becomes the helper.
const HOSTILE: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char *helper = "/usr/libexec/twinlock/check";
    if (argc > 1 && !strcmp(argv[1], "bare")) {
        char *none[] = { NULL };
        execve(helper, none, none);
        return 99;
    }
    char *arguments[] = { "\n=; rm -rf /", argv[1], NULL };
    char *environment[] = {
        "LD_PRELOAD=/tmp/evil.so", "LD_LIBRARY_PATH=/tmp", "LD_AUDIT=/tmp/evil.so", "LD_DEBUG=all",
        "LD_DEBUG_OUTPUT=/tmp/hostile-debug", "GLIBC_TUNABLES=glibc.malloc.check=3", "MALLOC_TRACE=/tmp/hostile-debug",
        "GCONV_PATH=/tmp", "LOCPATH=/tmp", "NLSPATH=/tmp/%N", "RES_OPTIONS=debug", "HOSTALIASES=/tmp/hosts",
        "HOME=/tmp", "PATH=/tmp:.", "TZ=:/etc/shadow", "TZDIR=/tmp", "TMPDIR=/tmp", "IFS=x", "USER=root",
        "LDAPCONF=/tmp/ldap.conf", "LANG=../../tmp", "LC_ALL=tr_TR.UTF-8", "RUST_BACKTRACE=full",
        "RUST_MIN_STACK=1", "SHELL=/tmp/sh", "=x=y", "without", "=", "", "A=1", "A=2", NULL
    };
    for (int i = 0; i < 300; i++) {
        int low = open("/etc/hostname", O_RDONLY);
        dup2(low, 700 + i);
        close(low);
    }
    struct itimerval soon = { { 0, 1000 }, { 0, 1000 } };
    for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
    setitimer(ITIMER_REAL, &soon, NULL);
    setitimer(ITIMER_VIRTUAL, &soon, NULL);
    setitimer(ITIMER_PROF, &soon, NULL);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    nice(19);
    umask(0777);
    struct { int what; rlim_t soft; } limits[] = {
        { RLIMIT_CORE, RLIM_INFINITY }, { RLIMIT_FSIZE, 0 }, { RLIMIT_NOFILE, 4 }, { RLIMIT_SIGPENDING, 0 },
        { RLIMIT_MEMLOCK, 0 }, { RLIMIT_NPROC, 0 }, { RLIMIT_CPU, 1 }, { RLIMIT_STACK, 1 << 17 },
    };
    for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit both;
        getrlimit(limits[i].what, &both);
        // Only root's processes with CAP_SYS_RESOURCE may raise the other one again: see the test of limits.
        both.rlim_cur = limits[i].soft;
        setrlimit(limits[i].what, &both);
    }
    execve(helper, arguments, environment);
    perror("execve");
    return 99;
}
"#;

fn witnessed(host: &Host) {
    let folder = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    compile(WITNESS, "/tmp/libnss_witness.so.2", &["-shared", "-fPIC"]);
    host.install(
        std::path::Path::new("/tmp/libnss_witness.so.2"),
        std::path::Path::new(&folder).join("libnss_witness.so.2").as_path(),
        0o644,
    );
    host.write("/etc/nsswitch.conf", "passwd: witness files\ngroup: files\nshadow: files\n", 0o644);
}

fn launcher(caller: &Account, word: &str) -> Command {
    compile(HOSTILE, "/tmp/hostile", &["-w"]);
    let mut command = caller.command("/tmp/hostile");
    command.arg(word);
    command
}

#[test]
fn nothing_of_a_hostile_callers_surroundings_is_left() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    witnessed(&host);
    let said = run(launcher(&maria, "verify"), format!("answer={}\n", phone.code()));
    assert_eq!((said.code, said.verdict().as_str()), (0, "accepted"), "{said:?}");
    let seen = std::fs::read_to_string("/run/witness").unwrap();
    let of = |key: &str| -> Vec<&str> {
        seen.lines().filter_map(|line| line.strip_prefix(key)).map(str::trim).collect()
    };
    // Two of the caller's strings have no name that anything could ask for.
    assert!(
        of("environ").iter().all(|one| !one.contains('=') || one.starts_with('=')),
        "{:?}",
        of("environ")
    );
    assert_eq!(of("secret"), ["not seen"]);
    assert_eq!(of("cwd"), ["/"]);
    assert_eq!(of("umask"), ["0077"]);
    assert_eq!(of("session"), ["1"]);
    assert_eq!(of("dumpable"), ["0"]);
    assert_eq!(of("fd"), ["0", "1", "2"]);
    assert_eq!(of("asked"), [maria.uid.to_string()]);
    assert_eq!(of("Uid:"), ["0\t0\t0\t0"]);
    assert_eq!(of("Gid:"), ["0\t0\t0\t0"]);
    assert_eq!(of("Groups:"), [""]);
    assert_eq!(of("Threads:"), ["1"]);
    // All but SIGKILL, SIGSTOP and libc's own two.
    assert_eq!(of("SigBlk:"), ["fffffffe7ffbfeff"]);
    for (limit, values) in [
        ("Max core file size", "1                    1"),
        ("Max file size", "16777216             16777216"),
        ("Max open files", "256                  256"),
        ("Max cpu time", "unlimited            unlimited"),
        ("Max address space", "unlimited            unlimited"),
    ] {
        assert!(of(limit)[0].starts_with(values), "{limit} {:?}", of(limit));
    }
    // Without CAP_SYS_RESOURCE they are as many as this process may have.
    let ours = std::fs::read_to_string("/proc/self/limits").unwrap();
    let most = ours.lines().find_map(|line| line.strip_prefix("Max pending signals")).unwrap();
    let most = most.split_whitespace().nth(1).unwrap();
    let pending: Vec<&str> = of("Max pending signals")[0].split_whitespace().collect();
    assert!([["unlimited"; 2], [most; 2]].contains(&[pending[0], pending[1]]), "{pending:?}, {most}");
    let files =
        std::fs::read_dir("/tmp").unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let written: Vec<String> = files.filter(|name| name.starts_with("hostile-debug")).collect();
    assert!(written.is_empty(), "{written:?}");
}

#[test]
fn under_hostile_surroundings_a_wrong_code_is_counted_too() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    let said = run(launcher(&maria, "verify"), format!("answer={}\n", phone.wrong_code()));
    assert_eq!((said.code, said.verdict().as_str()), (1, "rejected wrong"), "{said:?}");
    assert_eq!(record(&maria).failures, 1);
    assert_eq!(run(launcher(&maria, "bare"), "").code, 2, "no argument at all, not even a name");
}

#[test]
fn whatever_name_it_is_called_by_it_does_the_same() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    let long = "x".repeat(100_000);
    for name in ["", "-sh", "twinlock", "../../bin/sh", "\u{1b}[2J", &long] {
        let mut command = maria.command(HELPER);
        command.arg0(name).arg("status");
        assert_eq!(run(command, "").word, "status", "{name:.20}");
    }
    symlink(HELPER, maria.path("check")).unwrap();
    let mut command = maria.command(maria.path("check"));
    command.arg("verify");
    assert_eq!(run(command, format!("answer={}\n", phone.code())).verdict(), "accepted");
}

#[test]
fn without_its_setuid_bit_it_says_so_and_does_nothing() {
    let host = host(USER_DRIVEN);
    let maria = host.add_user("maria", "secret");
    let said = run(
        {
            let mut command = maria.command("setpriv");
            command.args(["--no-new-privs", HELPER, "status"]);
            command
        },
        "",
    );
    assert_eq!((said.code, said.stdout.as_str()), (3, ""));
    assert!(said.stderr.contains("not installed setuid root"), "{said:?}");
    process::run(process::command("mount").args(["-t", "tmpfs", "-o", "nosuid", "tmpfs", "/srv"])).ok();
    process::run(process::command("cp").args(["-p", HELPER, "/srv/check"])).ok();
    let mut command = maria.command("/srv/check");
    command.arg("status");
    assert_eq!(run(command, "").code, 3);
    process::run(process::command("chmod").args(["0755", HELPER])).ok();
    assert_eq!(status(&maria).code, 3);
}

/// A shell line that ends in the helper.
fn shell(caller: &Account, line: &str) -> Command {
    let mut command = caller.command("/bin/sh");
    command.args(["-c", line]);
    command
}

#[test]
fn closed_descriptors_take_no_file_of_ours() {
    let host = host(USER_DRIVEN);
    for closed in 0..8u32 {
        let (maria, phone) = enrolled(&host, &format!("user{closed}"));
        let line: String = ["<&-", ">&-", "2>&-"]
            .iter()
            .enumerate()
            .filter(|(place, _)| closed >> place & 1 == 1)
            .map(|(_, part)| format!(" {part}"))
            .collect();
        let code = phone.code();
        let said = run(shell(&maria, &format!("exec {HELPER} verify{line}")), format!("answer={code}\n"));
        // In the place of a closed 0, libc itself has put one that cannot be read (secure-execution mode).
        assert_eq!(said.code, if closed & 1 == 1 { 2 } else { 0 }, "{line}: {said:?}");
        assert_eq!(said.stdout.is_empty(), closed & 3 != 0, "{line}");
        // The record is whole, and nothing was written into it but itself.
        let verdict = if closed & 1 == 1 { "accepted" } else { "rejected replayed" };
        assert_eq!(verify(&maria, &code).verdict(), verdict, "{line}");
        let _ = record(&maria);
    }
}

/// The helper as a user whose home may be no folder to stand in.
fn homeless(caller: &Account, word: &str) -> Command {
    let mut command = process::command(HELPER);
    command.uid(caller.uid).gid(caller.gid).arg(word);
    command
}

#[test]
fn whatever_the_user_database_says_of_its_caller_it_answers() {
    let host = host(USER_DRIVEN);
    let long = "n".repeat(250);
    let names = [
        "%s%n%s%n",
        "'quo\"ted`",
        "$(id)",
        "a b",
        "..",
        "../../etc/passwd",
        "ünïcödé",
        "名前",
        "a\u{1b}[2J",
        &long,
    ];
    for (number, name) in names.iter().enumerate() {
        let maria = host.add_user_without_home(name, "secret", format!("/home/user{number}").as_ref());
        process::run(process::command("install").args(["-d", "-m", "0700"]).arg(&maria.home)).ok();
        std::os::unix::fs::chown(&maria.home, Some(maria.uid), Some(maria.gid)).unwrap();
        let phone = Phone::of(&maria);
        twinlock_tests::oathtool::with_time_left(4);
        let input = format!("answer={}\n", phone.code());
        assert_eq!(run(homeless(&maria, "verify"), &input).verdict(), "accepted", "{name}");
        assert_eq!(run(homeless(&maria, "verify"), &input).verdict(), "rejected replayed", "{name}");
    }
    let long = format!("/home/{}", "x".repeat(4_000));
    let homes = [
        "/",
        "",
        "relative",
        "../..",
        "/home/missing",
        "/etc/hostname",
        "/dev/zero",
        "/proc/self/root",
        &long,
    ];
    for (number, home) in homes.iter().enumerate() {
        let maria = host.add_user_without_home(&format!("user{number}"), "secret", home.as_ref());
        for word in ["status", "verify", "disable"] {
            let said = run(homeless(&maria, word), "answer=123456\n");
            assert!((0..=3).contains(&said.code) && said.word != "accepted", "{home:.20} {word}: {said:?}");
        }
    }
    let (maria, phone) = enrolled(&host, "maria");
    let gone = format!("mkdir gone && cd gone && rmdir ../gone && exec {HELPER} verify");
    let said = run(shell(&maria, &gone), format!("answer={}\n", phone.code()));
    assert_eq!(said.verdict(), "accepted");
    drop(host);
    count("surroundings", "odd_users_of_the_helper", names.len() + homes.len() + 1);
}

/// cases.md, row 51: the same for a right and a wrong code, and never an uncounted guess. Soft limits the helper lifts
/// everywhere; hard ones where root's processes may (CAP_SYS_RESOURCE), and elsewhere it is unavailable for both.
#[test]
fn limits_make_no_guess_uncounted() {
    let host = host(USER_DRIVEN);
    let limits = [
        "-Sf 0",
        "-Sf 1",
        "-Sf 15",
        "-Sn 4",
        "-Ss 128",
        "-Sl 0",
        "-Su 1",
        "-Si 0",
        "-Sc unlimited",
        "-St 1",
        "-f 0",
        "-f 1",
        "-f 15",
        "-n 0",
        "-n 3",
        "-n 4",
        "-n 5",
        "-t 1",
        "-v 3000",
        "-v 20000",
        "-s 16",
        "-s 64",
        "-d 0",
        "-c 0",
        "-l 0",
        "-u 1",
        "-i 0",
        "-q 0",
        "-e 0",
        "-r 0",
    ];
    let mut worked = Vec::new();
    for (number, limit) in limits.iter().enumerate() {
        let (maria, phone) = enrolled(&host, &format!("user{number}"));
        let (right, wrong) = (phone.code(), phone.wrong_code());
        let helper = |code: &str| {
            let mut command = maria.command("/bin/bash");
            command.args(["-c", &format!("ulimit {limit} || exit 98; exec {HELPER} verify")]);
            run(command, format!("answer={code}\n"))
        };
        let before = record(&maria);
        let said = helper(&wrong);
        assert_ne!(said.code, 98, "{limit}: {said:?}");
        if said.verdict() == "rejected wrong" {
            worked.push(*limit);
            assert_eq!(record(&maria).failures, 1, "{limit}");
            assert_eq!(helper(&right).verdict(), "accepted", "{limit}");
            assert_eq!(verify(&maria, &right).verdict(), "rejected replayed", "{limit}");
        } else {
            // Not even begun: the loader had no memory or no descriptor, or the limit cannot be lifted.
            assert!(
                said.stdout.is_empty() || said.verdict() == "unavailable surroundings",
                "{limit}: {said:?}"
            );
            let other = helper(&right);
            assert_eq!((said.code, &said.stdout), (other.code, &other.stdout), "{limit}");
            assert_eq!(record(&maria), before, "{limit}");
        }
    }
    eprintln!("it worked under {worked:?}");
    for limit in limits.iter().filter(|limit| limit.starts_with("-S")) {
        assert!(worked.contains(limit), "{limit} is not lifted");
    }
    drop(host);
    count("surroundings", "limits_of_the_helper", limits.len());
}

#[test]
fn a_caller_that_ends_its_input_late_or_never_is_refused() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    let begun = Instant::now();
    let mut silent = started(&maria, "verify");
    let mut dripping = started(&maria, "verify");
    let input = format!("answer={}\n", phone.code());
    silent.stdin.as_mut().unwrap().write_all(input.as_bytes()).unwrap();
    let mut letters = input.bytes().cycle();
    while dripping.try_wait().unwrap().is_none() {
        let _ = dripping.stdin.as_mut().unwrap().write_all(&[letters.next().unwrap()]);
        std::thread::sleep(Duration::from_millis(200));
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    let _stays_open = (silent.stdin.take(), dripping.stdin.take());
    for child in [silent, dripping] {
        let said = said(child.wait_with_output().unwrap());
        assert_eq!((said.code, said.verdict().as_str()), (3, "refused input_too_slow"));
    }
    assert!((19..25).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[test]
fn an_endless_input_is_refused_at_once() {
    let host = host(USER_DRIVEN);
    let maria = host.add_user("maria", "secret");
    for source in ["yes answer=1", "cat /dev/zero", "yes ''"] {
        let begun = Instant::now();
        let said = run(shell(&maria, &format!("{source} 2>/dev/null | {HELPER} verify")), "");
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{source}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{source}");
    }
    for source in ["/dev/null", "/dev/zero", "/", "/dev/full"] {
        let said = run(shell(&maria, &format!("exec {HELPER} verify <{source}")), "");
        assert!([2, 3].contains(&said.code), "{source}: {said:?}");
    }
}

#[test]
fn a_reader_that_is_not_there_changes_nothing_but_what_is_heard() {
    let host = host(USER_DRIVEN);
    for (number, output) in [">/dev/full", "| true", ">&0", "</dev/null >&0"].iter().enumerate() {
        let (maria, phone) = enrolled(&host, &format!("user{number}"));
        let code = phone.code();
        run(shell(&maria, &format!("printf answer={code} | {HELPER} verify {output}")), "");
        let verdict = verify(&maria, &code).verdict();
        let expected = if output.starts_with('<') { "accepted" } else { "rejected replayed" };
        assert_eq!(verdict, expected, "{output}");
    }
}

/// A helper that waits for its input.
fn started(caller: &Account, word: &str) -> Child {
    let mut command = caller.command(HELPER);
    command.arg(word).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        if status.contains("Uid:\t0\t0\t0\t0") && status.contains("State:\tS") {
            return child;
        }
        assert!(Instant::now() < deadline, "{status}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn its_caller_can_neither_signal_nor_trace_nor_read_nor_limit_it() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    let mut child = started(&maria, "verify");
    let id = child.id();
    let attacks = [
        format!("kill -KILL {id}"),
        format!("kill -STOP {id}"),
        format!("kill -TERM {id}"),
        format!("kill -CONT {id}"),
        format!("strace -p {id} -o /dev/null"),
        format!("cat /proc/{id}/environ"),
        format!("cat /proc/{id}/maps"),
        format!("cat /proc/{id}/auxv"),
        format!("dd if=/proc/{id}/mem of=/dev/null count=1"),
        format!("ls /proc/{id}/fd/"),
        format!("ls /proc/{id}/cwd/"),
        format!("cat /proc/{id}/stack"),
        format!("cat /proc/{id}/io"),
        format!("cat /proc/{id}/syscall"),
        format!("prlimit --pid {id} --fsize=0"),
        format!("renice -n 19 -p {id}"),
        format!("echo 1000 >/proc/{id}/oom_score_adj"),
        format!("echo 0 >/proc/{id}/clear_refs"),
    ];
    for attack in attacks {
        let said = run(shell(&maria, &attack), "");
        assert!(said.code != 0 && said.stdout.is_empty(), "{attack}: {said:?}");
    }
    let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap();
    assert_eq!(String::from_utf8(line).unwrap(), format!("{HELPER}\0verify\0"));
    let input = format!("answer={}\n", phone.code());
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert_eq!(said(child.wait_with_output().unwrap()).verdict(), "accepted");
}

/// Each of them has a timer, and the kernel counts the timers of all of root's processes together.
#[test]
fn a_crowd_of_one_users_helpers_keeps_nobody_else_out() {
    let host = host(USER_DRIVEN);
    let maria = host.add_user("maria", "secret");
    let (joseph, phone) = enrolled(&host, "joseph");
    let mut crowd: Vec<Child> = (0..300)
        .map(|_| {
            let mut command = maria.command(HELPER);
            command.arg("status").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    // Root's from where nothing is left of the caller's but the input: then each of them has its timer.
    let waits = |child: &Child| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        status.contains("Uid:\t0\t0\t0\t0") && status.contains("State:\tS")
    };
    let deadline = Instant::now() + Duration::from_secs(15);
    while !crowd.iter().all(waits) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let waiting = crowd.iter().filter(|child| waits(child)).count();
    let said = verify(&joseph, &phone.code());
    crowd.iter_mut().for_each(|child| drop(child.stdin.take()));
    let words: Vec<String> =
        crowd.into_iter().map(|child| self::said(child.wait_with_output().unwrap()).word).collect();
    assert_eq!(said.verdict(), "accepted", "{waiting} of the crowd were waiting");
    assert!(words.iter().all(|word| word == "status"), "{words:?}");
}

#[test]
fn a_caller_that_never_reads_ends_it_after_a_minute() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    // A pipe that is full: the helper's only write waits for ever.
    let begun = Instant::now();
    let line = format!(
        "{{ dd if=/dev/zero bs=65536 count=1 2>/dev/null; printf answer={} | {HELPER} verify; }} | sleep 80",
        phone.code()
    );
    let mut command = shell(&maria, &line);
    let mut shell = command.spawn().unwrap();
    let helper = |()| {
        let found = process::run(process::command("pgrep").args(["-f", HELPER]));
        found.stdout.lines().filter_map(|line| line.parse::<u32>().ok()).find(|id| {
            std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.starts_with(HELPER.as_bytes()))
                && std::fs::read_to_string(format!("/proc/{id}/mountinfo")).ok()
                    == std::fs::read_to_string("/proc/thread-self/mountinfo").ok()
        })
    };
    while helper(()).is_none() {
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    while helper(()).is_some() {
        assert!(begun.elapsed() < Duration::from_secs(70), "it lives");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(begun.elapsed() > Duration::from_secs(55), "{:?}", begun.elapsed());
    let _ = shell.kill();
    let _ = shell.wait();
    assert_eq!(status(&maria).detail("registered"), "yes");
}

#[test]
fn a_log_that_is_missing_full_or_odd_neither_stops_nor_hangs_it() {
    let host = host("require_mfa = false\n[throttle]\nfree_failures = 10\n");
    let (maria, phone) = enrolled(&host, "maria");
    let wrong = phone.wrong_code();
    let check = |what: &str| {
        let begun = Instant::now();
        assert_eq!(verify(&maria, &wrong).verdict(), "rejected wrong", "{what}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{what}: {:?}", begun.elapsed());
    };
    std::fs::remove_file("/dev/log").unwrap();
    check("missing");
    let full = UnixDatagram::bind("/dev/log").unwrap();
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"x", "/dev/log").is_ok() {}
    check("full");
    drop(full);
    check("dead");
    std::fs::remove_file("/dev/log").unwrap();
    let listener = UnixListener::bind("/dev/log").unwrap();
    check("a stream socket");
    drop(listener);
    std::fs::remove_file("/dev/log").unwrap();
    std::fs::write("/dev/log", "").unwrap();
    check("a file");
    std::fs::remove_file("/dev/log").unwrap();
}

#[test]
fn killed_at_every_system_call_a_code_works_once_and_no_told_guess_is_forgotten() {
    let host = host("require_mfa = false\n[throttle]\nfree_failures = 10\n");
    let (maria, phone) = enrolled(&host, "maria");
    let before = std::fs::read(record_path(&maria)).unwrap();
    let credential = maria.read(".twinlock/credential.toml");
    let all = calls(&maria, "verify", &format!("answer={}\n", phone.wrong_code()));
    let takeover = all.iter().position(|call| call.line.starts_with("setresuid(0, 0, 0)")).unwrap();
    assert!(takeover > 20 && all.len() > takeover + 60, "{takeover} of {}", all.len());
    let mut recorded = 0;
    for call in &all {
        let at = format!("killed at {}", call.line);
        restore(&maria, &before, &credential);
        twinlock_tests::oathtool::with_time_left(3);
        let code = phone.code();
        let (output, trace) = traced(&maria, "verify", &format!("answer={code}\n"), &call.signalled("KILL"));
        assert!(trace.contains("killed by SIGKILL"), "{at}: {trace}");
        // Dying at its last call, it has said what it had to say.
        let told = String::from_utf8(output.stdout).unwrap();
        let _ = record(&maria);
        let verdict = verify(&maria, &code).verdict();
        match verdict.as_str() {
            "accepted" => assert_eq!(told, "", "{at}"),
            "rejected replayed" => recorded += 1,
            _ => panic!("{at}: {verdict}"),
        }
        assert_eq!(verify(&maria, &code).verdict(), "rejected replayed", "{at}");

        restore(&maria, &before, &credential);
        let wrong = format!("answer={}\n", phone.wrong_code());
        let (output, _) = traced(&maria, "verify", &wrong, &call.signalled("KILL"));
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.is_empty() || record(&maria).failures == 1, "{at}: {told}");
    }
    assert!(recorded > 3, "{recorded}");
    eprintln!("{} system calls, {recorded} of them after the record was written", all.len());
    drop(host);
    count("kills", "helper_killed_at_every_system_call", 2 * all.len());
}

#[test]
fn killed_at_every_system_call_of_a_change_the_file_and_the_ledger_part_only_between_their_two_writes() {
    let host = host("require_mfa = false\n[throttle]\nfree_failures = 10\n");
    let (maria, phone) = enrolled(&host, "maria");
    let spare = Phone::numbered(2);
    let before = std::fs::read(record_path(&maria)).unwrap();
    let credential = maria.read(".twinlock/credential.toml");
    let old = stored(&maria);
    let new = of(&[authenticator(1, "phone", &phone), authenticator(2, "spare", &spare)]);
    let input = || {
        twinlock_tests::oathtool::with_time_left(4);
        let code = phone.code();
        (code.clone(), change_input(&code, &spare.code(), "", &new))
    };
    let all = calls(&maria, "change", &input().1);
    let (mut as_before, mut done, mut parted) = (0, 0, Vec::new());
    for call in &all {
        let at = format!("killed at {}", call.line);
        restore(&maria, &before, &credential);
        let _ = std::fs::remove_file(maria.path(".twinlock/credential.toml.new"));
        let (code, input) = input();
        let (output, trace) = traced(&maria, "change", &input, &call.signalled("KILL"));
        assert!(trace.contains("killed by SIGKILL"), "{at}: {trace}");
        let told = String::from_utf8(output.stdout).unwrap();
        let (file, known) = (stored(&maria), record(&maria));
        let is_new = file.fingerprint() == new.fingerprint();
        assert!(is_new || file.fingerprint() == old.fingerprint(), "{at}: the file is neither");
        if !known.knows(&file.clone().into()) {
            assert!(is_new && told.is_empty(), "{at}: {told}");
            parted.push(call.line.clone());
            continue;
        }
        if is_new {
            done += 1;
            assert_eq!(verify(&maria, &code).verdict(), "rejected replayed", "{at}");
        } else {
            as_before += 1;
            assert_eq!(told, "", "{at}");
            let first = verify(&maria, &code).verdict();
            assert!(["accepted", "rejected replayed"].contains(&first.as_str()), "{at}: {first}");
            assert_eq!(verify(&maria, &code).verdict(), "rejected replayed", "{at}");
            // And the change can be made anew.
            let again = change(&maria, &phone.code_at_step(1), &spare.code_at_step(1), &new).verdict();
            assert_eq!(again, "accepted", "{at}");
        }
    }
    eprintln!("{} system calls: {as_before} as before, {done} done, {} parted:", all.len(), parted.len());
    eprintln!("{}", parted.join("\n"));
    assert!(as_before > 100 && done > 3 && parted.len() < 20, "{as_before} {done} {parted:?}");
    drop(host);
    count("kills", "helper_killed_at_every_system_call_of_a_change", all.len());
}

#[test]
fn stopped_at_every_system_call_and_let_go_it_answers_right() {
    let host = host("require_mfa = false\n[throttle]\nfree_failures = 10\n");
    let (maria, phone) = enrolled(&host, "maria");
    let before = std::fs::read(record_path(&maria)).unwrap();
    let credential = maria.read(".twinlock/credential.toml");
    let all = calls(&maria, "verify", &format!("answer={}\n", phone.wrong_code()));
    // Nothing stops in the last one.
    for call in all.iter().filter(|call| call.name != "exit_group") {
        restore(&maria, &before, &credential);
        let input = format!("answer={}\n", phone.code());
        let mut strace = strace(&maria, "verify", &input, &call.signalled("STOP"));
        let child = strace.stdout(Stdio::piped()).spawn().unwrap();
        let stopped = stopped_child(child.id(), &maria);
        process::run(process::command("kill").args(["-CONT", &stopped.to_string()])).ok();
        let said = said(child.wait_with_output().unwrap());
        assert_eq!(said.verdict(), "accepted", "stopped at {}: {said:?}", call.line);
    }
}

/// Waits until strace says that its child is stopped, and returns the child's id.
fn stopped_child(strace: u32, caller: &Account) -> u32 {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !std::fs::read_to_string(trace(caller)).is_ok_and(|trace| trace.contains("stopped by SIGSTOP")) {
        assert!(Instant::now() < deadline, "nothing stops");
        std::thread::sleep(Duration::from_millis(2));
    }
    let children = std::fs::read_to_string(format!("/proc/{strace}/task/{strace}/children")).unwrap();
    children.split_whitespace().next().unwrap().parse().unwrap()
}

/// cases.md, row 59, for the helper.
#[test]
fn stopped_while_it_holds_the_lock_it_delays_only_its_own_user_and_not_for_ever() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    let (jakob, jakobs) = enrolled(&host, "jakob");
    let input = format!("answer={}\n", phone.code());
    let stop = ["-e", "trace=pwrite64", "-e", "inject=pwrite64:signal=STOP:when=1"].map(str::to_owned);
    let child = strace(&maria, "verify", &input, &stop).stdout(Stdio::piped()).spawn().unwrap();
    let stopped = stopped_child(child.id(), &maria);
    let begun = Instant::now();
    assert_eq!(verify(&jakob, &jakobs.code()).verdict(), "accepted");
    assert!(begun.elapsed() < Duration::from_secs(1));
    let said_meanwhile = verify(&maria, &phone.code_at_step(1));
    assert_eq!(said_meanwhile.verdict(), "unavailable lock_held");
    assert!((4..8).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    host.journal().wait_for(|line| line.message.contains("reason=lock_held"));
    process::run(process::command("kill").args(["-CONT", &stopped.to_string()])).ok();
    assert_eq!(said(child.wait_with_output().unwrap()).verdict(), "accepted");
    assert_eq!(verify(&maria, &phone.code_at_step(1)).verdict(), "accepted");
}
