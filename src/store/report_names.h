/*
 * Names of three parts, numbered from 0 in the order in which they came, and their order by the
 * alphabet. They are never forgotten: numbers stand in cached cells. The owner locks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/macros.h"
#include "base/span.h"

#define REPORT_NAME_PARTS 3

struct report_name {
    struct span part[REPORT_NAME_PARTS];
    uint64_t hash;
};

struct report_names {
    struct arena arena; /* the texts */
    struct report_name *name;
    uint32_t count, size;
    uint32_t *places; /* hashed: number + 1, 0 = free; twice as many as names fit */
    uint32_t *order;
    uint32_t ordered; /* as many names are in order */
};

/* max_bytes: of all texts. */
void report_names_init(struct report_names *names, size_t max_bytes);
void report_names_release(struct report_names *names);

/* The number of the name. -ENOMEM, also when max_bytes are used up. */
int report_names_add(struct report_names *names, const struct span parts[static REPORT_NAME_PARTS],
                     uint32_t *ret) MUST_CHECK;
/* All numbers in the order of the second part, then the first and the third; NULL when out of
 * memory. Valid until the next name is added. */
const uint32_t *report_names_order(struct report_names *names);
