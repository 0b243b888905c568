/* One event: parse, then one walk over each object it is made of. The envelope comes first, because
 * the source chooses the table of the user and source and stage that of the engagement. A fault
 * does not end the walk of the envelope: identity, source and stage are wanted for the report about
 * it. */
#include "event/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/source.h"

struct event_decoder {
    struct json_parser *parser;
    enum event_validation validation;
    size_t max_event_bytes;
    char text[FAULT_TEXT_MAX];
};

const char *const event_validation_names[VALIDATION_COUNT] = {
    [VALIDATION_LENIENT] = "lenient",
    [VALIDATION_STRICT] = "strict",
};

struct event_decoder *event_decoder_new(enum event_validation validation, size_t max_event_bytes)
{
    struct event_decoder *d = calloc(1, sizeof(*d));

    if (!d)
        return NULL;
    d->validation = validation;
    d->max_event_bytes = max_event_bytes;
    d->parser = json_parser_new(max_event_bytes, EVENT_DEPTH_MAX);
    return d->parser ? d : event_decoder_free(d);
}

struct event_decoder *event_decoder_free(struct event_decoder *d)
{
    if (d)
        (void)json_parser_free(d->parser);
    free(d);
    return NULL;
}

static void read_timestamp(struct reading *r, const struct field *f, struct json_value v)
{
    int64_t usec;

    field_date_time.read(r, f, v);
    usec = r->event->timestamp_usec;
    if (usec < EVENT_MIN_USEC || usec > r->now_usec + EVENT_AHEAD_MAX_USEC)
        fault_set(r, "out_of_range", f->pointer,
                  "expected a time from 2000-01-01 to 24 hours from now");
}

/* Objects whose table is chosen later. */
static bool is_object(struct reading *r, const struct field *f, struct json_value v)
{
    if (json_kind_of(v) == JSON_OBJECT)
        return true;
    fault_wrong_type(r, f);
    return false;
}

static void keep_data(struct reading *r, const struct field *f, struct json_value v)
{
    if (is_object(r, f, v))
        r->data = v;
}

static void keep_user(struct reading *r, const struct field *f, struct json_value v)
{
    if (is_object(r, f, v))
        r->user = v;
}

static void keep_engagement(struct reading *r, const struct field *f, struct json_value v)
{
    if (is_object(r, f, v))
        r->engagement = v;
}

/* Which types a source has is told when the source is known. */
static void read_type(struct reading *r, const struct field *f, struct json_value v)
{
    int type;

    if (json_kind_of(v) != JSON_STRING) {
        fault_wrong_type(r, f);
        return;
    }
    type = event_name_find(event_type_names, TYPE_COUNT, json_string_of(v));
    if (type >= 0)
        r->event->type = (enum event_type)type;
}

static const struct field_kind kind_timestamp = { NOUN_DATE_TIME, read_timestamp };
static const struct field_kind kind_type = { "a string", read_type };
static const struct field_kind kind_data = { "an object", keep_data };
static const struct field_kind kind_user = { "an object", keep_user };
static const struct field_kind kind_engagement = { "an object", keep_engagement };

static const struct field envelope_rows[] = {
    { FIELD("", "eventId"), .kind = &field_text, .min = 1, .max = EVENT_ID_MAX, INTO(event_id),
      .required = true },
    { FIELD("", "timestamp"), .kind = &kind_timestamp, INTO(timestamp_usec), .required = true },
    { FIELD("", "source"), NAMES(event_source_names, SOURCE_COUNT), INTO(source),
      .required = true },
    { FIELD("", "funnelStage"), NAMES(event_stage_names, STAGE_COUNT), INTO(stage),
      .required = true },
    { FIELD("", "eventType"), .kind = &kind_type, .required = true },
    { FIELD("", "data"), .kind = &kind_data, .required = true },
};

static const struct field data_lenient_rows[] = {
    { FIELD("/data", "user"), .kind = &kind_user, .required = true },
    { FIELD("/data", "engagement"), .kind = &kind_engagement, .nullable = true },
};

static const struct field data_strict_rows[] = {
    { FIELD("/data", "user"), .kind = &kind_user, .required = true },
    { FIELD("/data", "engagement"), .kind = &kind_engagement, .required = true },
};

static const struct field_table envelope = FIELD_TABLE(envelope_rows);
static const struct field_table data_tables[VALIDATION_COUNT] = {
    [VALIDATION_LENIENT] = FIELD_TABLE(data_lenient_rows),
    [VALIDATION_STRICT] = FIELD_TABLE(data_strict_rows),
};

/* Whether the text holds the escape \u0000. It is valid JSON already, so that backslashes stand in
 * strings only. */
static bool has_nul(struct span text)
{
    const char *p = text.ptr, *end = text.ptr + text.len;

    while ((p = memchr(p, '\\', (size_t)(end - p)))) {
        if (end - p >= 6 && memcmp(p, "\\u0000", 6) == 0)
            return true;
        p += 2;
    }
    return false;
}

static void event_clear(struct event *ev, struct span raw)
{
    *ev = (struct event){
        .raw = raw,
        .timestamp_usec = INT64_MIN,
        .source = SOURCE_COUNT,
        .stage = STAGE_COUNT,
        .type = TYPE_COUNT,
        .user = { .age = NAN, .gender = GENDER_COUNT, .followers = -1 },
        .engagement = { .currency = "USD" },
    };
}

static void check_type(struct reading *r, enum event_validation validation)
{
    const struct event *ev = r->event;
    uint32_t all = source_rules_of(ev->source)->types[STAGE_TOP] |
                   source_rules_of(ev->source)->types[STAGE_BOTTOM];
    uint32_t allowed =
        validation == VALIDATION_STRICT ? source_rules_of(ev->source)->types[ev->stage] : all;

    if (ev->type == TYPE_COUNT || !(allowed & TYPE_BIT(ev->type)))
        fault_unknown_name(r, "/eventType", event_type_names, TYPE_COUNT, allowed);
}

static void read_engagement(struct reading *r, enum event_validation validation)
{
    const struct source_rules *rules = source_rules_of(r->event->source);

    if (!r->engagement.doc)
        return;
    if (validation == VALIDATION_STRICT)
        fields_read(r, &rules->strict[r->event->stage], &rules->lenient, r->engagement);
    else
        fields_read(r, &rules->lenient, NULL, r->engagement);
}

static void read_event(struct reading *r, enum event_validation validation, struct json_value root)
{
    if (json_kind_of(root) != JSON_OBJECT) {
        fault_set(r, "wrong_type", "", "expected an object");
        return;
    }
    fields_read(r, &envelope, NULL, root);
    if (r->fault->reason)
        return;
    check_type(r, validation);
    fields_read(r, &data_tables[validation], NULL, r->data);
    if (r->fault->reason)
        return;
    fields_read(r, &source_rules_of(r->event->source)->user, NULL, r->user);
    read_engagement(r, validation);
}

static int parse(struct event_decoder *d, struct reading *r, struct json_value *ret_root)
{
    struct span raw = r->event->raw;
    const char *error = NULL;
    int res;

    if (raw.len > d->max_event_bytes) {
        (void)snprintf(d->text, sizeof(d->text), "expected at most %zu bytes", d->max_event_bytes);
        fault_set(r, "too_large", "", d->text);
        return -EBADMSG;
    }
    res = json_parse(d->parser, raw, ret_root, &error);
    if (res == -EBADMSG) {
        (void)snprintf(d->text, sizeof(d->text), "expected valid JSON: %s", error);
        fault_set(r, "invalid_json", "", d->text);
    }
    return res;
}

int event_decode(struct event_decoder *d, struct span raw, int64_t now_usec,
                 struct event *ret_event, struct event_fault *ret_fault)
{
    struct event_fault fault = { .source = -1, .stage = -1 };
    struct event ev;
    struct reading r = { .event = &ev, .fault = &fault, .text = d->text, .now_usec = now_usec };
    struct json_value root;
    int res;

    event_clear(&ev, span_trim(raw));
    res = parse(d, &r, &root);
    if (res == -ENOMEM)
        return res;
    if (res == 0) {
        read_event(&r, d->validation, root);
        if (has_nul(ev.raw))
            fault_set(&r, "invalid_json", "", "expected no \\u0000");
    }
    if (!fault.reason) {
        *ret_event = ev;
        return 0;
    }
    fault.event_id = ev.event_id;
    fault.source = ev.source < SOURCE_COUNT ? (int)ev.source : -1;
    fault.stage = ev.stage < STAGE_COUNT ? (int)ev.stage : -1;
    *ret_fault = fault;
    return -EBADMSG;
}
