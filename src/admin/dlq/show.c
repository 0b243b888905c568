/* sluice dlq show: one letter, its headers and its original bytes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/dlq/dlq.h"
#include "admin/dlq/print.h"
#include "base/clock.h"

/* Indentation makes a hostile body of brackets alone forty times as large. */
#define OUTPUT_MAX_BYTES ((size_t)64 << 20)
#define VALUE_COLUMNS 4096

static void add_field(struct strbuf *out, const char *name, const char *value)
{
    (void)strbuf_addf(out, "%-15s ", name);
    if (value[0])
        print_safe(out, span_str(value), VALUE_COLUMNS);
    else
        (void)strbuf_addc(out, '-');
    (void)strbuf_addc(out, '\n');
}

static void write_text(const struct letter *letter, struct strbuf *out)
{
    struct span bytes = letter->delivery->payload;
    char time[TIMESTAMP_TEXT_MAX];

    (void)strbuf_addf(out, "%-15s %" PRIu64 "\n", "sequence", letter->seq);
    (void)timestamp_format(letter->stored_nsec / 1000, time);
    add_field(out, "rejected at", time);
    add_field(out, "received at", letter->received);
    add_field(out, "source", letter->source);
    add_field(out, "reason", letter->reason);
    add_field(out, "pointer", letter->pointer);
    add_field(out, "detail", letter->detail);
    add_field(out, "correlation id", letter->correlation_id);
    add_field(out, "origin", letter->origin);
    (void)strbuf_addf(out, "%-15s %" PRIu64 "\n", "index", letter->index);
    (void)strbuf_addf(out, "%-15s %" PRIu64, "bytes", letter->bytes);
    if (letter->cut)
        (void)strbuf_addf(out, ", of which the first %zu are kept", bytes.len);
    (void)strbuf_adds(out, "\n\n");
    print_pretty(out, bytes);
}

static void write_json(const struct letter *letter, struct strbuf *out)
{
    struct json_out j;

    json_out_init(&j, out);
    json_object(&j);
    letter_write(letter, &j);
    json_key(&j, "cut");
    json_bool(&j, letter->cut);
    json_key(&j, "payload");
    json_string(&j, letter->delivery->payload);
    json_object_end(&j);
    (void)strbuf_addc(out, '\n');
}

static int write_out(struct span text, struct strbuf *err)
{
    if (fwrite(text.ptr, 1, text.len, stdout) == text.len && fflush(stdout) == 0)
        return 0;
    strbuf_setf(err, "cannot write the output");
    return -EIO;
}

static int get(struct dlq *q, struct bus_delivery **ret, struct strbuf *err)
{
    const struct dlq_options *o = q->options;
    int r = bus_stored_get(q->bus, o->stream, o->seq, ret, err);

    if (r == -ENOENT)
        strbuf_setf(err, "%s has no dead letter %" PRIu64 ": requeued, purged, or never there",
                    o->stream, o->seq);
    return r;
}

int dlq_show(struct dlq *q, struct strbuf *err)
{
    _cleanup_(bus_delivery_freep) struct bus_delivery *d = NULL;
    _cleanup_strbuf_ struct strbuf out;
    struct letter letter;
    int r;

    strbuf_init(&out, OUTPUT_MAX_BYTES);
    if (q->options->raw && isatty(STDOUT_FILENO)) {
        strbuf_setf(err, "--raw: not to a terminal, which might obey what the bytes say");
        return -EINVAL;
    }
    r = get(q, &d, err);
    if (r < 0)
        return r;
    if (q->options->raw)
        return write_out(d->payload, err);
    letter_of(d, &letter);
    if (q->options->json)
        write_json(&letter, &out);
    else
        write_text(&letter, &out);
    if (strbuf_error(&out)) {
        strbuf_setf(err, "out of memory");
        return strbuf_error(&out);
    }
    return write_out(strbuf_span(&out), err);
}
