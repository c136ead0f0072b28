/* Swaps names as fast as it can, until it gets SIGTERM: what an attacker does beside a login of their own.
 *
 *   swapper NAME ALTERNATIVE...
 *
 * exchanges NAME with each ALTERNATIVE in turn, and back, so that NAME always leads to something. At the end it is what it
 * was. Prints the number of exchanges. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile sig_atomic_t ended;

static void end(int number)
{
    (void)number;
    ended = 1;
}

static void swap(const char *one, const char *other)
{
    if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE)) {
        perror(other);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    unsigned long count = 0, seed = 1;
    signal(SIGTERM, end);
    while (!ended && argc > 2) {
        for (int i = 2; i < argc; i++) {
            /* Anywhere between two system calls of a login and a whole one. */
            seed = seed * 6364136223846793005UL + 1442695040888963407UL;
            struct timespec pause = {0, (long)((seed >> 33) % 200000)};
            swap(argv[1], argv[i]);
            nanosleep(&pause, NULL);
            swap(argv[1], argv[i]);
            nanosleep(&pause, NULL);
            count += 2;
        }
    }
    printf("%lu\n", count);
    return 0;
}
