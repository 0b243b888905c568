/*
 * The figures of the pipeline that the page shows live (GET /live, docs/http-api.md): from the
 * collectors' ledger, the consumers and the streams of what was rejected. One thread at a time.
 */
#pragma once

#include <stdbool.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/strbuf.h"

struct live_figures;

struct live_figures_options {
    const char *database_url; /* of the primary; borrowed, as the others */
    const char *nats_url;
    struct log *log;
};

/* Connects at the first reading. NULL when out of memory. */
struct live_figures *live_figures_new(const struct live_figures_options *options);
struct live_figures *live_figures_free(struct live_figures *f);
DEFINE_CLEANUP(struct live_figures *, live_figures_free)

/* Appends them as a JSON object. A server that does not answer is "away" in it, and what it would
 * have told is null. False: one of them is. Blocks for some seconds when one has just gone. */
bool live_figures_read(struct live_figures *f, struct strbuf *out);

/* Makes a reading end soon; any thread. */
void live_figures_cancel(struct live_figures *f);
