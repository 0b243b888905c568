#include "gateway/intake.h"

#include <errno.h>

#include "event/json.h"

static const struct refusal bad_gzip = { 400, "invalid_gzip" };
static const struct refusal bad_json = { 400, "invalid_json" };
static const struct refusal no_events = { 400, "no_events" };
static const struct refusal too_large = { 413, "body_too_large" };
static const struct refusal too_many = { 413, "too_many_events" };

_Static_assert(HTTP_BODY_PADDING >= JSON_PADDING, "events are parsed where the body stands");

int intake_init(struct intake *in, const struct settings *settings, struct outbox *outbox,
                bool on_loop)
{
    in->on_loop = on_loop;
    in->outbox = outbox;
    in->streams = outbox->options.streams;
    in->metrics = outbox->options.metrics;
    in->body_max = (size_t)settings->body_max_bytes;
    in->events_max = (size_t)settings->bulk_max_events;
    inflater_init(&in->inflater);
    strbuf_init(&in->inflated,
                (on_loop ? MIN(in->body_max, LOOP_BODY_MAX) : in->body_max) + JSON_PADDING);
    in->decoder = event_decoder_new((enum event_validation)settings->validation,
                                    (size_t)settings->event_max_bytes);
    return in->decoder ? 0 : -ENOMEM;
}

void intake_release(struct intake *in)
{
    in->decoder = event_decoder_free(in->decoder);
    inflater_release(&in->inflater);
    if (in->inflated.cap)
        strbuf_release(&in->inflated);
}

/* ---- what is wrong ---- */

/* A body of which no event can be read is kept whole, as it came. */
static void refuse_unreadable(struct intake *in, struct pending *p, const struct refusal *refusal,
                              const char *detail, size_t offset)
{
    struct dead_letter letter = { .unreadable = true,
                                  .bytes = p->input.body,
                                  .reason = refusal->code,
                                  .detail = p->message,
                                  .pointer = "",
                                  .correlation_id = p->input.correlation_id,
                                  .origin = "gateway",
                                  .received_usec = p->input.received_usec };
    struct event_fault fault = { .pointer = "", .expected = p->message, .source = -1, .stage = -1 };
    enum failure failure = streams_check(in->streams, STREAM_BIT(STREAM_UNREADABLE), 0);

    if (p->input.gzip)
        pending_refuse(p, refusal, "%s", detail);
    else
        pending_refuse(p, refusal, "the body cannot be read: %s (at byte %zu)", detail, offset);
    pending_reject(p, 0, &fault);
    gateway_metrics_failed(in->metrics, SOURCE_UNKNOWN, STAGE_UNKNOWN, REASON_UNREADABLE, 1);
    if (failure == FAILURE_NONE)
        failure = outbox_dead_letter(in->outbox, p, &letter);
    pending_fail(p, failure);
}

static void reject_event(struct intake *in, struct pending *p, struct span raw, uint32_t index,
                         const struct event_fault *fault)
{
    struct dead_letter letter = { .source =
                                      fault->source < 0 ? NULL : event_source_names[fault->source],
                                  .bytes = raw,
                                  .reason = fault->reason,
                                  .detail = fault->expected,
                                  .pointer = fault->pointer,
                                  .correlation_id = p->input.correlation_id,
                                  .origin = "gateway",
                                  .index = index,
                                  .received_usec = p->input.received_usec };

    pending_reject(p, index, fault);
    gateway_metrics_failed(in->metrics, fault->source, fault->stage, fault->reason, 1);
    pending_fail(p, outbox_dead_letter(in->outbox, p, &letter));
}

static void refuse_split(struct intake *in, struct pending *p, int r, const char *error,
                         size_t offset)
{
    if (r == -ENODATA)
        pending_refuse(p, &no_events, "the body holds no events");
    else if (r == -E2BIG)
        pending_refuse(p, &too_many, "more than %zu events in one request", in->events_max);
    else
        refuse_unreadable(in, p, &bad_json, error, offset);
}

/* ---- events ---- */

static enum failure add_event(struct intake *in, struct pending *p, const struct event *ev)
{
    int lane = lane_of(ev->source, ev->stage);
    bool share = in->on_loop && p->shape == SHAPE_SINGLE;
    enum failure failure = FAILURE_NONE;

    metric_add(in->metrics->accepted[lane], 1);
    if (p->shape == SHAPE_SINGLE)
        failure = streams_check(in->streams, STREAM_BIT(ev->source), ev->raw.len);
    if (failure == FAILURE_NONE)
        failure = share ? outbox_add_shared(in->outbox, p, lane, ev->raw)
                        : outbox_add_own(in->outbox, p, lane, ev->raw);
    if (failure != FAILURE_NONE)
        gateway_metrics_lane_failed(in->metrics, lane, failure, 1);
    else
        p->accepted++;
    return failure;
}

static void take_event(struct intake *in, struct pending *p, struct span raw, uint32_t index)
{
    struct event_fault fault;
    struct event ev;
    int r = event_decode(in->decoder, raw, p->input.received_usec, &ev, &fault);

    if (r == 0) {
        pending_fail(p, add_event(in, p, &ev));
        return;
    }
    if (r != -EBADMSG) {
        pending_fail(p, failure_of_errno(r));
        return;
    }
    if (p->shape == SHAPE_SINGLE)
        pending_fail(p, streams_check(in->streams, STREAM_BIT(STREAM_DLQ), raw.len));
    if (p->failure == FAILURE_NONE)
        reject_event(in, p, raw, index, &fault);
}

/* The streams that these events need. */
static unsigned streams_of(struct intake *in, const struct pending *p, struct splitter events)
{
    unsigned mask = 0;
    struct span raw;

    while (mask != STREAMS_OF_EVENTS && splitter_next(&events, &raw)) {
        struct event_fault fault;
        struct event ev;
        int r = event_decode(in->decoder, raw, p->input.received_usec, &ev, &fault);

        mask |= STREAM_BIT(r == 0 ? (int)ev.source : STREAM_DLQ);
    }
    return mask;
}

/* Nothing of many events is sent unless all of them can be. Most of the time every stream is open
 * and nobody has to look which are needed. */
static enum failure check_many(struct intake *in, const struct pending *p,
                               const struct splitter *events, size_t bytes)
{
    enum failure failure = streams_check(in->streams, STREAMS_OF_EVENTS, bytes);

    if (failure == FAILURE_NONE)
        return FAILURE_NONE;
    return streams_check(in->streams, streams_of(in, p, *events), bytes);
}

static void take_many(struct intake *in, struct pending *p, struct splitter *events, size_t bytes)
{
    struct span raw;
    uint32_t index = 0;

    pending_fail(p, check_many(in, p, events, bytes));
    while (p->failure == FAILURE_NONE && splitter_next(events, &raw)) {
        if (atomic_load_explicit(&p->cancelled, memory_order_relaxed))
            pending_fail(p, FAILURE_CANCELLED);
        else
            take_event(in, p, raw, index++);
    }
    outbox_flush_own(in->outbox, p);
}

static void take_single(struct intake *in, struct pending *p, struct splitter *events)
{
    struct span raw;

    if (splitter_next(events, &raw))
        take_event(in, p, raw, 0);
    if (!in->on_loop)
        outbox_flush_own(in->outbox, p);
}

/* ---- the body ---- */

/* Whether a loop would keep its other requests waiting with this list, or its outbox could not hold
 * what the list may become: a message each for rejected events. */
static bool too_many_for_loop(const struct intake *in, const struct splitter *events, size_t bytes)
{
    return in->on_loop && events->shape == SHAPE_MANY &&
           (events->count > LOOP_EVENTS_MAX ||
            !outbox_has_room(in->outbox, events->count + LANE_COUNT, 2 * bytes));
}

static enum intake_result take_body(struct intake *in, struct pending *p, char *body, size_t len)
{
    struct splitter events;
    const char *error = "";
    size_t offset = 0;
    int r = splitter_init(&events, p->input.form, body, len, in->events_max, &error, &offset);

    if (r < 0) {
        refuse_split(in, p, r, error, offset);
        return INTAKE_SEALED;
    }
    if (too_many_for_loop(in, &events, len)) {
        splitter_undo(&events);
        return INTAKE_TOO_BIG;
    }
    p->shape = events.shape;
    if (events.shape == SHAPE_SINGLE)
        take_single(in, p, &events);
    else
        take_many(in, p, &events, len);
    return INTAKE_SEALED;
}

static enum intake_result take_gzip(struct intake *in, struct pending *p)
{
    size_t max = in->on_loop ? MIN(in->body_max, LOOP_BODY_MAX) : in->body_max;
    int r = inflater_run(&in->inflater, p->input.body, max, JSON_PADDING, &in->inflated);

    switch (r) {
    case 0:
        return take_body(in, p, in->inflated.ptr, in->inflated.len);
    case -EFBIG:
        if (max < in->body_max)
            return INTAKE_TOO_BIG;
        pending_refuse(p, &too_large, "the inflated body is larger than %zu bytes", in->body_max);
        break;
    case -EBADMSG:
        refuse_unreadable(in, p, &bad_gzip, "the body is not one whole gzip stream", 0);
        break;
    default:
        pending_fail(p, failure_of_errno(r));
    }
    return INTAKE_SEALED;
}

enum intake_result intake_take(struct intake *in, struct pending *p)
{
    enum intake_result result;

    if (in->on_loop && p->input.body.len > LOOP_BODY_MAX)
        return INTAKE_TOO_BIG;
    if (p->input.body.len == 0) {
        pending_refuse(p, &no_events, "the body is empty");
        return INTAKE_SEALED;
    }
    if (p->input.gzip)
        result = take_gzip(in, p);
    else
        result = take_body(in, p, (char *)(uintptr_t)p->input.body.ptr, p->input.body.len);
    if (!in->on_loop)
        strbuf_release(&in->inflated);
    return result;
}
