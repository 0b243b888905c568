/*
 * Events for the benchmark, made almost for nothing: a pool of generated events whose ids and times
 * are overwritten in place, so that every event sent is new and happens now, while the load
 * generator costs a memcpy. The pool is large enough to meet most of its users.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"

struct bench_events;

/* Of `users` distinct users a source. NULL: out of memory. */
struct bench_events *bench_events_new(uint64_t seed, uint32_t users);
struct bench_events *bench_events_free(struct bench_events *e);
DEFINE_CLEANUP(struct bench_events *, bench_events_free)

/* Appends one new event's JSON. */
int bench_events_one(struct bench_events *e, struct strbuf *out) MUST_CHECK;
/* Appends {"events":[...]} or [...] with `count` new events. */
int bench_events_array(struct bench_events *e, uint32_t count, bool bulk,
                       struct strbuf *out) MUST_CHECK;

uint64_t bench_events_made(const struct bench_events *e);
/* Mean bytes of an event of the pool. */
double bench_events_bytes(const struct bench_events *e);
