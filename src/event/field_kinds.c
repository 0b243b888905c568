/* One reader for each kind of value. */
#include <math.h>

#include "base/clock.h"
#include "event/field.h"
#include "event/money.h"

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
        fault_length(r, f);
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
        fault_unknown_name(r, f->pointer, f->names, f->name_count, UINT32_MAX);
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
        fault_number_range(r, f, "a number");
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
        fault_number_range(r, f, "an integer");
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
const struct field_kind field_date_time = { NOUN_DATE_TIME, read_date_time };
const struct field_kind field_amount = {
    "a decimal in a string with at most 15 digits before and 2 behind the point", read_amount
};
const struct field_kind field_currency = { "three letters in a string, such as USD",
                                           read_currency };
const struct field_kind field_object = { "an object", read_object };
