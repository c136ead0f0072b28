/* A PAM application that lets several users in at once, each login in a thread of its own and many times:
 *
 *   threadclient SERVICE ROUNDS ANSWER USER...
 *
 * Prints "CODE" of each thread's last login, a line each, and then the supplementary groups of every thread and of a
 * thread that begins afterwards, as `groups: 4 27 100` each. Before the logins its groups are 4, 27 and 100.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <pthread.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_THREADS = 32 };

static const char *service, *answer;
static int rounds;
static pthread_barrier_t barrier;

struct login {
    const char *user;
    int code;
    char groups[256];
};

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *unused)
{
    (void)unused;
    *responses = calloc((size_t)count, sizeof **responses);
    if (!*responses)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++)
        if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF || messages[i]->msg_style == PAM_PROMPT_ECHO_ON)
            (*responses)[i].resp = strdup(answer);
    return PAM_SUCCESS;
}

static void list_groups(char *text, size_t room)
{
    gid_t groups[64];
    int count = getgroups(64, groups);
    size_t used = (size_t)snprintf(text, room, "groups:");
    for (int i = 0; i < count && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, " %u", groups[i]);
}

static void *log_in(void *argument)
{
    struct login *login = argument;
    struct pam_conv conversation = {converse, NULL};
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < rounds; i++) {
        pam_handle_t *handle = NULL;
        login->code = pam_start(service, login->user, &conversation, &handle);
        if (login->code == PAM_SUCCESS)
            login->code = pam_authenticate(handle, 0);
        pam_end(handle, login->code);
    }
    list_groups(login->groups, sizeof login->groups);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct login logins[MOST_THREADS];
    pthread_t threads[MOST_THREADS];
    int count = argc - 4;
    if (count < 1 || count > MOST_THREADS)
        return 64;
    service = argv[1];
    rounds = atoi(argv[2]);
    answer = argv[3];
    if (setgroups(3, (const gid_t[]){4, 27, 100}))
        return 1;
    pthread_barrier_init(&barrier, NULL, (unsigned)count);
    for (int i = 0; i < count; i++) {
        logins[i].user = argv[4 + i];
        if (pthread_create(&threads[i], NULL, log_in, &logins[i]))
            return 1;
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        printf("%d\n", logins[i].code);
    }
    for (int i = 0; i < count; i++)
        printf("%s\n", logins[i].groups);
    char groups[256];
    list_groups(groups, sizeof groups);
    printf("%s\n", groups);
    return 0;
}
