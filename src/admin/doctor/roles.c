/* The processes: what their supervisor says, and what each role says of itself over HTTP. */
#include <stdio.h>
#include <string.h>

#include "admin/doctor/checks.h"
#include "base/clock.h"
#include "load/http_load.h"

#define HEALTH_TIMEOUT_USEC (3 * UINT64_C(1000000))

static const char *const roles[] = { "gateway", "fb-collector", "ttk-collector", "reporter" };

/* "gateway-2" is one more instance of gateway. */
static bool is_role(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
        size_t len = strlen(roles[i]);

        if (strncmp(name, roles[i], len) == 0 && (name[len] == '\0' || name[len] == '-'))
            return true;
    }
    return false;
}

static bool is_fine(const char *state)
{
    return strcmp(state, "ready") == 0 || strcmp(state, "done") == 0;
}

void check_role(struct findings *f, const char *name, uint32_t port, const char *mend)
{
    _cleanup_strbuf_ struct strbuf text, err;
    char url[64];
    long status = 0;

    strbuf_init(&text, 65536);
    strbuf_init(&err, 1024);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/health", port);
    if (http_get(url, HEALTH_TIMEOUT_USEC, &status, &text, &err) < 0 || status == 0)
        findings_add(f, FINDING_FAIL, "health", mend, "%s does not answer: %s", name, err.ptr);
    else if (status != 200 || !strstr(text.ptr, "\"status\":\"ok\","))
        findings_add(f, FINDING_FAIL, "health", mend, "%s is not well: %s", name, text.ptr);
    else
        findings_add(f, FINDING_OK, "health", NULL, "%s on port %u is well", name, port);
}

void check_processes(struct findings *f, const struct target *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct target_process *p = &t->processes[i];
        bool fine = is_fine(p->state);
        char mend[96];

        (void)snprintf(mend, sizeof(mend), "sluice logs %s says why", p->name);
        findings_add(f, fine ? FINDING_OK : FINDING_FAIL, "process", fine ? NULL : mend,
                     "%s: %s, pid %lld", p->name, p->state, (long long)p->pid);
        if (p->port > 0 && is_role(p->name))
            check_role(f, p->name, p->port, mend);
    }
}
