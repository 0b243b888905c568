#include "collector/layout.h"

#include "bus/puller.h"

/* Two batches a worker in each of some instances, at one event a message. */
#define ACK_PENDING_MAX 100000

static int ensure(struct collector *c, struct strbuf *err)
{
    const struct settings *s = c->settings;
    const char *names[SOURCE_COUNT + 1] = { NULL };
    uint64_t stream_max_bytes;
    int r;

    for (int i = 0; i < SOURCE_COUNT; i++)
        names[i] = event_source_names[i];
    r = bus_layout_ensure(c->bus,
                          &(struct bus_layout){
                              .sources = names,
                              .stream_max_bytes = s->stream_max_bytes,
                              .dlq_max_bytes = s->dlq_max_bytes,
                              .duplicate_window_usec = s->duplicate_window_usec,
                              .replicas = s->stream_replicas,
                          },
                          &stream_max_bytes, err);
    if (r < 0)
        return r;
    r = bus_consumer_ensure(c->bus,
                            &(struct bus_consumer_config){
                                .stream = c->stream,
                                .durable = c->source->durable,
                                .ack_wait_usec = s->ack_wait_usec,
                                .max_ack_pending = ACK_PENDING_MAX,
                            },
                            err);
    if (r < 0)
        return r;
    metric_set(c->figures.stream_max_bytes, (double)stream_max_bytes);
    log_info(c->log, "bus.ready", "the streams and the consumer are there",
             KV_STR("stream", c->stream), KV_STR("consumer", c->source->durable),
             KV_UINT("streamMaxBytes", stream_max_bytes));
    return 0;
}

int layout_ensure(struct collector *c, struct strbuf *err)
{
    int r = 0;

    pthread_mutex_lock(&c->layout_lock);
    if (!atomic_load(&c->layout_ready)) {
        r = ensure(c, err);
        if (r == 0)
            atomic_store(&c->layout_ready, true);
    }
    pthread_mutex_unlock(&c->layout_lock);
    return r;
}

void layout_forget(struct collector *c)
{
    atomic_store(&c->layout_ready, false);
}
