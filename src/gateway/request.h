/* The routes' handlers: from the first look at a request's headers to its answer. Loop thread. */
#pragma once

#include "gateway/pending.h"
#include "service/http.h"

/* ctx of all: the struct service. */
void request_on_events(struct http_request *req, void *ctx); /* one event, an array, or lines */
void request_on_bulk(struct http_request *req, void *ctx);   /* {"events":[...]} */
void request_on_abort(struct http_request *req, void *ctx);

/* p has all its outcomes: answers, and gives p back to its loop's stock. */
void request_done(struct pending *p);
