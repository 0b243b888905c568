/* What is wrong with a field, in words for a person. Off the path of good events: texts are built
 * as they are needed. */
#include <math.h>
#include <stdio.h>

#include "event/field.h"

void fault_set(struct reading *r, const char *reason, const char *pointer, const char *expected)
{
    if (r->fault->reason)
        return;
    r->fault->reason = reason;
    r->fault->pointer = pointer;
    r->fault->expected = expected;
}

void fault_noun(struct reading *r, const struct field *f, const char *reason, const char *before)
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

void fault_format(struct reading *r, const struct field *f)
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

void fault_number_range(struct reading *r, const struct field *f, const char *noun)
{
    if (r->fault->reason)
        return;
    if (isinf(f->max))
        (void)snprintf(r->text, FAULT_TEXT_MAX, "expected %s of at least %.0f", noun, f->min);
    else
        (void)snprintf(r->text, FAULT_TEXT_MAX, "expected %s from %.0f to %.0f", noun, f->min,
                       f->max);
    fault_set(r, "out_of_range", f->pointer, r->text);
}

void fault_length(struct reading *r, const struct field *f)
{
    if (r->fault->reason)
        return;
    (void)snprintf(r->text, FAULT_TEXT_MAX, "expected %.0f to %.0f bytes", f->min, f->max);
    fault_set(r, "out_of_range", f->pointer, r->text);
}
