#include "gateway/failure.h"

#include <errno.h>

const struct failure_text failure_texts[FAILURE_COUNT] = {
    [FAILURE_NONE] = { "none", "no failure", "0" },
    [FAILURE_OVERLOADED] = { "overloaded",
                             "more requests are waiting than this gateway takes; send it again",
                             "1" },
    [FAILURE_MEMORY] = { "out_of_memory", "the gateway is short of memory; send it again", "5" },
    [FAILURE_CANCELLED] = { "cancelled", "the request took too long; send it again", "1" },
    [FAILURE_UNAVAILABLE] = { "nats_unavailable",
                              "the event stream cannot be reached; nothing was accepted, send it "
                              "again",
                              "2" },
    [FAILURE_ACK_TIMEOUT] = { "ack_timeout",
                              "the event stream did not confirm in time; send it again, duplicates "
                              "are recognised",
                              "2" },
    [FAILURE_STREAM_FULL] = { "stream_full",
                              "the event stream is full until the collectors have caught up; send "
                              "it again later",
                              "5" },
};

/* JetStream's error codes (nats-server, server/errors.json): no room in the store, or in the
 * stream. */
#define JS_INSUFFICIENT_RESOURCES 10023
#define JS_STREAM_STORE_FAILED 10077

enum failure failure_of_result(const struct bus_result *result)
{
    switch (result->outcome) {
    case BUS_STORED:
    case BUS_DUPLICATE:
        return FAILURE_NONE;
    case BUS_UNKNOWN:
        return FAILURE_ACK_TIMEOUT;
    case BUS_REFUSED:
        break;
    }
    if (result->error_code == JS_INSUFFICIENT_RESOURCES ||
        result->error_code == JS_STREAM_STORE_FAILED)
        return FAILURE_STREAM_FULL;
    return FAILURE_UNAVAILABLE;
}

enum failure failure_of_errno(int r)
{
    switch (r) {
    case -ENOMEM:
    case -ENOBUFS:
        return FAILURE_MEMORY;
    case -EAGAIN:
        return FAILURE_OVERLOADED;
    default:
        return FAILURE_UNAVAILABLE;
    }
}
