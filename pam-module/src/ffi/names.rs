//! Fewer names of libc's for the loader to look up. The module is bound when it is loaded (its tables are read-only
//! afterwards), so each function that it names costs every login a look-up, also one that only the standard library's
//! backtraces would call, which our panic hook never prints, or a host that is not root's. Here stand such functions, under
//! their own names within the module (docs/decisions/0013): some are looked up when they are called, in the same way and so
//! with the same answer; some are calls of the kernel's by the numbers and arguments that libc would pass on; two do less
//! than another function does that is there already.
//!
//! No name leaves the module, and nothing is decided here. Never here: a call that libc prepares, retries or makes for all
//! threads at once.

use std::arch::global_asm;

// SAFETY: each symbol has the arguments and the answer of libc's function of its name. What is looked up late gets all
// arguments that its registers brought, on a stack as it was, and is in every glibc that the module is built for
// (tests/tests/artefact.rs looks); a call of the kernel's changes rax, rcx and r11 alone, which callers do not count on.
global_asm!(
    ".section .text.twinlock_names, \"ax\", @progbits",
    // Weak, since the standard library asks for some of them so; it is the only definition that the linker sees.
    ".macro twinlock_name name",
    ".hidden \\name",
    ".weak \\name",
    ".type \\name, @function",
    "\\name:",
    ".endm",
    // Looked up when called: dlsym(3) with RTLD_DEFAULT, which is 0. All of them are as old as the oldest libc that the
    // module is built for, so there is one. The arguments are kept meanwhile, and with them the stack stays aligned.
    ".macro twinlock_late name",
    "twinlock_name \\name",
    "lea r11, [rip + .Ltwinlock_name_\\name]",
    "jmp .Ltwinlock_late",
    ".pushsection .rodata.twinlock_names, \"a\", @progbits",
    ".Ltwinlock_name_\\name: .asciz \"\\name\"",
    ".popsection",
    ".endm",
    ".Ltwinlock_late:",
    "push rax",
    "push rdi",
    "push rsi",
    "push rdx",
    "push rcx",
    "push r8",
    "push r9",
    "xor edi, edi",
    "mov rsi, r11",
    "call qword ptr [rip + dlsym@GOTPCREL]",
    "mov r11, rax",
    "pop r9",
    "pop r8",
    "pop rcx",
    "pop rdx",
    "pop rsi",
    "pop rdi",
    "pop rax",
    "jmp r11",
    "twinlock_late faccessat",
    "twinlock_late fchmodat",
    "twinlock_late fstat64",
    "twinlock_late getcwd",
    "twinlock_late getenv",
    "twinlock_late getgrouplist",
    "twinlock_late gethostname",
    "twinlock_late gettid",
    "twinlock_late lseek64",
    "twinlock_late mmap64",
    "twinlock_late munmap",
    "twinlock_late open64",
    "twinlock_late posix_memalign",
    "twinlock_late posix_spawn",
    "twinlock_late posix_spawn_file_actions_adddup2",
    "twinlock_late posix_spawn_file_actions_addopen",
    "twinlock_late posix_spawn_file_actions_destroy",
    "twinlock_late posix_spawn_file_actions_init",
    "twinlock_late posix_spawnattr_destroy",
    "twinlock_late posix_spawnattr_init",
    "twinlock_late read",
    "twinlock_late readlink",
    "twinlock_late realpath",
    "twinlock_late stat64",
    "twinlock_late statx",
    "twinlock_late write",
    "twinlock_late __xpg_strerror_r",
    // Calls of the kernel's, for what every login calls.
    ".macro twinlock_answer number",
    "mov eax, \\number",
    "syscall",
    // The last page of numbers are errors: syscall(2).
    "cmp rax, -4095",
    "jae .Ltwinlock_kernel_error",
    "ret",
    ".endm",
    ".macro twinlock_kernel_call name, number",
    "twinlock_name \\name",
    "twinlock_answer \\number",
    ".endm",
    // Sets errno and returns -1.
    ".Ltwinlock_kernel_error:",
    "neg eax",
    "push rax",
    "call qword ptr [rip + __errno_location@GOTPCREL]",
    "pop rcx",
    "mov dword ptr [rax], ecx",
    "mov rax, -1",
    "ret",
    // The numbers of x86-64: arch/x86/entry/syscalls/syscall_64.tbl of the kernel.
    "twinlock_kernel_call close, 3",
    "twinlock_kernel_call fcntl, 72",
    "twinlock_kernel_call setfsuid, 122",
    "twinlock_kernel_call setfsgid, 123",
    // By prlimit64(0, resource, NULL, limit), as libc does.
    "twinlock_name getrlimit",
    "mov r10, rsi",
    "mov esi, edi",
    "xor edi, edi",
    "xor edx, edx",
    "twinlock_answer 302",
    // What another function does too.
    ".macro twinlock_same name, other",
    "twinlock_name \\name",
    "jmp qword ptr [rip + \\other@GOTPCREL]",
    ".endm",
    "twinlock_same bcmp, memcmp",
    "twinlock_same memcpy, memmove",
    ".purgem twinlock_same",
    ".purgem twinlock_kernel_call",
    ".purgem twinlock_answer",
    ".purgem twinlock_late",
    ".purgem twinlock_name",
    ".text",
);
