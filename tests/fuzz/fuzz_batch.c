/* Reading anything: no crash, an end. Writing what was read and reading it again gives the same. */
#include <errno.h>

#include "event/batch.h"
#include "fuzz.h"

static bool printable(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < ' ' || s.ptr[i] > '~')
            return false;
    return true;
}

static void check_same(struct batch_reader *a, struct span payload, struct arena *arena)
{
    struct batch_reader b;
    struct span left, right;

    batch_reader_init(&b, payload, arena);
    while (batch_reader_next(a, &left) > 0) {
        EXPECT(batch_reader_next(&b, &right) == 1);
        EXPECT(span_eq(left, right));
        EXPECT(span_eq(a->run.correlation_id, b.run.correlation_id));
        EXPECT(a->run.received_usec == b.run.received_usec);
        EXPECT(a->run.accepted == b.run.accepted && a->run.rejected == b.run.rejected);
    }
    EXPECT(batch_reader_next(&b, &right) == 0);
}

/* False when it cannot be written again: too large, or ids and years that no gateway writes. */
static bool rewrite(struct batch_writer *w, struct span payload, struct arena *arena)
{
    const int64_t years = INT64_C(250000000000) * 1000000;
    struct batch_reader r;
    struct span line;
    uint32_t left = 0;
    bool first;

    batch_reader_init(&r, payload, arena);
    while (batch_reader_next(&r, &line) > 0) {
        if (!printable(r.run.correlation_id) || !batch_writer_fits(w, line.len) ||
            r.run.received_usec < 0 || r.run.received_usec > years)
            return false;
        first = left == 0;
        if (first) {
            EXPECT(batch_writer_run(w, r.run.correlation_id, r.run.received_usec) == 0);
            left = r.run.count;
        }
        left--;
        EXPECT(batch_writer_event(w, line) == 0);
        if (first && r.run.accepted >= 0)
            EXPECT(batch_writer_totals(w, (uint32_t)r.run.accepted, (uint32_t)r.run.rejected) == 0);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct batch_writer w;
    _cleanup_arena_ struct arena arena;
    char digest[BATCH_DIGEST_BYTES];
    struct batch_reader r;
    struct span written;

    if (!w.digest)
        EXPECT(batch_writer_init(&w) == 0);
    batch_writer_reset(&w);
    arena_init(&arena, 4096, 64 << 20);
    if (!rewrite(&w, span_of(data, size), &arena))
        return 0;
    EXPECT(batch_writer_finish(&w, &written, digest) == 0);
    EXPECT(strlen(digest) == BATCH_DIGEST_BYTES - 1);
    batch_reader_init(&r, span_of(data, size), &arena);
    check_same(&r, written, &arena);
    return 0;
}
