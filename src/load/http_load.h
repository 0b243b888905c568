/*
 * Sends many POST requests at once over kept-alive connections (libcurl multi) and reports what
 * became of each. For the publisher and the load tests. One thread.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

struct http_load;

struct http_load_result {
    void *token;
    long status;       /* 0 = no answer */
    struct span body;  /* of the answer, at most 64 KiB; valid during the callback */
    const char *error; /* when status is 0 */
    uint64_t took_usec;
    uint32_t retry_after_seconds; /* of a 503; 0 = not said */
};
typedef void (*http_load_fn)(void *ctx, const struct http_load_result *result);

struct http_load_options {
    const char *url;
    const char *content_type;
    uint32_t connections; /* requests in flight at most */
    uint64_t timeout_usec;
    http_load_fn done;
    void *ctx;
};

/* -EINVAL for a URL that is none. */
int http_load_new(const struct http_load_options *options, struct http_load **ret,
                  struct strbuf *err) MUST_CHECK;
struct http_load *http_load_free(struct http_load *l);
DEFINE_CLEANUP(struct http_load *, http_load_free)

/* Queues one POST; the body is copied. -EAGAIN when all connections are busy. */
int http_load_post(struct http_load *l, struct span body, const char *correlation_id,
                   void *token) MUST_CHECK;
/* Moves data and calls back what is done; waits at most `timeout`. */
int http_load_poll(struct http_load *l, uint64_t timeout_usec) MUST_CHECK;
uint32_t http_load_inflight(const struct http_load *l);

/* A single GET; the answer's body is appended to *out. *ret_status 0 = no answer. */
int http_get(const char *url, uint64_t timeout_usec, long *ret_status, struct strbuf *out,
             struct strbuf *err) MUST_CHECK;
