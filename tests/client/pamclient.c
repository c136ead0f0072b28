/* A scripted PAM application. What it does to its own process first, which hooks it calls and what it answers are all
 * told by the test; what a module says and does is printed, one line each, on the standard output:
 *
 *   CONVERSATION n          only when one call carries n != 1 messages
 *   PROMPT_OFF|PROMPT_ON|INFO|ERROR|RADIO|BINARY <escaped text>
 *   DELAY <microseconds>    pam_fail_delay, which is told and not slept
 *   HOLD                    waits for one line
 *   WITNESS hook=code       from pam_stage.so
 *   HOOK name=code state=same | state=changed:...
 *   PAMENV <escaped K=V>
 *   END code                what pam_end returned
 *
 * Each prompt reads one line from the standard input:
 *
 *   text <escaped> | repeat <escaped> <count> | null | no-array | code <number> | exit
 *
 * Both are moved to high descriptors first: what a module itself prints on 1 or 2 lands on the standard error, and
 * reading 0 gives nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <locale.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "escape.h"
#include "host_state.h"

enum { MAX_CHAIN = 64, MAX_ENV = 64, USAGE = 64 };

static FILE *protocol_out, *protocol_in;
static char said[1 << 16];

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "pamclient: %s: %s\n", what, strerror(errno));
    exit(USAGE);
}

static void *need(void *memory)
{
    if (!memory)
        fail("memory");
    return memory;
}

/* In place; returns the length. */
static size_t unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (from[0] == '\\' && from[1] == '\\') {
            *to++ = '\\';
            from++;
        } else if (from[0] == '\\' && from[1] == 'x' && from[2] && from[3]) {
            char digits[3] = {from[2], from[3], 0};
            *to++ = (char)strtol(digits, NULL, 16);
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = 0;
    return (size_t)(to - text);
}

/* Reads one line without its end; NULL at the end of input. */
static char *read_line(void)
{
    static char *line;
    static size_t size;
    if (getline(&line, &size, protocol_in) <= 0)
        return NULL;
    line[strcspn(line, "\n")] = 0;
    return line;
}

/* --- conversation ------------------------------------------------------------------------------------------------ */

struct script {
    const char *answer_to_info; /* sent as the response to texts, where no module expects one */
    int null_array;             /* set by `no-array` */
};

/* One answer: a PAM code, with *answer set on success (NULL is an answer too). */
static int answer_prompt(struct script *script, char **answer)
{
    char *line = read_line();
    if (!line)
        return PAM_CONV_ERR;
    if (!strncmp(line, "text ", 5)) {
        size_t length = unescape(line + 5);
        *answer = need(strdup(line + 5));
        /* As a careful host does, so that a core shows what the module left and not what this one did. */
        explicit_bzero(line + 5, length);
        return PAM_SUCCESS;
    }
    if (!strncmp(line, "repeat ", 7)) {
        char *count_text = strrchr(line, ' ');
        long count = atol(count_text + 1);
        *count_text = 0;
        size_t length = unescape(line + 7);
        *answer = need(calloc(length * (size_t)count + 1, 1));
        for (long i = 0; i < count; i++)
            memcpy(*answer + (size_t)i * length, line + 7, length);
        return PAM_SUCCESS;
    }
    if (!strcmp(line, "null"))
        return PAM_SUCCESS;
    if (!strcmp(line, "no-array")) {
        script->null_array = 1;
        return PAM_SUCCESS;
    }
    if (!strncmp(line, "code ", 5))
        return atoi(line + 5);
    if (!strcmp(line, "exit"))
        _exit(0);
    fprintf(stderr, "pamclient: unknown answer: %s\n", line);
    exit(USAGE);
}

static const char *style_name(int style)
{
    switch (style) {
    case PAM_PROMPT_ECHO_OFF: return "PROMPT_OFF";
    case PAM_PROMPT_ECHO_ON: return "PROMPT_ON";
    case PAM_TEXT_INFO: return "INFO";
    case PAM_ERROR_MSG: return "ERROR";
    case PAM_RADIO_TYPE: return "RADIO";
    case PAM_BINARY_PROMPT: return "BINARY";
    default: return "UNKNOWN";
    }
}

static int play(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    struct script *script = data;
    if (count <= 0 || count > PAM_MAX_NUM_MSG) {
        fprintf(protocol_out, "CONVERSATION %d\n", count);
        return PAM_CONV_ERR;
    }
    if (count != 1)
        fprintf(protocol_out, "CONVERSATION %d\n", count);
    struct pam_response *replies = need(calloc((size_t)count, sizeof *replies));
    int code = PAM_SUCCESS;
    script->null_array = 0;
    for (int i = 0; i < count && code == PAM_SUCCESS; i++) {
        int style = messages[i]->msg_style;
        const char *text = messages[i]->msg ? messages[i]->msg : "(null)";
        fprintf(protocol_out, "%s ", style_name(style));
        put_escaped_bytes(protocol_out, text, strlen(text));
        fputc('\n', protocol_out);
        /* For the same reason: the text may be a key. */
        fflush(protocol_out);
        explicit_bzero(said, sizeof said);
        if (style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON)
            code = answer_prompt(script, &replies[i].resp);
        else if (script->answer_to_info)
            replies[i].resp = need(strdup(script->answer_to_info));
    }
    if (code == PAM_SUCCESS && !script->null_array) {
        *responses = replies;
        return PAM_SUCCESS;
    }
    for (int i = 0; i < count; i++)
        free(replies[i].resp);
    free(replies);
    *responses = NULL;
    return code;
}

/* The application's own allocations are not the module's. */
static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    void (*faults)(int) = NULL;
    void *address = dlsym(RTLD_DEFAULT, "allocation_faults");
    memcpy(&faults, &address, sizeof faults);
    if (faults)
        faults(-1);
    int code = play(count, messages, responses, data);
    if (faults)
        faults(-2);
    return code;
}

static void told_delay(int code, unsigned microseconds, void *data)
{
    (void)data;
    /* libpam calls this after success, too, where its own delay would not sleep. */
    if (microseconds && code != PAM_SUCCESS)
        fprintf(protocol_out, "DELAY %u\n", microseconds);
}

/* --- the process before the first hook --------------------------------------------------------------------------- */

static void set_limit(const char *text)
{
    static const struct {
        const char *name;
        __rlimit_resource_t number;
    } known[] = {{"fsize", RLIMIT_FSIZE}, {"core", RLIMIT_CORE},   {"nofile", RLIMIT_NOFILE}, {"as", RLIMIT_AS},
                 {"stack", RLIMIT_STACK}, {"nproc", RLIMIT_NPROC}, {"memlock", RLIMIT_MEMLOCK}, {"data", RLIMIT_DATA}};
    const char *value = strchr(text, '=');
    for (size_t i = 0; value && i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == (size_t)(value - text) && !strncmp(text, known[i].name, (size_t)(value - text))) {
            struct rlimit limit = {strtoull(value + 1, NULL, 10), strtoull(value + 1, NULL, 10)};
            if (setrlimit(known[i].number, &limit))
                fail(text);
            return;
        }
    errno = EINVAL;
    fail(text);
}

/* NUMBER=default|ignore|block */
static void set_signal(const char *text)
{
    char *end;
    int number = (int)strtol(text, &end, 10);
    if (!strcmp(end, "=block")) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, number);
        if (sigprocmask(SIG_BLOCK, &set, NULL))
            fail(text);
        return;
    }
    struct sigaction action = {.sa_handler = !strcmp(end, "=ignore") ? SIG_IGN : SIG_DFL};
    if (sigaction(number, &action, NULL))
        fail(text);
}

/* NUMBER,NUMBER... */
static void set_groups(const char *text)
{
    gid_t groups[16];
    size_t count = 0;
    for (char *end; *text && count < sizeof groups / sizeof *groups; text = *end ? end + 1 : end)
        groups[count++] = (gid_t)strtoul(text, &end, 10);
    if (setgroups(count, groups))
        fail("setgroups");
}

/* real_only: a setuid program's state, real ids the user's, effective ids root's. */
static void become(const char *name, int real_only)
{
    struct passwd *entry = getpwnam(name);
    if (!entry) {
        fprintf(stderr, "pamclient: no user %s\n", name);
        exit(USAGE);
    }
    if (initgroups(entry->pw_name, entry->pw_gid))
        fail("initgroups");
    if (real_only ? setresgid(entry->pw_gid, 0, 0) : setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid))
        fail("setresgid");
    if (real_only ? setresuid(entry->pw_uid, 0, 0) : setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid))
        fail("setresuid");
}

static void move_protocol(void)
{
    int in = fcntl(0, F_DUPFD_CLOEXEC, 100), out = fcntl(1, F_DUPFD_CLOEXEC, 100), nothing = open("/dev/null", O_RDONLY);
    if (in < 0 || out < 0 || nothing < 0 || dup2(nothing, 0) < 0 || dup2(2, 1) < 0)
        fail("descriptors");
    if (nothing > 2)
        close(nothing);
    protocol_in = need(fdopen(in, "r"));
    setvbuf(protocol_in, NULL, _IONBF, 0);
    protocol_out = need(fdopen(out, "w"));
    setvbuf(protocol_out, said, _IOLBF, sizeof said);
    char number[16];
    snprintf(number, sizeof number, "%d", out);
    setenv("PAMCLIENT_PROTOCOL", number, 1);
}

/* --- hooks ------------------------------------------------------------------------------------------------------- */

static int call_hook(pam_handle_t *pamh, const char *name, int flags)
{
    if (!strcmp(name, "authenticate"))
        return pam_authenticate(pamh, flags);
    if (!strcmp(name, "acct_mgmt"))
        return pam_acct_mgmt(pamh, flags);
    if (!strcmp(name, "setcred"))
        return pam_setcred(pamh, flags | PAM_ESTABLISH_CRED);
    if (!strcmp(name, "setcred_reinitialize"))
        return pam_setcred(pamh, flags | PAM_REINITIALIZE_CRED);
    if (!strcmp(name, "setcred_delete"))
        return pam_setcred(pamh, flags | PAM_DELETE_CRED);
    if (!strcmp(name, "open_session"))
        return pam_open_session(pamh, flags);
    if (!strcmp(name, "close_session"))
        return pam_close_session(pamh, flags);
    if (!strcmp(name, "chauthtok"))
        return pam_chauthtok(pamh, flags);
    fprintf(stderr, "pamclient: unknown hook %s\n", name);
    exit(USAGE);
}

static int observed_hook(pam_handle_t *pamh, const char *name, int flags)
{
    struct host_state *before = host_state_take(pamh);
    int code = call_hook(pamh, name, flags);
    struct host_state *after = host_state_take(pamh);
    fprintf(protocol_out, "HOOK %s=%d state=", name, code);
    host_state_report(protocol_out, before, after);
    fputc('\n', protocol_out);
    host_state_free(before);
    host_state_free(after);
    return code;
}

static void print_environment(pam_handle_t *pamh)
{
    char **list = pam_getenvlist(pamh);
    for (char **variable = list; variable && *variable; variable++) {
        fputs("PAMENV ", protocol_out);
        put_escaped_bytes(protocol_out, *variable, strlen(*variable));
        fputc('\n', protocol_out);
        free(*variable);
    }
    free(list);
}

int main(int argc, char **argv)
{
    enum { SERVICE = 256, USER, RHOST, TTY, RUSER, XDISPLAY, ENV, SETENV, SILENT, DISALLOW_NULL, CHAIN, KEEP_GOING,
           SETUID, RUID, GROUPS, UMASK, CWD, SIGNAL, LIMIT, CLOSE, LOCALE, ANSWER_INFO, NO_CONVERSATION, REAL_DELAY, REPEAT };
    static const struct option options[] = {
        {"service", 1, 0, SERVICE}, {"user", 1, 0, USER}, {"rhost", 1, 0, RHOST}, {"tty", 1, 0, TTY},
        {"ruser", 1, 0, RUSER}, {"xdisplay", 1, 0, XDISPLAY}, {"env", 1, 0, ENV}, {"setenv", 1, 0, SETENV},
        {"silent", 0, 0, SILENT}, {"disallow-null", 0, 0, DISALLOW_NULL}, {"chain", 1, 0, CHAIN},
        {"keep-going", 0, 0, KEEP_GOING}, {"setuid", 1, 0, SETUID}, {"ruid", 1, 0, RUID},
        {"groups", 1, 0, GROUPS}, {"umask", 1, 0, UMASK},
        {"cwd", 1, 0, CWD}, {"signal", 1, 0, SIGNAL}, {"limit", 1, 0, LIMIT}, {"close", 1, 0, CLOSE},
        {"locale", 1, 0, LOCALE}, {"answer-info", 1, 0, ANSWER_INFO}, {"no-conversation", 0, 0, NO_CONVERSATION},
        {"real-delay", 0, 0, REAL_DELAY}, {"repeat", 1, 0, REPEAT}, {0, 0, 0, 0}};

    const char *service = NULL, *user = NULL, *as_user = NULL, *real_user = NULL;
    const char *limits[16], *variables[MAX_ENV];
    const struct { int item; } items[] = {{PAM_RHOST}, {PAM_TTY}, {PAM_RUSER}, {PAM_XDISPLAY}};
    const char *values[4] = {0};
    char *chain_text = NULL;
    int close_list[16];
    size_t limit_count = 0, variable_count = 0, close_count = 0;
    int flags = 0, keep_going = 0, no_conversation = 0, real_delay = 0, repeat = 1;
    struct script script = {0};

    move_protocol();
    /* As sshd and login do before PAM. Otherwise the first line that a module logs would open libc's socket, and that
     * socket look like a descriptor of the module's. */
    openlog("pamclient", LOG_PID | LOG_NDELAY, LOG_AUTHPRIV);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case SERVICE: service = optarg; break;
        case USER: user = optarg; break;
        case RHOST: values[0] = optarg; break;
        case TTY: values[1] = optarg; break;
        case RUSER: values[2] = optarg; break;
        case XDISPLAY: values[3] = optarg; break;
        case ENV:
            if (variable_count < MAX_ENV)
                variables[variable_count++] = optarg;
            break;
        case SETENV: putenv(optarg); break;
        case SILENT: flags |= PAM_SILENT; break;
        case DISALLOW_NULL: flags |= PAM_DISALLOW_NULL_AUTHTOK; break;
        case CHAIN: chain_text = optarg; break;
        case KEEP_GOING: keep_going = 1; break;
        case SETUID: as_user = optarg; break;
        case RUID: real_user = optarg; break;
        case GROUPS: set_groups(optarg); break;
        case UMASK: umask((mode_t)strtol(optarg, NULL, 8)); break;
        case CWD:
            if (chdir(optarg))
                fail(optarg);
            break;
        case SIGNAL: set_signal(optarg); break;
        case LIMIT:
            if (limit_count < sizeof limits / sizeof *limits)
                limits[limit_count++] = optarg;
            break;
        case CLOSE:
            if (close_count < sizeof close_list / sizeof *close_list)
                close_list[close_count++] = atoi(optarg);
            break;
        case LOCALE:
            if (!setlocale(LC_ALL, optarg))
                fail(optarg);
            break;
        case ANSWER_INFO: script.answer_to_info = optarg; break;
        case NO_CONVERSATION: no_conversation = 1; break;
        case REAL_DELAY: real_delay = 1; break;
        case REPEAT: repeat = atoi(optarg); break;
        default: return USAGE;
        }
    }
    if (!service || !chain_text) {
        fputs("pamclient: --service and --chain are needed\n", stderr);
        return USAGE;
    }
    char *chain[MAX_CHAIN];
    size_t chain_length = 0;
    for (char *name = strtok(chain_text, ","); name && chain_length < MAX_CHAIN; name = strtok(NULL, ","))
        chain[chain_length++] = name;

    if (as_user)
        become(as_user, 0);
    if (real_user)
        become(real_user, 1);
    for (size_t i = 0; i < close_count; i++)
        close(close_list[i]);
    for (size_t i = 0; i < limit_count; i++)
        set_limit(limits[i]);

    for (int round = 0; round < repeat; round++) {
        const struct pam_conv conversation = {no_conversation ? NULL : converse, &script};
        pam_handle_t *pamh = NULL;
        int code = pam_start(service, user, &conversation, &pamh);
        if (code != PAM_SUCCESS) {
            fprintf(protocol_out, "HOOK start=%d state=same\n", code);
            return 1;
        }
        for (size_t i = 0; i < 4; i++)
            if (values[i])
                pam_set_item(pamh, items[i].item, values[i]);
        for (size_t i = 0; i < variable_count; i++)
            pam_putenv(pamh, variables[i]);
        if (!real_delay) {
            void *function;
            void (*delay)(int, unsigned, void *) = told_delay;
            memcpy(&function, &delay, sizeof function);
            pam_set_item(pamh, PAM_FAIL_DELAY, function);
        }

        for (size_t i = 0; i < chain_length; i++) {
            if (!strcmp(chain[i], "hold")) {
                fputs("HOLD\n", protocol_out);
                if (!read_line())
                    return 1;
                continue;
            }
            code = observed_hook(pamh, chain[i], flags);
            if (code != PAM_SUCCESS && !keep_going)
                break;
        }
        print_environment(pamh);
        fprintf(protocol_out, "END %d\n", pam_end(pamh, code));
    }
    return 0;
}
