/* What the benchmark's client sends and reads: HTTP/1.1 with Content-Length, nothing else. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "admin/bench/client.h"
#include "base/macros.h"
#include "base/strbuf.h"

/* Replaces *out by the next request. */
int client_write_request(const struct client_options *options, struct strbuf *out) MUST_CHECK;

/* Whether a whole answer has come: its status if so and the length of its body, 0 if not yet, <0
 * when it is none, or longer than `most`. */
int client_answer(const char *in, size_t len, size_t most, uint64_t *ret_body) MUST_CHECK;
