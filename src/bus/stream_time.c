/* When a stream took a message. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "bus/bus.h"
#include "bus/connection.h"

#define SUBJECT_MAX 256
#define REQUEST_MAX 96

/* The value behind `key` up to `end`. In JSON quotes inside a string stand behind a backslash, so
 * that a key with its quotes is found as a key only. */
static bool find_value(struct span json, const char *key, char end, struct span *ret)
{
    const char *at = memmem(json.ptr, json.len, key, strlen(key)), *last;
    size_t left;

    if (!at)
        return false;
    at += strlen(key);
    left = json.len - (size_t)(at - json.ptr);
    last = memchr(at, end, left);
    if (!last)
        return false;
    *ret = span_of(at, (size_t)(last - at));
    return true;
}

static int refused(struct span json, const char *stream, struct strbuf *err)
{
    struct span code, words = SPAN("it does not understand the request");
    uint32_t n = 0;

    if (find_value(json, "\"err_code\":", ',', &code))
        (void)!parse_u32(code, &n);
    if (n == JS_NO_MESSAGE_FOUND)
        return 0;
    (void)find_value(json, "\"description\":\"", '"', &words);
    strbuf_setf(err, "cannot read a time of stream %s: %.*s", stream, SPAN_ARG(words));
    return n == JS_STREAM_NOT_FOUND ? -ENOENT : -EIO;
}

static int read_answer(struct span json, const char *stream, int64_t *ret_usec, struct strbuf *err)
{
    struct span time;

    if (!find_value(json, "\"message\":", '{', &time))
        return refused(json, stream, err);
    if (find_value(json, "\"time\":\"", '"', &time) && timestamp_parse(time, ret_usec) == 0)
        return 1;
    strbuf_setf(err, "cannot read a time of stream %s: the answer has none", stream);
    return -EIO;
}

/* Asking for the next message of any subject passes over deleted ones (nats-server 2.9 and later,
 * JSApiMsgGetRequest). libnats 3.4.1 cannot ask so. */
int bus_stream_time_from(struct bus *bus, const char *stream, uint64_t seq, int64_t *ret_usec,
                         struct strbuf *err)
{
    char subject[SUBJECT_MAX], request[REQUEST_MAX];
    natsMsg *answer = NULL;
    natsStatus s;
    int r = bus_check_connected(bus, err);

    if (r < 0)
        return r;
    (void)snprintf(subject, sizeof(subject), "$JS.API.STREAM.MSG.GET.%s", stream);
    (void)snprintf(request, sizeof(request), "{\"seq\":%" PRIu64 ",\"next_by_subj\":\">\"}",
                   MAX(seq, UINT64_C(1)));
    s = natsConnection_RequestString(&answer, bus->nc, subject, request, BUS_API_TIMEOUT_MSEC);
    r = bus_api_errno(s, 0, "cannot read a time of stream", stream, err);
    if (r < 0)
        return r;
    r = read_answer(span_of(natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer)), stream,
                    ret_usec, err);
    natsMsg_Destroy(answer);
    return r;
}
