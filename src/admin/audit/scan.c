#include "admin/audit/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "bus/dead_letter.h"
#include "bus/reader.h"
#include "ingest/work.h"

/* Reads a message's headers into *ret; false: it is none to keep. */
typedef bool (*read_fn)(struct bus_delivery *d, const char *stream, struct scanned_message *ret);

void scan_release(struct scan *s)
{
    free(s->messages);
    *s = (struct scan){ 0 };
}

static int keep(struct scan *s, const struct scanned_message *m)
{
    if (s->count == s->room) {
        size_t room = MAX(2 * s->room, (size_t)4096);
        struct scanned_message *bigger = reallocarray(s->messages, room, sizeof(*bigger));

        if (!bigger)
            return -ENOMEM;
        s->messages = bigger;
        s->room = room;
    }
    s->messages[s->count++] = *m;
    return 0;
}

static int read_all(struct scan *s, struct bus_reader *reader, const char *stream, read_fn read,
                    struct progress *progress, struct strbuf *err)
{
    uint64_t total = bus_reader_total(reader), done = 0;
    int r;

    for (;;) {
        _cleanup_(bus_delivery_freep) struct bus_delivery *d = NULL;
        struct scanned_message m = { 0 };

        r = bus_reader_next(reader, &d, err);
        if (r <= 0)
            return r;
        r = read(d, stream, &m) ? keep(s, &m) : 0;
        if (r < 0) {
            strbuf_setf(err, "out of memory for the messages of a stream");
            return r;
        }
        done++;
        progress_show(progress, "stream", done, total, "%s %" PRIu64 " of %" PRIu64, stream, done,
                      total);
    }
}

static int scan(struct scan *s, struct bus *bus, const char *read_stream, const char *stream,
                read_fn read, struct progress *progress, struct strbuf *err)
{
    const struct bus_reader_options options = { .stream = read_stream, .headers_only = true };
    _cleanup_(bus_reader_freep) struct bus_reader *reader = NULL;
    int r = bus_reader_open(bus, &options, &reader, err);

    if (r == -ENOENT)
        return 0;
    s->has_stream = r == 0;
    return r < 0 ? r : read_all(s, reader, stream, read, progress, err);
}

static bool read_message(struct bus_delivery *d, const char *stream UNUSED,
                         struct scanned_message *ret)
{
    *ret = (struct scanned_message){
        .seq = d->seq,
        .stored_nsec = d->stored_nsec,
        .events = work_events_claimed(d),
    };
    return true;
}

int scan_stream(struct scan *s, struct bus *bus, const char *stream, struct progress *progress,
                struct strbuf *err)
{
    return scan(s, bus, stream, stream, read_message, progress, err);
}

/* "<stream>/<seq>/<stored_nsec>" */
static bool read_letter(struct bus_delivery *d, const char *stream, struct scanned_message *ret)
{
    struct span origin = span_str(bus_delivery_header(d, DLQ_HEADER_ORIGIN)), part;

    return span_split(&origin, '/', &part) && span_eq(part, span_str(stream)) &&
           span_split(&origin, '/', &part) && parse_u64(part, &ret->seq) == 0 &&
           span_split(&origin, '/', &part) && parse_i64(part, &ret->stored_nsec) == 0 &&
           parse_u32(span_str(bus_delivery_header(d, DLQ_HEADER_INDEX)), &ret->events) == 0;
}

static int compare_messages(const void *pa, const void *pb)
{
    const struct scanned_message *a = pa, *b = pb;

    if (a->seq != b->seq)
        return a->seq < b->seq ? -1 : 1;
    return a->stored_nsec < b->stored_nsec ? -1 : a->stored_nsec > b->stored_nsec;
}

static int compare(const void *pa, const void *pb)
{
    const struct scanned_message *a = pa, *b = pb;
    int c = compare_messages(a, b);

    return c ? c : a->events < b->events ? -1 : a->events > b->events;
}

int scan_letters(struct scan *s, struct bus *bus, const char *stream, struct progress *progress,
                 struct strbuf *err)
{
    int r = scan(s, bus, BUS_DLQ_STREAM, stream, read_letter, progress, err);

    if (r == 0 && s->count)
        qsort(s->messages, s->count, sizeof(*s->messages), compare);
    return r;
}

bool scan_has(const struct scan *letters, uint64_t seq, int64_t stored_nsec)
{
    const struct scanned_message wanted = { .seq = seq, .stored_nsec = stored_nsec };

    return letters->count &&
           bsearch(&wanted, letters->messages, letters->count, sizeof(wanted), compare_messages);
}

bool scan_has_event(const struct scan *letters, uint64_t seq, int64_t stored_nsec, uint32_t index)
{
    const struct scanned_message wanted = { .seq = seq,
                                            .stored_nsec = stored_nsec,
                                            .events = index };

    return letters->count &&
           bsearch(&wanted, letters->messages, letters->count, sizeof(wanted), compare);
}
