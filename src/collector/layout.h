/* What a collector needs on the bus: the streams and its durable consumer. */
#pragma once

#include "collector/context.h"

/* Creates what is missing, unless that is known to be there; threads that meet here wait for each
 * other. Errors as bus_stream_ensure(). */
int layout_ensure(struct collector *c, struct strbuf *err) MUST_CHECK;
/* Something is gone: the next layout_ensure() looks again. */
void layout_forget(struct collector *c);
