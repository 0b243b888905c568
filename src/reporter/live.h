/*
 * GET /live: server-sent events for the page. One thread reads the pipeline's figures about once a
 * second while somebody watches, for all of them; each loop hands them to its own streams. An event
 * `figures` is sent when something changed, a comment now and then otherwise, so that a connection
 * that is gone is noticed on both sides.
 */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"
#include "service/service.h"

struct live;

/* Starts the thread. <0 with *err. */
int live_new(struct service *service, struct live **ret, struct strbuf *err) MUST_CHECK;
/* The loops MUST have stopped. */
struct live *live_free(struct live *l);
DEFINE_CLEANUP(struct live *, live_free)

/* Any thread. */
uint32_t live_watchers(struct live *l);

/* The handler's work, on the request's loop. */
void live_watch(struct live *l, struct http_request *req);
