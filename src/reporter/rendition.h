/*
 * The answer of a report in the form its client asked for: JSON in its envelope or CSV, with an
 * entity tag, compressed, or nothing but "not modified". Written on a thread of the pool, so that a
 * large one keeps no HTTP loop from others; sent on the request's loop.
 *
 * The tag is a digest of `data` and the form: two answers with the same numbers have the same one,
 * whatever their timestamps. That is what a client which polls wants to know.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/strbuf.h"
#include "service/http.h"
#include "store/snapshot.h"

enum rendition_format {
    RENDITION_ANY, /* as Accept says */
    RENDITION_JSON,
    RENDITION_CSV,
};

#define RENDITION_ETAG_BYTES (2 + 32 + 1)

struct rendition {
    /* what the client wants; owned, so that it needs no request */
    bool csv, takes_gzip;
    char *if_none_match; /* or NULL */
    char *correlation_id;

    /* what it gets */
    struct strbuf body;
    bool unchanged; /* 304: no body */
    bool gzipped;
    char etag[RENDITION_ETAG_BYTES];
    char through[TIMESTAMP_TEXT_MAX]; /* "" = not known */
};

void rendition_init(struct rendition *a);
void rendition_release(struct rendition *a);

/* Loop thread. format: of the query, which wins over Accept. -ENOMEM. */
int rendition_ask(struct rendition *a, const struct http_request *req,
                  enum rendition_format format) MUST_CHECK;
/* Any thread. data: the report's object. -ENOMEM, -ENOBUFS. */
int rendition_write(struct rendition *a, struct span data, const struct snapshot *view,
                    uint64_t took_usec) MUST_CHECK;
/* Loop thread. Gives the body away. report: names the file of a download. */
void rendition_send(struct rendition *a, struct http_request *req, const char *report);
