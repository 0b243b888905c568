#include "gateway/minute.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "gateway/state.h"

#define MINUTE_BYTES_MAX ((size_t)256 * 1024)
#define NEXT_MINUTE "the next minute's carry the same counters"
#define MINUTE_TIMEOUT_USEC (2 * USEC_PER_SEC)

struct minute_lines {
    const struct service *service;
    struct span minute;
    struct strbuf *out;
};

static void put_line(void *ctx, const char *series, double value)
{
    struct minute_lines *lines = ctx;
    struct json_out j;

    json_out_init(&j, lines->out);
    json_object(&j);
    json_key(&j, "service");
    json_str(&j, lines->service->name);
    json_key(&j, "instance");
    json_str(&j, lines->service->instance);
    json_key(&j, "metric");
    json_str(&j, series);
    json_key(&j, "minute");
    json_string(&j, lines->minute);
    json_key(&j, "value");
    json_double(&j, value);
    json_object_end(&j);
    (void)strbuf_addc(lines->out, '\n');
}

void minute_render(const struct service *service, int64_t minute_usec, struct strbuf *out)
{
    char text[TIMESTAMP_TEXT_MAX];
    struct minute_lines lines = { service, timestamp_format(minute_usec, text), out };

    metrics_each(service->metrics, put_line, &lines);
}

void minute_publish(struct service *service, int64_t minute_usec)
{
    struct gateway *gw = service->state;
    _cleanup_strbuf_ struct strbuf body;
    char id[160];
    struct bus_message message = { .subject = BUS_METRICS_PREFIX "gateway", .msg_id = id };
    struct bus_result result;
    int r;

    strbuf_init(&body, MINUTE_BYTES_MAX);
    if (!streams_ready(&gw->streams, &body)) {
        log_warn(&service->log, "minute.unsent", "the minute's metrics cannot be sent",
                 KV_BUF("error", &body), KV_STR("then", NEXT_MINUTE));
        return;
    }
    minute_render(service, minute_usec, &body);
    message.payload = strbuf_span(&body);
    (void)snprintf(id, sizeof(id), "%s/%lld", service->instance, (long long)minute_usec);
    r = strbuf_error(&body);
    if (r == 0)
        r = bus_publish_sync(gw->streams.bus, &message, MINUTE_TIMEOUT_USEC, &result);
    if (r < 0)
        log_warn(&service->log, "minute.unsent", "the minute's metrics could not be sent",
                 KV_INT("error", r), KV_STR("then", NEXT_MINUTE));
}
