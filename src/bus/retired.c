/*
 * libnats 3.4.1 uses a subscription without a reference while a message comes in for it, so that
 * destroying one that may still get messages is a use after free (fixed upstream later: "Crash
 * processing inbound message for destroyed subscription"). What was unsubscribed is safe to destroy
 * when the thread that reads has been seen alive behind it, or has ended.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "bus/connection.h"

#define FLUSH_MSEC 2000

struct retired {
    struct retired *next;
    natsSubscription *sub;
};

/* Until the connection is closed. Without memory it is never destroyed: better than too early. */
static void keep(struct bus *bus, natsSubscription *sub)
{
    struct retired *r = malloc(sizeof(*r));

    if (!r)
        return;
    (void)pthread_mutex_lock(&bus->lock);
    *r = (struct retired){ .next = bus->retired, .sub = sub };
    bus->retired = r;
    (void)pthread_mutex_unlock(&bus->lock);
}

void bus_retire(struct bus *bus, natsSubscription *sub)
{
    if (!sub)
        return;
    (void)natsSubscription_Unsubscribe(sub);
    /* The answer is read by the thread in question. */
    if (bus_connected(bus) && natsConnection_FlushTimeout(bus->nc, FLUSH_MSEC) == NATS_OK)
        natsSubscription_Destroy(sub);
    else
        keep(bus, sub);
}

void bus_destroy_retired(struct bus *bus)
{
    while (bus->retired) {
        struct retired *r = bus->retired;

        bus->retired = r->next;
        natsSubscription_Destroy(r->sub);
        free(r);
    }
}
