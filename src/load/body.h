/* Request bodies full of generated events. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "load/generator.h"

enum body_form { BODY_ARRAY, BODY_BULK }; /* [...], {"events":[...]} */

struct body_shape {
    enum body_form form;
    uint32_t events;
    uint32_t corrupt_at; /* index of the one event that is corrupt; >= events: none is */
};

/* Called for each event but the corrupt one. */
typedef void (*body_event_fn)(void *ctx, const struct generated *generated);

/* Replaces the content of *out. each may be NULL. Errors as generator_next(). */
int body_build(struct generator *g, const struct body_shape *shape, struct strbuf *out,
               body_event_fn each, void *ctx) MUST_CHECK;
