/* An NSS source (nsswitch.conf(5): `twinlocktest`) that answers as /etc/nss-source says, one word a line:
 *
 *   unavailable            it cannot be asked: a directory that is down
 *   again                  it has no answer just now
 *   slow=MILLISECONDS      it takes that long
 *   user=NAME:UID:GID:HOME a user; also found as NAME@ANYTHING, in any case
 *   group=NAME:GID:MEMBER  a group with one member
 *
 * Every question is noted as a line in /tmp/nss-source.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOURCE(function) __attribute__((visibility("default"))) enum nss_status _nss_twinlocktest_##function

struct answer {
    enum nss_status status;
    char line[256];
};

/* Notes the question, waits, and finds the line of a kind for which `wanted` holds. */
static struct answer ask(const char *question, const char *kind, int (*wanted)(const char *, const void *),
                         const void *what)
{
    struct answer answer = {NSS_STATUS_NOTFOUND, ""};
    int calls = open("/tmp/nss-source", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (calls >= 0) {
        dprintf(calls, "%s\n", question);
        close(calls);
    }
    FILE *said = fopen("/etc/nss-source", "re");
    char line[256];
    while (said && fgets(line, sizeof line, said)) {
        line[strcspn(line, "\n")] = '\0';
        if (!strcmp(line, "unavailable"))
            answer.status = NSS_STATUS_UNAVAIL;
        else if (!strcmp(line, "again"))
            answer.status = NSS_STATUS_TRYAGAIN;
        else if (!strncmp(line, "slow=", 5))
            usleep((useconds_t)atoi(line + 5) * 1000);
        else if (answer.status == NSS_STATUS_NOTFOUND && !strncmp(line, kind, strlen(kind)) &&
                 wanted(line + strlen(kind), what)) {
            answer.status = NSS_STATUS_SUCCESS;
            strcpy(answer.line, line + strlen(kind));
        }
    }
    if (said)
        fclose(said);
    return answer;
}

static int is_named(const char *line, const void *what)
{
    const char *name = what;
    size_t length = strcspn(line, ":");
    return !strncasecmp(line, name, length) && (name[length] == '\0' || name[length] == '@');
}

static int has_number(const char *line, const void *what)
{
    return atoi(strchr(line, ':') + 1) == *(const int *)what;
}

static enum nss_status failed(struct answer answer, int *errnop)
{
    *errnop = answer.status == NSS_STATUS_TRYAGAIN ? EAGAIN : answer.status == NSS_STATUS_UNAVAIL ? ECONNREFUSED : ENOENT;
    return answer.status;
}

static enum nss_status user(struct answer answer, struct passwd *user, char *buffer, size_t size, int *errnop)
{
    if (answer.status != NSS_STATUS_SUCCESS)
        return failed(answer, errnop);
    if (size < sizeof answer.line) {
        *errnop = ERANGE;
        return NSS_STATUS_TRYAGAIN;
    }
    strcpy(buffer, answer.line);
    user->pw_name = strsep(&buffer, ":");
    user->pw_uid = (uid_t)atoi(strsep(&buffer, ":"));
    user->pw_gid = (gid_t)atoi(strsep(&buffer, ":"));
    user->pw_dir = buffer;
    user->pw_passwd = user->pw_gecos = "";
    user->pw_shell = "/bin/sh";
    return NSS_STATUS_SUCCESS;
}

SOURCE(getpwnam_r)(const char *name, struct passwd *found, char *buffer, size_t size, int *errnop)
{
    char question[300];
    snprintf(question, sizeof question, "getpwnam %s", name);
    return user(ask(question, "user=", is_named, name), found, buffer, size, errnop);
}

SOURCE(getpwuid_r)(uid_t uid, struct passwd *found, char *buffer, size_t size, int *errnop)
{
    int number = (int)uid;
    return user(ask("getpwuid", "user=", has_number, &number), found, buffer, size, errnop);
}

SOURCE(getgrnam_r)(const char *name, struct group *group, char *buffer, size_t size, int *errnop)
{
    char question[300];
    snprintf(question, sizeof question, "getgrnam %s", name);
    struct answer answer = ask(question, "group=", is_named, name);
    if (answer.status != NSS_STATUS_SUCCESS)
        return failed(answer, errnop);
    char **members = (char **)(((size_t)buffer + 15) & ~(size_t)15);
    if (size < sizeof answer.line + 2 * sizeof *members + 16) {
        *errnop = ERANGE;
        return NSS_STATUS_TRYAGAIN;
    }
    char *text = (char *)(members + 2);
    strcpy(text, answer.line);
    group->gr_name = strsep(&text, ":");
    group->gr_gid = (gid_t)atoi(strsep(&text, ":"));
    group->gr_passwd = "";
    members[0] = text;
    members[1] = NULL;
    group->gr_mem = members;
    return NSS_STATUS_SUCCESS;
}
