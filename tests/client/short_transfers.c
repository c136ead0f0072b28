/* For LD_PRELOAD: reads and writes of files move SHORT_TRANSFER bytes at most, as they may at any time: a signal came, a
 * disk is nearly full, a server sent less. Pipes and sockets are left alone: those are the client's and the log's. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t fewer(int descriptor, size_t count)
{
    const char *most = getenv("SHORT_TRANSFER");
    struct stat stat;
    if (!most || fstat(descriptor, &stat) || !S_ISREG(stat.st_mode))
        return count;
    size_t limit = (size_t)atol(most);
    return count < limit ? count : limit;
}

#define EXPORTED __attribute__((visibility("default")))

EXPORTED ssize_t read(int descriptor, void *bytes, size_t count)
{
    return syscall(SYS_read, descriptor, bytes, fewer(descriptor, count));
}

EXPORTED ssize_t write(int descriptor, const void *bytes, size_t count)
{
    return syscall(SYS_write, descriptor, bytes, fewer(descriptor, count));
}

EXPORTED ssize_t pread64(int descriptor, void *bytes, size_t count, off64_t offset)
{
    return syscall(SYS_pread64, descriptor, bytes, fewer(descriptor, count), offset);
}

EXPORTED ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset)
{
    return syscall(SYS_pwrite64, descriptor, bytes, fewer(descriptor, count), offset);
}

EXPORTED ssize_t pread(int, void *, size_t, off_t) __attribute__((alias("pread64")));
EXPORTED ssize_t pwrite(int, const void *, size_t, off_t) __attribute__((alias("pwrite64")));
