/* A PAM module for the stage around the module under test. Its arguments, in order, each done in every hook:
 *
 *   authtok=TEXT   sets PAM_AUTHTOK, which no application may
 *   user=TEXT      sets PAM_USER
 *   unset_rhost    sets PAM_RHOST to NULL
 *   say=TEXT       an info message
 *   code=NUMBER    ends with that code (default PAM_SUCCESS)
 *   require_authtok=TEXT  ends with PAM_AUTHTOK_ERR unless PAM_AUTHTOK is that text
 *   call=PATH      loads the module at PATH, calls the same hook of it with the arguments that follow, reports its
 *                  exact code as `WITNESS hook=code` on the client's protocol descriptor, and ends with that code.
 *                  The stack hides PAM_IGNORE; this does not.
 */
#define _GNU_SOURCE
#define PAM_SM_AUTH
#define PAM_SM_ACCOUNT
#define PAM_SM_SESSION
#define PAM_SM_PASSWORD
#include <dlfcn.h>
#include <errno.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A system call that does nothing and that a trace shows: what lies between two of these is the module's. */
static void mark(const char *path)
{
    int kept = errno;
    if (access(path, F_OK))
        errno = kept;
}

/* Of allocation_faults.so, where that is preloaded. */
static void tell_allocation_faults(int event)
{
    void *address = dlsym(RTLD_DEFAULT, "allocation_faults");
    void (*function)(int);
    if (address) {
        memcpy(&function, &address, sizeof function);
        function(event);
    }
}

typedef int (*hook)(pam_handle_t *, int, int, const char **);

static int call(pam_handle_t *pamh, const char *path, const char *name, int flags, int argc, const char **argv)
{
    char symbol[64];
    snprintf(symbol, sizeof symbol, "pam_sm_%s", name);
    /* Not closed: its data in the handle is cleaned up by its own code at pam_end. */
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) {
        fprintf(stderr, "pam_stage: %s\n", dlerror());
        return PAM_OPEN_ERR;
    }
    void *address = dlsym(module, symbol);
    int code = PAM_SYMBOL_ERR;
    if (address) {
        hook function;
        memcpy(&function, &address, sizeof function);
        tell_allocation_faults(1);
        mark("/pam_stage/hook begins");
        code = function(pamh, flags, argc, argv);
        mark("/pam_stage/hook ended");
        tell_allocation_faults(0);
    }
    const char *descriptor = getenv("PAMCLIENT_PROTOCOL");
    if (descriptor)
        dprintf(atoi(descriptor), "WITNESS %s=%d\n", name, code);
    return code;
}

static int play(pam_handle_t *pamh, const char *name, int flags, int argc, const char **argv)
{
    int code = PAM_SUCCESS;
    for (int i = 0; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        value = value ? value + 1 : "";
        int step = PAM_SUCCESS;
        if (!strncmp(argv[i], "authtok=", 8))
            step = pam_set_item(pamh, PAM_AUTHTOK, value);
        else if (!strncmp(argv[i], "user=", 5))
            step = pam_set_item(pamh, PAM_USER, value);
        else if (!strcmp(argv[i], "unset_rhost"))
            step = pam_set_item(pamh, PAM_RHOST, NULL);
        else if (!strncmp(argv[i], "say=", 4))
            step = pam_info(pamh, "%s", value);
        else if (!strncmp(argv[i], "code=", 5))
            code = atoi(value);
        else if (!strncmp(argv[i], "require_authtok=", 16)) {
            const void *token = NULL;
            pam_get_item(pamh, PAM_AUTHTOK, &token);
            if (!token || strcmp(token, value))
                code = PAM_AUTHTOK_ERR;
        } else if (!strncmp(argv[i], "call=", 5))
            return call(pamh, value, name, flags, argc - i - 1, argv + i + 1);
        else
            step = PAM_SERVICE_ERR;
        if (step != PAM_SUCCESS) {
            fprintf(stderr, "pam_stage: argument %s: %s\n", argv[i], pam_strerror(pamh, step));
            return step;
        }
    }
    return code;
}

#define HOOK(name)                                                                                                     \
    __attribute__((visibility("default"))) int pam_sm_##name(pam_handle_t *pamh, int flags, int argc, const char **argv) \
    {                                                                                                                  \
        return play(pamh, #name, flags, argc, argv);                                                                   \
    }

HOOK(authenticate)
HOOK(setcred)
HOOK(acct_mgmt)
HOOK(open_session)
HOOK(close_session)
HOOK(chauthtok)
