/* Single messages of a stream: got and deleted by their sequence. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "bus/connection.h"
#include "bus/delivery.h"
#include "bus/reader.h"

static int api_errno(natsStatus s, jsErrCode code, const char *verb, const char *stream,
                     uint64_t seq, struct strbuf *err)
{
    char what[64];

    (void)snprintf(what, sizeof(what), "cannot %s message %" PRIu64 " of", verb, seq);
    return bus_api_errno(s, code, what, stream, err);
}

int bus_stored_get(struct bus *bus, const char *stream, uint64_t seq, struct bus_delivery **ret,
                   struct strbuf *err)
{
    jsOptions options = { .Wait = BUS_API_TIMEOUT_MSEC };
    natsMsg *msg = NULL;
    jsErrCode code = 0;
    natsStatus s;
    int r = bus_check_connected(bus, err);

    if (r < 0)
        return r;
    s = js_GetMsg(&msg, bus->js, stream, seq, &options, &code);
    r = api_errno(s, code, "read", stream, seq, err);
    if (r < 0)
        return r;
    r = delivery_of_stored(msg, ret);
    if (r < 0) {
        strbuf_setf(err, "out of memory");
        natsMsg_Destroy(msg);
    }
    return r;
}

/* The server has several words for a message that is not there (nats-server, server/filestore.go);
 * asking for it has one answer. */
static int why_not_deleted(struct bus *bus, const char *stream, uint64_t seq)
{
    _cleanup_(bus_delivery_freep) struct bus_delivery *d = NULL;
    _cleanup_strbuf_ struct strbuf unused;

    strbuf_init(&unused, 256);
    return bus_stored_get(bus, stream, seq, &d, &unused) == -ENOENT ? -ENOENT : -EIO;
}

int bus_stored_delete(struct bus *bus, const char *stream, uint64_t seq, struct strbuf *err)
{
    jsOptions options = { .Wait = BUS_API_TIMEOUT_MSEC };
    jsErrCode code = 0;
    natsStatus s;
    int r = bus_check_connected(bus, err);

    if (r < 0)
        return r;
    s = js_DeleteMsg(bus->js, stream, seq, &options, &code);
    r = api_errno(s, code, "delete", stream, seq, err);
    return r == -EIO ? why_not_deleted(bus, stream, seq) : r;
}

uint64_t bus_delivery_bytes(struct bus_delivery *d)
{
    const char *size = bus_delivery_header(d, JSMsgSize);
    uint64_t n;

    return d->payload.len == 0 && size && parse_u64(span_str(size), &n) == 0 ? n : d->payload.len;
}
