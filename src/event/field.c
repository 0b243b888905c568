#include "event/field.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "event/money.h"

#define ALL_BITS UINT32_MAX

void fault_set(struct reading *r, const char *reason, const char *pointer, const char *expected)
{
    if (r->fault->reason)
        return;
    r->fault->reason = reason;
    r->fault->pointer = pointer;
    r->fault->expected = expected;
}

/* "expected a number or null", behind what comes before it. */
static void fault_noun(struct reading *r, const struct field *f, const char *reason,
                       const char *before)
{
    if (r->fault->reason)
        return;
    (void)snprintf(r->text, FAULT_TEXT_MAX, "%sexpected %s%s", before, f->kind->noun,
                   f->nullable ? " or null" : "");
    fault_set(r, reason, f->pointer, r->text);
}

void fault_wrong_type(struct reading *r, const struct field *f)
{
    fault_noun(r, f, "wrong_type", "");
}

/* The kind's noun names its format: that is what was expected. */
static void fault_format(struct reading *r, const struct field *f)
{
    fault_noun(r, f, "bad_format", "");
}

void fault_unknown_name(struct reading *r, const char *pointer, const char *const *names, int count,
                        uint32_t bits)
{
    const char *separator = "";
    int at;

    if (r->fault->reason)
        return;
    at = snprintf(r->text, FAULT_TEXT_MAX, "expected one of ");
    for (int i = 0; i < count && at < FAULT_TEXT_MAX; i++) {
        if (!(bits >> i & 1))
            continue;
        at += snprintf(r->text + at, FAULT_TEXT_MAX - (size_t)at, "%s%s", separator, names[i]);
        separator = ", ";
    }
    fault_set(r, "unknown_value", pointer, r->text);
}

/* `unit` is "a number" for numbers, " bytes" for texts. */
static void fault_range(struct reading *r, const struct field *f, const char *noun,
                        const char *unit)
{
    if (r->fault->reason)
        return;
    if (isinf(f->max))
        (void)snprintf(r->text, FAULT_TEXT_MAX, "expected %sat least %.0f%s", noun, f->min, unit);
    else
        (void)snprintf(r->text, FAULT_TEXT_MAX, "expected %s%.0f to %.0f%s", noun, f->min, f->max,
                       unit);
    fault_set(r, "out_of_range", f->pointer, r->text);
}

/* Where the field's value goes, or NULL when it is only checked. */
static void *place_of(struct reading *r, const struct field *f)
{
    return f->offset ? (char *)r->event + f->offset : NULL;
}

static bool take_string(struct reading *r, const struct field *f, struct json_value v,
                        struct span *ret)
{
    if (json_kind_of(v) != JSON_STRING) {
        fault_wrong_type(r, f);
        return false;
    }
    *ret = json_string_of(v);
    return true;
}

static bool take_number(struct reading *r, const struct field *f, struct json_value v, double *ret)
{
    enum json_kind kind = json_kind_of(v);

    if (kind != JSON_INT && kind != JSON_UINT && kind != JSON_DOUBLE) {
        fault_wrong_type(r, f);
        return false;
    }
    *ret = json_double_of(v);
    return true;
}

static void read_text(struct reading *r, const struct field *f, struct json_value v)
{
    struct span *place = place_of(r, f), text;

    if (!take_string(r, f, v, &text))
        return;
    if ((double)text.len < f->min || (double)text.len > f->max)
        fault_range(r, f, "", " bytes");
    else if (place)
        *place = text;
}

static int find_name(struct reading *r, const struct field *f, struct json_value v,
                     struct span *ret_text)
{
    int i;

    if (!take_string(r, f, v, ret_text))
        return -1;
    i = event_name_find(f->names, f->name_count, *ret_text);
    if (i < 0)
        fault_unknown_name(r, f->pointer, f->names, f->name_count, ALL_BITS);
    return i;
}

static void read_enum(struct reading *r, const struct field *f, struct json_value v)
{
    int *place = place_of(r, f);
    struct span text;
    int i = find_name(r, f, v, &text);

    if (i >= 0 && place)
        *place = i;
}

static void read_word(struct reading *r, const struct field *f, struct json_value v)
{
    struct span *place = place_of(r, f), text;

    if (find_name(r, f, v, &text) >= 0 && place)
        *place = text;
}

static void read_number(struct reading *r, const struct field *f, struct json_value v)
{
    double *place = place_of(r, f), number;

    if (!take_number(r, f, v, &number))
        return;
    if (number < f->min || number > f->max)
        fault_range(r, f, "a number from ", "");
    else if (place)
        *place = number;
}

/* The bounds lie within what a double holds exactly. */
static void read_integer(struct reading *r, const struct field *f, struct json_value v)
{
    int64_t *place = place_of(r, f);
    double number;

    if (!take_number(r, f, v, &number))
        return;
    if (number < f->min || number > f->max || number != floor(number))
        fault_range(r, f, "an integer from ", "");
    else if (place)
        *place = (int64_t)number;
}

static void read_date_time(struct reading *r, const struct field *f, struct json_value v)
{
    int64_t *place = place_of(r, f), usec;
    struct span text;

    if (!take_string(r, f, v, &text))
        return;
    if (timestamp_parse(text, &usec) < 0)
        fault_format(r, f);
    else if (place)
        *place = usec;
}

static void read_amount(struct reading *r, const struct field *f, struct json_value v)
{
    struct event_engagement *e = &r->event->engagement;
    struct span text;

    if (!take_string(r, f, v, &text))
        return;
    if (money_parse(text, &e->amount_cents) < 0)
        fault_format(r, f);
    else
        e->has_amount = true;
}

static void read_currency(struct reading *r, const struct field *f, struct json_value v)
{
    char *currency = r->event->engagement.currency;
    struct span text;

    if (!take_string(r, f, v, &text))
        return;
    if (text.len != 3) {
        fault_format(r, f);
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        char upper = (char)(text.ptr[i] & ~0x20);

        if (upper < 'A' || upper > 'Z') {
            fault_format(r, f);
            return;
        }
        currency[i] = upper;
    }
}

static void read_object(struct reading *r, const struct field *f, struct json_value v)
{
    if (json_kind_of(v) == JSON_OBJECT)
        fields_read(r, &f->table, NULL, v);
    else
        fault_wrong_type(r, f);
}

const struct field_kind field_text = { "a string", read_text };
const struct field_kind field_enum = { "a string", read_enum };
const struct field_kind field_word = { "a string", read_word };
const struct field_kind field_number = { "a number", read_number };
const struct field_kind field_integer = { "a number", read_integer };
const struct field_kind field_date_time = {
    "a date-time with zone in a string, such as 2026-01-31T12:00:00Z", read_date_time
};
const struct field_kind field_amount = {
    "a decimal in a string with at most 15 digits before and 2 behind the point", read_amount
};
const struct field_kind field_currency = { "three letters in a string, such as USD",
                                           read_currency };
const struct field_kind field_object = { "an object", read_object };

/* Publishers keep the order of their fields, which is the tables' order: the row behind the last
 * hit is tried first. -1: no such row. */
static int row_find(const struct field_table *t, struct span key, size_t hint)
{
    for (size_t n = 0, i = hint; n < t->count; n++, i++) {
        if (i >= t->count)
            i = 0;
        if (span_eq(t->rows[i].key, key))
            return (int)i;
    }
    return -1;
}

static void row_read(struct reading *r, const struct field *f, struct json_value v)
{
    if (f->nullable && json_kind_of(v) == JSON_NULL)
        return;
    f->kind->read(r, f, v);
}

/* One table's progress through an object. */
struct cursor {
    const struct field_table *table;
    size_t hint;
    uint32_t seen;
};

static bool cursor_take(struct cursor *c, struct reading *r, struct span key, struct json_value v)
{
    int row = row_find(c->table, key, c->hint);

    if (row < 0)
        return false;
    c->hint = (size_t)row + 1;
    if (c->seen >> row & 1)
        fault_set(r, "duplicate_key", c->table->rows[row].pointer, "expected the key only once");
    else
        row_read(r, &c->table->rows[row], v);
    c->seen |= UINT32_C(1) << row;
    return true;
}

void fields_read(struct reading *r, const struct field_table *table, const struct field_table *more,
                 struct json_value object)
{
    static const struct field_table none;
    struct cursor first = { .table = table }, second = { .table = more ? more : &none };
    struct json_iter it = json_iterate(object);
    struct json_value v;
    struct span key;

    while (json_next(&it, &key, &v))
        if (!cursor_take(&first, r, key, v))
            (void)cursor_take(&second, r, key, v);
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].required && !(first.seen >> i & 1))
            fault_noun(r, &table->rows[i], "missing_field", "missing, ");
}
