/* From a message's payload to decoded events and dead ones. Strings that the decoder owns are
 * copied into the batch's arena, in one piece an event; raw bytes stay where they were received. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "bus/reader.h"
#include "event/batch.h"
#include "event/json.h"
#include "ingest/room.h"
#include "ingest/work.h"

/* Events were validated by the gateway's clock: ours may be behind it, and they are not dead for
 * that. */
#define CLOCK_SKEW_USEC USEC_PER_DAY

/* Where the batch stood before a message, so that a failure half-way leaves nothing of it behind.
 */
struct mark {
    size_t events, dead, runs, message_runs;
    uint32_t last_run_events;
};

static struct mark mark_of(const struct work *w)
{
    return (struct mark){
        .events = w->event_count,
        .dead = w->dead_count,
        .runs = w->run_count,
        .message_runs = w->message_run_count,
        .last_run_events = w->run_count ? w->runs[w->run_count - 1].events : 0,
    };
}

static void roll_back(struct work *w, const struct mark *m)
{
    w->event_count = m->events;
    w->dead_count = m->dead;
    w->run_count = m->runs;
    w->message_run_count = m->message_runs;
    if (m->runs)
        w->runs[m->runs - 1].events = m->last_run_events;
}

/* What one message is read with, and where the reading stands. */
struct reading {
    struct work *w;
    uint32_t message;
    struct event_decoder *decoder; /* NULL: every event is dead */
    enum event_source source;
    const char *reason, *detail; /* of the dead without a decoder */
    int64_t now_usec;
    struct span payload;
    struct batch_reader reader;
    uint32_t lines; /* read so far */
    uint32_t runs;  /* begun so far */
};

static bool continues(const struct work *w, const struct batch_run *run)
{
    const struct span *last = &w->runs[w->run_count - 1].correlation_id;

    return last->ptr == run->correlation_id.ptr || span_eq(*last, run->correlation_id);
}

/* Counts the line in its request's run. */
static int note_run(struct reading *rd)
{
    const struct batch_run *run = &rd->reader.run;
    struct work *w = rd->w;

    if (w->run_count == 0 || !continues(w, run)) {
        int r = ROOM_FOR_ONE(w->runs, w->run_room, w->run_count);

        if (r < 0)
            return r;
        w->runs[w->run_count++] = (struct work_run){
            .correlation_id = run->correlation_id,
            .received_usec = run->received_usec,
        };
    }
    w->runs[w->run_count - 1].events++;
    return 0;
}

/* Opens the run that the reader has come to, if it is another one. */
static int open_run(struct reading *rd)
{
    const struct batch_run *run = &rd->reader.run;
    struct work *w = rd->w;
    int r;

    if (rd->runs == rd->reader.runs)
        return 0;
    r = ROOM_FOR_ONE(w->message_runs, w->message_run_room, w->message_run_count);
    if (r < 0)
        return r;
    rd->runs = rd->reader.runs;
    w->message_runs[w->message_run_count++] = (struct store_run){
        .correlation_id = run->correlation_id,
        .received_usec = run->received_usec,
        .accepted = run->accepted,
        .rejected = run->rejected,
        .message = rd->message,
    };
    return 0;
}

/* Of the run that is read just now; there is one. */
static uint32_t run_index(const struct reading *rd)
{
    return (uint32_t)rd->w->message_run_count - 1;
}

static int add_dead(struct work *w, const struct work_dead *dead)
{
    const char *pointer = arena_strndup(&w->arena, dead->pointer, strlen(dead->pointer));
    const char *detail = arena_strndup(&w->arena, dead->detail, strlen(dead->detail));
    int r = ROOM_FOR_ONE(w->dead, w->dead_room, w->dead_count);

    if (r < 0 || !pointer || !detail)
        return -ENOMEM;
    w->dead[w->dead_count] = *dead;
    w->dead[w->dead_count].pointer = pointer;
    w->dead[w->dead_count++].detail = detail;
    w->messages[dead->message].dead += dead->events;
    if (dead->run_events)
        w->message_runs[dead->run].dead += dead->run_events;
    return 0;
}

static int add_dead_line(struct reading *rd, struct span line, int stage, const char *reason,
                         const char *pointer, const char *detail)
{
    return add_dead(rd->w, &(struct work_dead){
                               .message = rd->message,
                               .index = rd->lines,
                               .events = 1,
                               .run_events = 1,
                               .run = run_index(rd),
                               .bytes = line,
                               .correlation_id = rd->reader.run.correlation_id,
                               .received_usec = rd->reader.run.received_usec,
                               .stage = stage,
                               .reason = reason,
                               .pointer = pointer,
                               .detail = detail,
                           });
}

/* The strings that the store reads and that do not lie in the payload. */
static int keep_strings(struct work *w, struct event *ev)
{
    struct span *const strings[] = {
        &ev->event_id,           &ev->user.user_id,        &ev->user.name,
        &ev->user.country,       &ev->user.city,           &ev->engagement.campaign_id,
        &ev->engagement.ad_id,   &ev->engagement.video_id, &ev->engagement.device,
        &ev->engagement.country,
    };
    size_t total = 0;
    char *at;

    for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
        total += strings[i]->len;
    at = arena_alloc(&w->arena, total);
    if (!at)
        return -ENOMEM;
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        struct span *s = strings[i];

        if (!s->ptr)
            continue;
        memcpy(at, s->ptr, s->len);
        s->ptr = at;
        at += s->len;
    }
    return 0;
}

static int add_event(struct reading *rd, const struct event *ev)
{
    struct work *w = rd->w;
    struct store_event *e;
    int r;

    r = ROOM_FOR_ONE(w->events, w->event_room, w->event_count);
    if (r < 0)
        return r;
    e = &w->events[w->event_count];
    *e = (struct store_event){
        .event = *ev,
        .digest = event_payload_digest(ev->raw),
        .correlation_id = rd->reader.run.correlation_id,
        .received_usec = rd->reader.run.received_usec,
        .message = rd->message,
        .run = run_index(rd),
        .index = rd->lines,
    };
    r = keep_strings(w, &e->event);
    if (r < 0)
        return r;
    event_key_of(ev->source, ev->event_id, &e->key);
    w->event_count++;
    return 0;
}

/* The parser reads JSON_PADDING bytes past a line; only the last lines of a payload have too few.
 */
static int with_padding(struct reading *rd, struct span *line)
{
    const char *end = rd->payload.ptr + rd->payload.len;
    char *copy;

    if (line->ptr + line->len + JSON_PADDING <= end)
        return 0;
    copy = arena_alloc(&rd->w->arena, line->len + JSON_PADDING);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, line->ptr, line->len);
    memset(copy + line->len, 0, JSON_PADDING);
    line->ptr = copy;
    return 0;
}

static int decode_line(struct reading *rd, struct span line)
{
    struct event_fault fault;
    struct event ev;
    int r;

    if (!rd->decoder)
        return add_dead_line(rd, line, -1, rd->reason, "", rd->detail);
    r = with_padding(rd, &line);
    if (r < 0)
        return r;
    r = event_decode(rd->decoder, line, rd->now_usec, &ev, &fault);
    if (r == -EBADMSG)
        return add_dead_line(rd, line, fault.stage, fault.reason, fault.pointer, fault.expected);
    if (r < 0)
        return r;
    if (ev.source != rd->source)
        return add_dead_line(rd, line, (int)ev.stage, "wrong_source", "/source",
                             "expected the source that the stream is for");
    return add_event(rd, &ev);
}

uint32_t work_events_claimed(struct bus_delivery *d)
{
    const char *text = bus_delivery_header(d, "Event-Count");
    uint64_t bytes = bus_delivery_bytes(d);
    uint32_t count = 0;

    if (!text || parse_u32(span_str(text), &count) < 0)
        return 0;
    return (uint32_t)MIN(count, bytes);
}

/* How many of the events that a broken frame hides belong to the run before it: it has counted
 * them. Which request the others came with nobody knows. */
static int claim_hidden(struct reading *rd, uint32_t hidden, uint32_t *ret_claimed)
{
    int r = rd->reader.left ? open_run(rd) : 0;

    if (r < 0)
        return r;
    *ret_claimed = MIN(hidden, rd->reader.left);
    if (*ret_claimed)
        rd->w->message_runs[run_index(rd)].events += *ret_claimed;
    return 0;
}

/* Settles how many events the message holds; those that a broken frame hides are dead together. */
static int settle(struct reading *rd, bool broken)
{
    uint32_t events =
        MAX(work_events_claimed(rd->w->deliveries[rd->message]), rd->lines + (broken ? 1 : 0));
    struct span rest = span_of(rd->reader.at, (size_t)(rd->reader.end - rd->reader.at));
    uint32_t claimed = 0;
    int r;

    rd->w->messages[rd->message].events = events;
    if (events == rd->lines)
        return 0;
    r = claim_hidden(rd, events - rd->lines, &claimed);
    if (r < 0)
        return r;
    return add_dead(rd->w, &(struct work_dead){
                               .message = rd->message,
                               .index = rd->lines,
                               .events = events - rd->lines,
                               .run_events = claimed,
                               .run = claimed ? run_index(rd) : 0,
                               .bytes = broken && rest.len ? rest : rd->payload,
                               .correlation_id = rd->reader.run.correlation_id,
                               .received_usec = rd->reader.run.received_usec,
                               .stage = -1,
                               .reason = "broken_frame",
                               .pointer = "",
                               .detail = broken ? "expected a context line and the events it counts"
                                                : "expected as many events as Event-Count says",
                           });
}

static int read_lines(struct reading *rd)
{
    struct span line;
    int r;

    while ((r = batch_reader_next(&rd->reader, &line)) > 0) {
        r = note_run(rd);
        if (r == 0)
            r = open_run(rd);
        if (r == 0)
            r = decode_line(rd, line);
        if (r < 0)
            return r;
        rd->w->message_runs[run_index(rd)].events++;
        rd->lines++;
    }
    return r == -ENOMEM ? r : settle(rd, r < 0);
}

static int read_message(struct reading *rd)
{
    struct mark before = mark_of(rd->w);
    int r;

    rd->payload = rd->w->deliveries[rd->message]->payload;
    batch_reader_init(&rd->reader, rd->payload, &rd->w->arena);
    r = read_lines(rd);
    if (r < 0) {
        roll_back(rd->w, &before);
        rd->w->messages[rd->message].dead = 0;
    }
    return r;
}

int work_decode(struct work *w, size_t message, struct event_decoder *decoder,
                enum event_source source)
{
    return read_message(&(struct reading){
        .w = w,
        .message = (uint32_t)message,
        .decoder = decoder,
        .source = source,
        .now_usec = clock_wall_usec() + CLOCK_SKEW_USEC,
    });
}

int work_condemn(struct work *w, size_t message, const char *reason, const char *detail)
{
    return read_message(&(struct reading){
        .w = w,
        .message = (uint32_t)message,
        .reason = reason,
        .detail = detail,
    });
}

int work_event_failed(struct work *w, size_t event, const char *reason, const char *detail)
{
    struct store_event *e = &w->events[event];
    int r;

    r = add_dead(w, &(struct work_dead){
                        .message = e->message,
                        .index = e->index,
                        .events = 1,
                        .run_events = 1,
                        .run = e->run,
                        .bytes = e->event.raw,
                        .correlation_id = e->correlation_id,
                        .received_usec = e->received_usec,
                        .stage = (int)e->event.stage,
                        .reason = reason,
                        .pointer = "",
                        .detail = detail,
                    });
    if (r == 0)
        e->dead = true;
    return r;
}
