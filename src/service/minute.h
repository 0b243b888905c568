/* The thread behind service_on_minute(). */
#pragma once

#include "base/macros.h"
#include "service/service.h"

struct minute_clock;

/* Starts the thread. NULL: *err says why. */
struct minute_clock *minute_clock_new(struct service *s, struct strbuf *err);
/* Ends the thread after one last call, for the minute that is running. NULL is fine. */
struct minute_clock *minute_clock_free(struct minute_clock *m);
