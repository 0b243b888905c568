/*
 * Who the stack runs as. Started by an ordinary user: that user. Started by root: the owner of the
 * data directory, or, when that is root, the system user `sluice`, which is made if it is missing.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/macros.h"
#include "base/strbuf.h"

struct identity {
    uid_t uid;
    gid_t gid;
    char name[64];
    bool switched; /* it is another than the one we were started as */
};

/* owner: of the data directory. <0 with *err for a person. */
int identity_choose(uid_t owner, struct identity *ret, struct strbuf *err) MUST_CHECK;
/* Becomes it for good. Does nothing when we are it already. */
int identity_become(const struct identity *id, struct strbuf *err) MUST_CHECK;
/* Runs fn as it in a process of its own and waits. fn's result, 0 to 100; <0 when it could not run.
 */
int identity_run(const struct identity *id, int (*fn)(void *ctx), void *ctx,
                 struct strbuf *err) MUST_CHECK;
