/*
 * Tables of fields: an object of the contract is a list of rows, and one walk over the JSON object
 * reads and checks its members by them, sees duplicates and then what is missing. Private to
 * src/event.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "event/decode.h"
#include "event/event.h"
#include "event/json.h"

struct field;

/* One event being decoded. */
struct reading {
    struct event *event;
    struct event_fault *fault; /* reason NULL until the first fault; later ones are left out */
    char *text;                /* room for fault->expected, FAULT_TEXT_MAX bytes */
    int64_t now_usec;
    /* Members whose table depends on the source, kept until it is known. doc NULL: absent. */
    struct json_value data, user, engagement;
};

#define FAULT_TEXT_MAX 320

/* Puts a value of the right JSON type into the event, or sets the fault. */
typedef void field_read_fn(struct reading *r, const struct field *f, struct json_value v);

struct field_kind {
    const char *noun; /* "a number": follows "expected" */
    field_read_fn *read;
};

struct field_table {
    const struct field *rows;
    size_t count;
};

struct field {
    struct span key;
    const char *pointer; /* JSON pointer from the event's root */
    const struct field_kind *kind;
    double min, max;          /* numbers: bounds; text: of its length in bytes */
    const char *const *names; /* enumerations */
    struct field_table table; /* objects */
    int name_count;
    uint16_t
        offset; /* where the value goes in struct event; 0 = it is only checked (raw is at 0) */
    bool required;
    bool nullable;
};

#define FIELD(parent, name) .key = { name, sizeof(name) - 1 }, .pointer = parent "/" name
#define FIELD_TABLE(array)                                                                         \
    {                                                                                              \
        (array), ARRAY_SIZE(array)                                                                 \
    }
#define INTO(member) .offset = offsetof(struct event, member)
#define NAMES(list, n) .kind = &field_enum, .names = (list), .name_count = (n)
#define TEXT(limit) .kind = &field_text, .max = (limit)

extern const struct field_kind field_text;      /* span */
extern const struct field_kind field_enum;      /* int: index of the name */
extern const struct field_kind field_word;      /* span that is one of the names */
extern const struct field_kind field_number;    /* double */
extern const struct field_kind field_integer;   /* int64_t; 1000.0 counts as one */
extern const struct field_kind field_date_time; /* int64_t microseconds */
extern const struct field_kind field_amount;    /* event->engagement.amount_cents */
extern const struct field_kind field_currency;  /* event->engagement.currency */
extern const struct field_kind field_object;

/* Reads the members of `object` by the rows of `table`, and of `more` (may be NULL) for those keys
 * that `table` does not have. */
void fields_read(struct reading *r, const struct field_table *table, const struct field_table *more,
                 struct json_value object);

/* The kind for date-times is wanted by the envelope too, which bounds it by the clock. */
#define NOUN_DATE_TIME "a date-time with zone in a string, such as 2026-01-31T12:00:00Z"

/* Each notes what is wrong unless something is already. `expected` may be r->text. */
void fault_set(struct reading *r, const char *reason, const char *pointer, const char *expected);
/* "expected a number or null", behind the words `before`. */
void fault_noun(struct reading *r, const struct field *f, const char *reason, const char *before);
void fault_wrong_type(struct reading *r, const struct field *f);
/* The text of a string: its kind's noun says how it should be. */
void fault_format(struct reading *r, const struct field *f);
void fault_number_range(struct reading *r, const struct field *f, const char *noun);
void fault_length(struct reading *r, const struct field *f);
/* "expected one of a, b, c": the names whose bit is set. */
void fault_unknown_name(struct reading *r, const char *pointer, const char *const *names, int count,
                        uint32_t bits);
