/* What `sluice health` asks of a role, and what it makes of the answer. */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

struct readiness_role {
    const char *name;
    uint32_t default_port;
};

/* NULL when no role that answers HTTP is called so. */
const struct readiness_role *readiness_role_find(struct span name);

/* The role of a process, from its /proc/PID/cmdline: the first argument that names one, so that a
 * small init or a wrapper may stand before it. NULL when there is none. */
const struct readiness_role *readiness_role_of(struct span cmdline);

/* Where the role answers on this machine; host: as in HOST, "0.0.0.0" and "::" are every address.
 */
void readiness_url(const char *host, uint32_t port, struct strbuf *ret_url);

/* From the body of an answer that is not 200 (JSON_PADDING readable bytes stand behind it): why the
 * role is not ready, in one line. What makes no sense leaves *why as it is. */
void readiness_explain(struct span body, struct strbuf *why);
