/* The answer of a stream to a publish (nats-server, server/stream.go: JSPubAckResponse). */
#pragma once

#include "base/macros.h"
#include "base/span.h"
#include "bus/publisher.h"

/* {"stream":"S","seq":7,"duplicate":true} or
 * {"error":{"code":503,"err_code":10077,"description":"..."}}. Fills outcome, seq, error_code and
 * error of *ret, nothing else; what is neither is BUS_UNKNOWN. */
void pub_ack_parse(struct span json, struct bus_result *ret);

/* The outcome when nothing listens on the subject (status 503). */
void pub_ack_no_stream(struct bus_result *ret);

/* Sets the outcome with words of our own. */
void pub_ack_set(struct bus_result *ret, enum bus_outcome outcome, int code, const char *words);
