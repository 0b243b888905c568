/* Event keys as numbers, for sorting and searching: they compare as the keys' bytes do. */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

struct key_number {
    uint64_t high, low; /* big-endian */
};

static inline struct key_number key_number_of(const void *bytes)
{
    uint64_t words[2];

    memcpy(words, bytes, sizeof(words));
    return (struct key_number){ .high = be64toh(words[0]), .low = be64toh(words[1]) };
}

static inline int key_number_compare(struct key_number a, struct key_number b)
{
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    if (a.low != b.low)
        return a.low < b.low ? -1 : 1;
    return 0;
}
