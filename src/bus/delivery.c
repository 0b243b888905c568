/* Delivered messages and their acks. */
#include "bus/delivery.h"

#include <errno.h>
#include <stdlib.h>

#include "bus/ack_subject.h"
#include "bus/connection.h"

int delivery_new(natsMsg *msg, struct bus_delivery **ret_delivery)
{
    const char *reply = natsMsg_GetReply(msg);
    struct bus_delivery *d;
    struct ack_subject ack;
    int r;

    if (!reply)
        return -EBADMSG;
    r = ack_subject_parse(span_str(reply), &ack);
    if (r < 0)
        return r;
    d = malloc(sizeof(*d));
    if (!d)
        return -ENOMEM;
    *d = (struct bus_delivery){
        .msg = msg,
        .payload = span_of(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)),
        .subject = natsMsg_GetSubject(msg),
        .reply = reply,
        .seq = ack.stream_seq,
        .nth = ack.consumer_seq,
        .stored_nsec = ack.stored_nsec,
        .deliveries = ack.deliveries,
        .pending = ack.pending,
    };
    *ret_delivery = d;
    return 0;
}

int delivery_of_stored(natsMsg *msg, struct bus_delivery **ret_delivery)
{
    struct bus_delivery *d = malloc(sizeof(*d));

    if (!d)
        return -ENOMEM;
    *d = (struct bus_delivery){
        .msg = msg,
        .payload = span_of(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)),
        .subject = natsMsg_GetSubject(msg),
        .seq = natsMsg_GetSequence(msg),
        .stored_nsec = natsMsg_GetTime(msg),
    };
    *ret_delivery = d;
    return 0;
}

struct bus_delivery *bus_delivery_free(struct bus_delivery *d)
{
    if (d)
        natsMsg_Destroy(d->msg);
    free(d);
    return NULL;
}

const char *bus_delivery_header(struct bus_delivery *d, const char *name)
{
    const char *value = NULL;

    return natsMsgHeader_Get(d->msg, name, &value) == NATS_OK ? value : NULL;
}

int bus_ack(struct bus *bus, const struct bus_delivery *d, enum bus_ack kind)
{
    static const struct span words[] = {
        [BUS_ACK] = SPAN("+ACK"),
        [BUS_NAK] = SPAN("-NAK"),
        [BUS_WORKING] = SPAN("+WPI"),
        [BUS_TERM] = SPAN("+TERM"),
    };

    if (!bus_connected(bus))
        return -ENOTCONN;
    return bus_errno(
        natsConnection_Publish(bus->nc, d->reply, words[kind].ptr, (int)words[kind].len));
}
