/*
 * Health and metrics of this very process on a socket of its own, beside the one that it may share
 * with other processes of its role: a scrape of a shared socket reads now one process's counters,
 * now another's.
 */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"
#include "service/service.h"

struct observer;

/* Takes the listening socket over and starts serving, on a thread of its own. s: borrowed. */
int observer_new(struct service *s, int listen_fd, struct observer **ret,
                 struct strbuf *err) MUST_CHECK;
/* Stops it. MUST come before anything that health or metrics read is freed. NULL is fine. */
struct observer *observer_free(struct observer *o);
DEFINE_CLEANUP(struct observer *, observer_free)
