/*
 * gzip bodies (RFC 1952, several members in a row included), inflated piece by piece under a cap,
 * so that a small body cannot become a large allocation. Owned by one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <zlib.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

struct inflater {
    z_stream z;
    bool ready;
};

/* Takes no memory before the first use. */
void inflater_init(struct inflater *in);
void inflater_release(struct inflater *in);

/* Replaces out's content with the inflated bytes and `padding` bytes of room behind them; out's own
 * cap MUST be at least max_bytes + padding. -EBADMSG: broken, cut off, or something else behind the
 * last member. -EFBIG: more than max_bytes. -ENOMEM. */
int inflater_run(struct inflater *in, struct span gzip, size_t max_bytes, size_t padding,
                 struct strbuf *out) MUST_CHECK;
