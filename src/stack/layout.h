/*
 * The data directory of one stack, and where everything is in it:
 *
 *   sluice-stack          marks it as ours
 *   run/                  control.sock, the list of running processes
 *   log/                  one file a process
 *   secrets/              passwords, made at the first start
 *   postgres/ nats/ prometheus/
 *
 * It may stand where the user that everything runs as cannot reach it by name (a clone in /root):
 * children then come to it through an inherited descriptor, as /proc/self/fd/9.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "stack/identity.h"

struct layout {
    int dir_fd;            /* the directory; O_PATH, so that a child that has it holds no lock */
    int lock_fd;           /* the same, locked as long as this supervisor lives; -1 = not locked */
    char shown[PATH_MAX];  /* its path as people know it */
    char inside[PATH_MAX]; /* its path as children reach it; "" until layout_enter() */
};
#define LAYOUT_INIT                                                                                \
    {                                                                                              \
        .dir_fd = -1, .lock_fd = -1                                                                \
    }

void layout_release(struct layout *l);
#define _cleanup_layout_ _cleanup_(layout_release)

/* Opens an existing data directory. -ENOENT when there is none, or nothing was ever started in it.
 */
int layout_open(struct layout *l, const char *path, struct strbuf *err) MUST_CHECK;
/* Opens it for starting a stack: makes it if it is missing (refuses a directory with other things
 * in it), chooses who to run as, gives the directory to that user, and locks it. -EEXIST when a
 * supervisor holds it. */
int layout_claim(struct layout *l, const char *path, struct identity *ret_id,
                 struct strbuf *err) MUST_CHECK;
/* Makes what is in it. Call after identity_become(). */
int layout_enter(struct layout *l, struct strbuf *err) MUST_CHECK;

/* "<inside>/<name>"; a name of ours is short. */
#define LAYOUT_PATH_MAX (PATH_MAX + 64)
void layout_path(const struct layout *l, const char *name, char ret[LAYOUT_PATH_MAX]);
