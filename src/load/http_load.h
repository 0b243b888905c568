/*
 * Sends many POST requests at once over kept-alive connections (libcurl multi) and reports what
 * became of each. For the publisher and the load tests. One thread.
 *
 * It talks to the server itself, never through a proxy that the environment names: a load that is
 * measured or verified has nothing between.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

struct http_load;

#define HTTP_LOAD_ANSWER_MAX (64 * 1024)

struct http_load_result {
    void *token;
    long status;       /* 0 = no answer */
    struct span body;  /* of the answer, cut at HTTP_LOAD_ANSWER_MAX; valid during the callback; 64
                          readable bytes stand behind it */
    const char *error; /* when status is 0 */
    uint64_t took_usec;
    uint32_t retry_after_seconds; /* 0 = not said */
};
/* May not post: the connection of the result is free only after the callback. */
typedef void (*http_load_fn)(void *ctx, const struct http_load_result *result);

struct http_load_options {
    const char *url;
    const char *content_type;
    uint32_t connections; /* requests in flight at most */
    uint64_t timeout_usec;
    http_load_fn done;
    void *ctx;
};

/* Strings are copied. -EINVAL for a URL that is none, or neither http nor https. -ENOMEM. */
int http_load_new(const struct http_load_options *options, struct http_load **ret,
                  struct strbuf *err) MUST_CHECK;
/* Requests in flight are given up without a callback. */
struct http_load *http_load_free(struct http_load *l);
DEFINE_CLEANUP(struct http_load *, http_load_free)

/* Queues one POST. The body is borrowed until its callback (or http_load_free()). -EAGAIN when all
 * connections are busy. correlation_id may be NULL. */
int http_load_post(struct http_load *l, struct span body, const char *correlation_id,
                   void *token) MUST_CHECK;
/* Moves data and calls back what is done; waits at most `timeout`, less when something happens. */
int http_load_poll(struct http_load *l, uint64_t timeout_usec) MUST_CHECK;
uint32_t http_load_inflight(const struct http_load *l);

/* -EINVAL with *err for a URL that is none, or neither http nor https. */
int http_url_check(const char *url, struct strbuf *err) MUST_CHECK;

/* A single GET; the answer's body is appended to *out. *ret_status 0 = no answer, *err says why.
 * <0 only for what is wrong here: -EINVAL, -ENOMEM, -ENOBUFS past the cap of *out. */
int http_get(const char *url, uint64_t timeout_usec, long *ret_status, struct strbuf *out,
             struct strbuf *err) MUST_CHECK;
