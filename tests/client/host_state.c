#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

#include "escape.h"
#include "host_state.h"

extern char **environ;

enum { MAX_FIELDS = 512 };

struct field {
    char *name;
    char *value;
};

struct host_state {
    struct field fields[MAX_FIELDS];
    size_t count;
};

static void out_of_memory(void)
{
    static const char text[] = "pamclient: out of memory\n";
    ssize_t ignored = write(2, text, sizeof text - 1);
    (void)ignored;
    _exit(70);
}

static void add(struct host_state *state, const char *name, const char *value)
{
    if (state->count == MAX_FIELDS)
        return;
    struct field *field = &state->fields[state->count++];
    field->name = strdup(name);
    field->value = strdup(value ? value : "(null)");
    if (!field->name || !field->value)
        out_of_memory();
}

__attribute__((format(printf, 3, 4))) static void addf(struct host_state *state, const char *name, const char *format, ...)
{
    char *value;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&value, format, arguments) < 0)
        out_of_memory();
    va_end(arguments);
    add(state, name, value);
    free(value);
}

/* Not here: PR_GET_DUMPABLE. The kernel itself clears it when a process without it changes its fsuid to open a
 * user's file, and a host that holds a secret is better off so. */

/* Everything that the kernel says in one read: ids with fsuid, groups, umask, signals, capabilities, threads. */
static void take_status(struct host_state *state)
{
    static const char *const wanted[] = {"Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm",
                                         "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Threads", "VmLck"};
    FILE *status = fopen("/proc/self/status", "re");
    if (!status) {
        addf(state, "ids", "%d %d %d %d", (int)getuid(), (int)geteuid(), (int)getgid(), (int)getegid());
        return;
    }
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, status) > 0) {
        line[strcspn(line, "\n")] = 0;
        char *colon = strchr(line, ':');
        if (!colon)
            continue;
        *colon = 0;
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (!strcmp(line, wanted[i]))
                add(state, line, colon + 1 + strspn(colon + 1, "\t "));
    }
    free(line);
    fclose(status);
}

static void take_descriptors(struct host_state *state)
{
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return;
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(folder))
            continue;
        char target[4096], name[300];
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        if (length < 0)
            length = 0;
        target[length] = 0;
        snprintf(name, sizeof name, "fd%s", entry->d_name);
        addf(state, name, "%s flags %d", target, fcntl(atoi(entry->d_name), F_GETFD));
    }
    closedir(folder);
}

static void take_limits(struct host_state *state)
{
    for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
        struct rlimit limit;
        char name[32];
        if (getrlimit(i, &limit))
            continue;
        snprintf(name, sizeof name, "rlimit%d", i);
        addf(state, name, "%llu/%llu", (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
    }
}

static void take_signals(struct host_state *state)
{
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        char name[32];
        if (sigaction(number, NULL, &action))
            continue;
        snprintf(name, sizeof name, "signal%d", number);
        addf(state, name, "%p flags %x", (void *)(size_t)action.sa_handler, (unsigned)action.sa_flags);
    }
}

static void take_items(struct host_state *state, pam_handle_t *pamh)
{
    static const struct {
        int item;
        const char *name;
    } texts[] = {{PAM_USER, "PAM_USER"},   {PAM_SERVICE, "PAM_SERVICE"}, {PAM_TTY, "PAM_TTY"},
                 {PAM_RHOST, "PAM_RHOST"}, {PAM_RUSER, "PAM_RUSER"},     {PAM_USER_PROMPT, "PAM_USER_PROMPT"}};
    const void *item;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        item = NULL;
        pam_get_item(pamh, texts[i].item, &item);
        add(state, texts[i].name, item);
    }
    item = NULL;
    pam_get_item(pamh, PAM_CONV, &item);
    const struct pam_conv *conversation = item;
    addf(state, "PAM_CONV", "%p", conversation ? (void *)(size_t)conversation->conv : NULL);
    item = NULL;
    pam_get_item(pamh, PAM_FAIL_DELAY, &item);
    addf(state, "PAM_FAIL_DELAY", "%p", (void *)(size_t)item);
}

struct host_state *host_state_take(pam_handle_t *pamh)
{
    struct host_state *state = calloc(1, sizeof *state);
    if (!state)
        out_of_memory();
    take_items(state, pamh);
    take_status(state);

    struct stat folder;
    if (stat(".", &folder))
        add(state, "cwd", "unreadable");
    else
        addf(state, "cwd", "%llx:%llu", (unsigned long long)folder.st_dev, (unsigned long long)folder.st_ino);

    char name[32];
    size_t i = 0;
    for (char **variable = environ; variable && *variable; variable++) {
        snprintf(name, sizeof name, "env%zu", i++);
        add(state, name, *variable);
    }
    add(state, "locale", setlocale(LC_ALL, NULL));
    addf(state, "keepcaps", "%d", prctl(PR_GET_KEEPCAPS));
    addf(state, "session", "%d %d %d", (int)getpid(), (int)getpgrp(), (int)getsid(0));
    addf(state, "priority", "%d", getpriority(PRIO_PROCESS, 0));
    struct itimerval timer;
    if (!getitimer(ITIMER_REAL, &timer))
        addf(state, "alarm", "%s", timer.it_value.tv_sec || timer.it_value.tv_usec ? "set" : "none");
    take_limits(state);
    take_signals(state);
    take_descriptors(state);
    return state;
}

void host_state_free(struct host_state *state)
{
    if (!state)
        return;
    for (size_t i = 0; i < state->count; i++) {
        free(state->fields[i].name);
        free(state->fields[i].value);
    }
    free(state);
}

static const char *value_of(const struct host_state *state, const char *name)
{
    for (size_t i = 0; i < state->count; i++)
        if (!strcmp(state->fields[i].name, name))
            return state->fields[i].value;
    return NULL;
}

static void report_one(FILE *out, int *differences, const char *name, const char *old, const char *new)
{
    fputs((*differences)++ ? "," : "changed:", out);
    fprintf(out, "%s(", name);
    put_escaped_bytes(out, old ? old : "-", strlen(old ? old : "-"));
    fputs("->", out);
    put_escaped_bytes(out, new ? new : "-", strlen(new ? new : "-"));
    fputc(')', out);
}

void host_state_report(FILE *out, const struct host_state *before, const struct host_state *after)
{
    int differences = 0;
    for (size_t i = 0; i < before->count; i++) {
        const char *old = before->fields[i].value;
        const char *new = value_of(after, before->fields[i].name);
        if (!new || strcmp(old, new))
            report_one(out, &differences, before->fields[i].name, old, new);
    }
    for (size_t i = 0; i < after->count; i++)
        if (!value_of(before, after->fields[i].name))
            report_one(out, &differences, after->fields[i].name, NULL, after->fields[i].value);
    if (!differences)
        fputs("same", out);
}
