/* A PAM application that does nothing but what is measured: no look at its own state, no protocol, and every symbol
 * bound before main (it is linked with -z now), so that the difference between two of its runs is the difference
 * between two modules. It computes no code; answers come as arguments.
 *
 *   benchclient once SERVICE USER HOOKS ANSWER...           one login; prints the code of the last hook, and of
 *                                                           the time while the modules are loaded the kilobytes
 *                                                           resident and the page faults so far
 *   benchclient time ROUNDS CASE...                         logins in turn, each in a process of its own; prints
 *                                                           "CASE NANOSECONDS CODE" each
 *        CASE = SERVICE USER HOOKS ANSWER LIVE SAVED        LIVE is made like SAVED before each login, outside the
 *                                                           time; "-" for nothing to make
 *   benchclient crowd start|answer SERVICE ANSWER USER...   one process for each user, released together before
 *                                                           the login or at its prompt; prints "SUCCESSES NANOSECONDS"
 *   benchclient load ROUNDS MODULE...                       dlopen in turn, each in a process of its own; prints
 *                                                           "MODULE NANOSECONDS" each
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { CASE_WORDS = 6, MOST_STATE = 1 << 20 };

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "benchclient: %s: %s\n", what, strerror(errno));
    exit(2);
}

static long long nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* --- one login --------------------------------------------------------------------------------------------------- */

/* What the conversation answers: each prompt with the next text; after the last one it fails. */
struct answers {
    char **next;
    int left;
    int ready, go; /* pipes of a crowd that waits at its prompt; -1 otherwise */
};

static void wait_for_go(int ready, int go)
{
    char byte = 0;
    if (write(ready, &byte, 1) != 1)
        fail("ready");
    /* Nothing ever comes: everybody is released by the end of the pipe. */
    if (read(go, &byte, 1) != 0)
        fail("go");
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    struct answers *answers = data;
    struct pam_response *replies = calloc((size_t)count, sizeof *replies);
    if (!replies)
        return PAM_BUF_ERR;
    *responses = replies;
    for (int i = 0; i < count; i++) {
        int style = messages[i]->msg_style;
        if (style != PAM_PROMPT_ECHO_OFF && style != PAM_PROMPT_ECHO_ON)
            continue;
        if (!answers->left)
            return PAM_CONV_ERR;
        if (answers->go >= 0) {
            wait_for_go(answers->ready, answers->go);
            answers->go = -1;
        }
        answers->left--;
        replies[i].resp = strdup(*answers->next++);
    }
    return PAM_SUCCESS;
}

/* A delay after a wrong code is the application's to keep; here it would only hide the rest. */
static void no_delay(int code, unsigned microseconds, void *data)
{
    (void)code, (void)microseconds, (void)data;
}

static pam_handle_t *begin(const char *service, const char *user, const struct pam_conv *conversation)
{
    pam_handle_t *pamh = NULL;
    if (pam_start(service, user, conversation, &pamh) != PAM_SUCCESS)
        fail("pam_start");
    void *function;
    void (*delay)(int, unsigned, void *) = no_delay;
    memcpy(&function, &delay, sizeof function);
    pam_set_item(pamh, PAM_FAIL_DELAY, function);
    pam_set_item(pamh, PAM_RHOST, "192.0.2.7");
    pam_set_item(pamh, PAM_TTY, "ssh");
    return pamh;
}

static int call_hooks(pam_handle_t *pamh, const char *hooks)
{
    int code = pam_authenticate(pamh, 0);
    if (code == PAM_SUCCESS && strstr(hooks, "account"))
        code = pam_acct_mgmt(pamh, 0);
    return code;
}

static int log_in(const char *service, const char *user, const char *hooks, struct answers answers)
{
    const struct pam_conv conversation = {converse, &answers};
    pam_handle_t *pamh = begin(service, user, &conversation);
    int code = call_hooks(pamh, hooks);
    pam_end(pamh, code);
    return code;
}

static long resident(void)
{
    char line[256];
    long kilobytes = -1;
    FILE *rollup = fopen("/proc/self/smaps_rollup", "r");
    if (!rollup)
        fail("smaps_rollup");
    while (fgets(line, sizeof line, rollup))
        if (sscanf(line, "Rss: %ld kB", &kilobytes) == 1)
            break;
    fclose(rollup);
    return kilobytes;
}

static int once(int count, char **words)
{
    if (count < 3)
        return 2;
    struct answers answers = {words + 3, count - 3, -1, -1};
    const struct pam_conv conversation = {converse, &answers};
    pam_handle_t *pamh = begin(words[0], words[1], &conversation);
    int code = call_hooks(pamh, words[2]);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    long kilobytes = resident();
    pam_end(pamh, code);
    printf("%d %ld %ld\n", code, kilobytes, usage.ru_minflt);
    return 0;
}

/* --- many, one after the other ----------------------------------------------------------------------------------- */

/* In place, so that the file keeps its owner and its blocks, and durable, so that nothing of this is left for the login
 * to wait for. */
static void make_like(const char *live, const char *saved)
{
    static char bytes[MOST_STATE];
    int from = open(saved, O_RDONLY | O_CLOEXEC), to = open(live, O_WRONLY | O_CLOEXEC);
    if (from < 0 || to < 0)
        fail(live);
    ssize_t size = read(from, bytes, sizeof bytes);
    if (size < 0 || pwrite(to, bytes, (size_t)size, 0) != size || ftruncate(to, size) || fsync(to))
        fail(live);
    close(from);
    close(to);
}

/* Runs in a process of its own, as a login does, since a module may stay loaded once it was; returns two numbers. */
static void in_a_child(void (*run)(char **words, long long result[2]), char **words, long long result[2])
{
    int ends[2];
    if (pipe(ends))
        fail("pipe");
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (!child) {
        run(words, result);
        if (write(ends[1], result, 2 * sizeof *result) < 0)
            _exit(2);
        _exit(0);
    }
    close(ends[1]);
    if (read(ends[0], result, 2 * sizeof *result) != 2 * sizeof *result)
        fail(words[0]);
    close(ends[0]);
    waitpid(child, NULL, 0);
}

static void timed_login(char **words, long long result[2])
{
    struct answers answers = {words + 3, 1, -1, -1};
    long long start = nanoseconds();
    result[1] = log_in(words[0], words[1], words[2], answers);
    result[0] = nanoseconds() - start;
}

static int time_logins(int count, char **words)
{
    if (count < 1 + CASE_WORDS || (count - 1) % CASE_WORDS)
        return 2;
    int cases = (count - 1) / CASE_WORDS;
    for (int round = 0, rounds = atoi(words[0]); round < rounds; round++)
        for (int number = 0; number < cases; number++) {
            char **one = words + 1 + number * CASE_WORDS;
            if (strcmp(one[4], "-"))
                make_like(one[4], one[5]);
            long long result[2];
            in_a_child(timed_login, one, result);
            printf("%d %lld %lld\n", number, result[0], result[1]);
        }
    return 0;
}

static void timed_load(char **words, long long result[2])
{
    long long start = nanoseconds();
    void *module = dlopen(words[0], RTLD_NOW); /* as libpam does */
    result[0] = nanoseconds() - start;
    result[1] = 0;
    if (!module) {
        fprintf(stderr, "benchclient: %s\n", dlerror());
        _exit(2);
    }
}

static int time_loads(int count, char **words)
{
    for (int round = 0, rounds = count ? atoi(words[0]) : 0; round < rounds; round++)
        for (int number = 1; number < count; number++) {
            long long result[2];
            in_a_child(timed_load, words + number, result);
            printf("%d %lld\n", number - 1, result[0]);
        }
    return 0;
}

/* --- many at once ------------------------------------------------------------------------------------------------ */

static int crowd(int count, char **words)
{
    if (count < 4)
        return 2;
    int at_prompt = !strcmp(words[0], "answer");
    int users = count - 3, ready[2], go[2];
    if (pipe(ready) || pipe(go))
        fail("pipe");
    for (int number = 0; number < users; number++) {
        pid_t child = fork();
        if (child < 0)
            fail("fork");
        if (child)
            continue;
        close(go[1]);
        struct answers answers = {words + 2, 1, ready[1], at_prompt ? go[0] : -1};
        if (!at_prompt)
            wait_for_go(ready[1], go[0]);
        _exit(log_in(words[1], words[3 + number], "auth", answers) != PAM_SUCCESS);
    }
    char byte;
    for (int waiting = 0; waiting < users; waiting++)
        if (read(ready[0], &byte, 1) != 1)
            fail("ready");
    long long start = nanoseconds();
    close(go[1]);
    int successes = 0, status;
    while (wait(&status) > 0)
        successes += WIFEXITED(status) && !WEXITSTATUS(status);
    printf("%d %lld\n", successes, nanoseconds() - start);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int, char **);
    } commands[] = {{"once", once}, {"time", time_logins}, {"crowd", crowd}, {"load", time_loads}};
    /* As sshd and login do before PAM, so that no module pays for the first connection to the log. */
    openlog("benchclient", LOG_PID | LOG_NDELAY, LOG_AUTHPRIV);
    /* A child's exit must not print what the parent has not sent yet. */
    setvbuf(stdout, NULL, _IOLBF, 1 << 12);
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 2, argv + 2);
    fputs("usage: benchclient once|time|crowd|load ...\n", stderr);
    return 2;
}
