#include "admin/top/log_line.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/strbuf.h"
#include "event/json.h"

#define DEPTH_MAX 8

static bool contains(struct span line, struct span text)
{
    return line.len >= text.len && memmem(line.ptr, line.len, text.ptr, text.len);
}

static struct span behind(struct span line, struct span text)
{
    const char *at = memmem(line.ptr, line.len, text.ptr, text.len);

    return at ? span_of(at + text.len, line.len - (size_t)(at - line.ptr) - text.len) : SPAN_NONE;
}

static void set_text(struct complaint *c, struct span text)
{
    text = span_trim(text);
    (void)snprintf(c->text, sizeof(c->text), "%.*s", SPAN_ARG(text));
}

static void set_time(struct complaint *c, struct span text)
{
    int64_t usec;

    if (timestamp_parse(text, &usec) == 0)
        c->wall_usec = usec;
}

/* ---- our own ---- */

struct record {
    struct span timestamp, level, message, error;
};

static void read_members(struct json_value root, struct record *ret)
{
    struct json_value value;
    struct span key;

    for (struct json_iter it = json_iterate(root); json_next(&it, &key, &value);) {
        if (json_kind_of(value) != JSON_STRING)
            continue;
        if (span_eq(key, SPAN("timestamp")))
            ret->timestamp = json_string_of(value);
        else if (span_eq(key, SPAN("level")))
            ret->level = json_string_of(value);
        else if (span_eq(key, SPAN("message")))
            ret->message = json_string_of(value);
        else if (span_eq(key, SPAN("error")))
            ret->error = json_string_of(value);
    }
}

static bool take_record(const struct record *record, struct complaint *ret)
{
    char text[COMPLAINT_TEXT_MAX];

    ret->error = span_eq(record->level, SPAN("error"));
    if (!ret->error && !span_eq(record->level, SPAN("warn")))
        return false;
    (void)snprintf(text, sizeof(text), "%.*s%s%.*s", SPAN_ARG(record->message),
                   record->error.len ? ": " : "", SPAN_ARG(record->error));
    set_time(ret, record->timestamp);
    set_text(ret, span_str(text));
    return true;
}

static bool json_complains(struct span line, struct complaint *ret)
{
    struct json_parser *parser = NULL;
    _cleanup_strbuf_ struct strbuf text;
    struct json_value root;
    struct record record = { 0 };
    const char *why;
    bool complains = false;

    strbuf_init(&text, LOG_LINE_MAX + JSON_PADDING);
    /* most lines are none, and need no parser */
    if (!contains(line, SPAN("\"level\":\"warn\"")) && !contains(line, SPAN("\"level\":\"error\"")))
        return false;
    parser = json_parser_new(LOG_LINE_MAX, DEPTH_MAX);
    if (parser && strbuf_addspan(&text, line) == 0 && strbuf_reserve(&text, JSON_PADDING) == 0 &&
        json_parse(parser, strbuf_span(&text), &root, &why) == 0 &&
        json_kind_of(root) == JSON_OBJECT) {
        read_members(root, &record);
        complains = take_record(&record, ret);
    }
    (void)json_parser_free(parser);
    return complains;
}

/* 2026-01-31T12:00:00.123Z warn  gateway stream.full: the stream is full bytes=7 */
static bool text_complains(struct span line, struct complaint *ret)
{
    struct span rest = line, time = SPAN_NONE, level = SPAN_NONE, message;

    (void)span_split(&rest, ' ', &time);
    (void)span_split(&rest, ' ', &level);
    ret->error = span_eq(level, SPAN("error"));
    if (!ret->error && !span_eq(level, SPAN("warn")))
        return false;
    message = behind(rest, SPAN(": "));
    set_time(ret, time);
    set_text(ret, message.len ? message : rest);
    return true;
}

/* ---- servers ---- */

/* "2026-01-31 12:00:00" or with slashes; in UTC, as the stack starts its servers. */
static void set_server_time(struct complaint *c, struct span line)
{
    char text[TIMESTAMP_TEXT_MAX];
    const int seconds_end = 19;

    (void)snprintf(text, sizeof(text), "%.*sZ", (int)MIN(line.len, (size_t)seconds_end),
                   line.ptr ? line.ptr : "");
    for (char *at = text; *at; at++)
        if (*at == '/')
            *at = '-';
    set_time(c, span_str(text));
}

struct mark {
    struct span text;
    bool error;
};

/* when: where the time begins. */
static bool is_marked(struct span line, struct span when, const struct mark *marks, size_t count,
                      struct complaint *ret)
{
    for (size_t i = 0; i < count; i++) {
        if (!contains(line, marks[i].text))
            continue;
        ret->error = marks[i].error;
        set_server_time(ret, when);
        set_text(ret, behind(line, marks[i].text));
        return true;
    }
    return false;
}

/* 2026-01-31 12:00:00.123 UTC [17] FATAL:  the text */
static bool postgres_complains(struct span line, struct complaint *ret)
{
    static const struct mark marks[] = { { SPAN(" ERROR:  "), true },
                                         { SPAN(" FATAL:  "), true },
                                         { SPAN(" PANIC:  "), true },
                                         { SPAN(" WARNING:  "), false } };

    return is_marked(line, line, marks, ARRAY_SIZE(marks), ret);
}

/* [17] 2026/01/31 12:00:00.123456 [ERR] the text */
static bool nats_complains(struct span line, struct complaint *ret)
{
    static const struct mark marks[] = { { SPAN(" [WRN] "), false },
                                         { SPAN(" [ERR] "), true },
                                         { SPAN(" [FTL] "), true } };

    return is_marked(line, behind(line, SPAN("] ")), marks, ARRAY_SIZE(marks), ret);
}

/* ts=2026-01-31T12:00:00.123Z caller=main.go:1 level=error msg="the text" err="why" */
static bool prometheus_complains(struct span line, struct complaint *ret)
{
    struct span rest = behind(line, SPAN("ts=")), time;

    ret->error = contains(line, SPAN(" level=error "));
    if (!ret->error && !contains(line, SPAN(" level=warn ")))
        return false;
    if (span_split(&rest, ' ', &time))
        set_time(ret, time);
    set_text(ret, behind(line, SPAN(" msg=")));
    return true;
}

/* What servers say because of how the stack starts, asks and stops them. */
static bool is_expected(struct span line)
{
    static const struct span lines[] = {
        SPAN("FATAL:  the database system is "), /* starting up, shutting down */
        /* a batch with events that another writer has just stored: it is written another way */
        SPAN("duplicate key value violates unique constraint \"event_keys"),
        SPAN("Plaintext passwords detected"),
        SPAN("Healthcheck failed: \"failed to be ready for connections"),
        SPAN("msg=\"Received SIGTERM, exiting gracefully"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        if (contains(line, lines[i]))
            return true;
    return false;
}

bool log_line_complains(struct span line, struct complaint *ret)
{
    if (line.len == 0 || is_expected(line))
        return false;
    if (line.ptr[0] == '{')
        return json_complains(line, ret);
    if (line.ptr[0] == '[')
        return nats_complains(line, ret);
    if (line.len > 3 && memcmp(line.ptr, "ts=", 3) == 0)
        return prometheus_complains(line, ret);
    return text_complains(line, ret) || postgres_complains(line, ret);
}
