/* What a module must leave as it found it: everything of the host that a hook could disturb, taken before and
 * after each hook, and the names of what differs. */
#ifndef TWINLOCK_HOST_STATE_H
#define TWINLOCK_HOST_STATE_H

#include <security/pam_appl.h>

struct host_state;

/* A snapshot, to be freed by host_state_free. Takes no descriptor that is still open afterwards. */
struct host_state *host_state_take(pam_handle_t *pamh);
void host_state_free(struct host_state *state);

/* Writes `same`, or `changed:NAME(OLD->NEW),...` with escaped values. */
void host_state_report(FILE *out, const struct host_state *before, const struct host_state *after);

#endif
