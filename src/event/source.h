/*
 * What tells one source of events from another: its event types by stage and the fields of its user
 * and engagement. Adding a source is one file source_<name>.c with such a struct, its row in
 * event.c, and its name in event.h. Private to src/event.
 */
#pragma once

#include <stdint.h>

#include "event/event.h"
#include "event/field.h"

#define TYPE_BIT(type) (UINT32_C(1) << (type))

struct source_rules {
    uint32_t types[STAGE_COUNT]; /* TYPE_BIT()s */
    struct field_table user;
    struct field_table lenient; /* engagement: the fields the store uses, all optional */
    struct field_table strict[STAGE_COUNT]; /* engagement: the whole contract; then `lenient` for
                                               what it does not name */
};

extern const struct source_rules facebook_rules;
extern const struct source_rules tiktok_rules;

const struct source_rules *source_rules_of(enum event_source source);
