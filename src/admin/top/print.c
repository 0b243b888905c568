#include "admin/top/print.h"

#include "admin/top/screen.h"
#include "base/clock.h"
#include "base/json_out.h"

#define TEXT_WIDTH 120
#define TEXT_HEIGHT 200
#define TEXT_COMPLAINTS 10

int top_print_text(const struct model *m, const char *about, uint64_t interval_usec,
                   struct strbuf *out)
{
    const struct screen_options options = { .about = about,
                                            .interval_usec = interval_usec,
                                            .complaints_max = TEXT_COMPLAINTS };
    _cleanup_canvas_ struct canvas page = { 0 };
    int r = canvas_init(&page, TEXT_WIDTH, TEXT_HEIGHT);
    unsigned rows;

    if (r < 0)
        return r;
    rows = screen_draw(&page, m, &options);
    for (unsigned row = 0; row < rows; row++) {
        canvas_text(&page, row, out);
        (void)strbuf_addc(out, '\n');
    }
    return strbuf_error(out);
}

static void number(struct json_out *j, const char *key, double value)
{
    json_key(j, key);
    json_double(j, value);
}

static void text(struct json_out *j, const char *key, const char *value)
{
    json_key(j, key);
    json_str(j, value);
}

static void when(struct json_out *j, const char *key, int64_t usec)
{
    char buf[TIMESTAMP_TEXT_MAX];

    json_key(j, key);
    json_string(j, timestamp_format(usec, buf));
}

static void flow(struct json_out *j, const char *key, const struct model_flow *f, double dead)
{
    json_key(j, key);
    json_object(j);
    number(j, "inPerSecond", f->in);
    number(j, "storedPerSecond", f->stored);
    number(j, "duplicatesPerSecond", f->duplicates);
    number(j, "failedPerSecond", f->failed);
    number(j, "deadLettersPerSecond", dead);
    number(j, "lagMessages", f->lag_messages);
    number(j, "lagBytes", f->lag_bytes);
    number(j, "lagSeconds", f->lag_seconds);
    number(j, "freshnessP50Seconds", f->p50_seconds);
    number(j, "freshnessP99Seconds", f->p99_seconds);
    number(j, "streamShare", f->stream_share);
    json_object_end(j);
}

static void totals(struct json_out *j, const struct model_totals *t)
{
    json_key(j, "totals");
    json_object(j);
    number(j, "in", t->in);
    number(j, "stored", t->stored);
    number(j, "duplicates", t->duplicates);
    number(j, "expired", t->expired);
    number(j, "failed", t->failed);
    number(j, "deadLetters", t->dead_letters);
    json_object_end(j);
}

static void whole(struct json_out *j, const char *key, int64_t value)
{
    json_key(j, key);
    if (value > 0)
        json_i64(j, value);
    else
        json_null(j);
}

static void processes(struct json_out *j, const struct model *m)
{
    json_key(j, "processes");
    json_array(j);
    for (size_t i = 0; i < m->process_count; i++) {
        const struct model_process *row = &m->processes[i];

        json_object(j);
        text(j, "name", row->process->name);
        text(j, "state", row->process->state);
        text(j, "reason", row->process->reason);
        whole(j, "pid", row->process->pid);
        whole(j, "port", row->process->port);
        number(j, "cpu", row->cpu);
        number(j, "memoryBytes", row->memory_bytes);
        number(j, "perSecond", row->rate);
        json_object_end(j);
    }
    json_array_end(j);
}

static void complaints(struct json_out *j, const struct complaints *c)
{
    json_key(j, "complaints");
    json_array(j);
    for (size_t i = 0; i < c->count; i++) {
        json_object(j);
        when(j, "timestamp", c->list[i].wall_usec);
        text(j, "name", c->list[i].name);
        text(j, "level", c->list[i].error ? "error" : "warn");
        json_key(j, "times");
        json_u64(j, c->list[i].times);
        text(j, "message", c->list[i].text);
        json_object_end(j);
    }
    json_array_end(j);
}

int top_print_json(const struct model *m, struct strbuf *out)
{
    struct json_out j;

    json_out_init(&j, out);
    json_object(&j);
    when(&j, "timestamp", m->wall_usec);
    number(&j, "seconds", m->seconds);
    json_key(&j, "running");
    json_bool(&j, m->running);
    text(&j, "reason", m->why);
    json_key(&j, "partial");
    json_bool(&j, m->partial);
    flow(&j, "all", &m->all, m->dead_letters);
    for (int source = 0; source < SOURCE_COUNT; source++)
        flow(&j, event_source_names[source], &m->source[source], m->source[source].dead);
    totals(&j, &m->totals);
    processes(&j, m);
    complaints(&j, m->complaints);
    json_object_end(&j);
    (void)strbuf_addc(out, '\n');
    return strbuf_error(out);
}
