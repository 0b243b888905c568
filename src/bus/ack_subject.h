/*
 * What a delivered message's ack subject says about it (nats-server, ADR-15):
 * $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time, ns>.<pending>
 * or, with a domain: $JS.ACK.<domain>.<account hash>.<stream>. ... .<pending>[.<random>]
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"

struct ack_subject {
    uint64_t deliveries;
    uint64_t stream_seq;
    int64_t stored_nsec;
    uint64_t pending;
    uint64_t consumer_seq; /* counts what this consumer delivered */
};

/* -EBADMSG when it is no such subject. */
int ack_subject_parse(struct span subject, struct ack_subject *ret) MUST_CHECK;
