/* Preloaded into a PAM application (LD_PRELOAD): makes allocations fail while a module's hook runs. Told by the
 * environment:
 *
 *   ALLOCATION_FAULT=nth:N    the Nth allocation of a hook, counted from 1
 *   ALLOCATION_FAULT=size:B   every allocation of B bytes or more
 *   ALLOCATION_FAULT=none     none
 *   ALLOCATION_COUNT=PATH     at the end of the hook, the number of its allocations is written there
 *
 * pam_stage.so says where the hook begins and ends, pamclient where its own conversation does: what the application
 * allocates there neither counts nor fails. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* glibc's own, which these functions stand before. dlsym allocates, so it cannot be asked. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static int inside;
static unsigned long count, nth;
static size_t least;

/* 1: a hook begins; 0: it ends; -1: a conversation begins; -2: it ends. */
__attribute__((visibility("default"))) void allocation_faults(int event)
{
    static int paused;
    const char *setting = getenv("ALLOCATION_FAULT"), *path = getenv("ALLOCATION_COUNT");
    if (event == 1) {
        count = 0;
        nth = setting && !strncmp(setting, "nth:", 4) ? strtoul(setting + 4, NULL, 10) : 0;
        least = setting && !strncmp(setting, "size:", 5) ? strtoul(setting + 5, NULL, 10) : 0;
        inside = 1;
    } else if (event == -1) {
        paused = inside;
        inside = 0;
    } else if (event == -2) {
        inside = paused;
    } else if (inside) {
        char text[32];
        int length = snprintf(text, sizeof text, "%lu\n", count);
        int file = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
        inside = 0;
        if (file >= 0) {
            if (write(file, text, (size_t)length) != length)
                _exit(70);
            close(file);
        }
    }
}

static int fails(size_t bytes)
{
    if (!inside)
        return 0;
    count++;
    if ((nth && count == nth) || (least && bytes >= least)) {
        errno = ENOMEM;
        return 1;
    }
    return 0;
}

__attribute__((visibility("default"))) void *malloc(size_t bytes)
{
    return fails(bytes) ? NULL : __libc_malloc(bytes);
}

__attribute__((visibility("default"))) void *calloc(size_t members, size_t bytes)
{
    size_t all;
    if (__builtin_mul_overflow(members, bytes, &all))
        all = (size_t)-1;
    return fails(all) ? NULL : __libc_calloc(members, bytes);
}

__attribute__((visibility("default"))) void *realloc(void *block, size_t bytes)
{
    return fails(bytes) ? NULL : __libc_realloc(block, bytes);
}

__attribute__((visibility("default"))) void *memalign(size_t alignment, size_t bytes)
{
    return fails(bytes) ? NULL : __libc_memalign(alignment, bytes);
}

__attribute__((visibility("default"))) void *aligned_alloc(size_t alignment, size_t bytes)
{
    return fails(bytes) ? NULL : __libc_memalign(alignment, bytes);
}

__attribute__((visibility("default"))) int posix_memalign(void **block, size_t alignment, size_t bytes)
{
    void *new = fails(bytes) ? NULL : __libc_memalign(alignment, bytes);
    if (!new)
        return ENOMEM;
    *block = new;
    return 0;
}
