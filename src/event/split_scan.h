/*
 * Steps from bracket to bracket, or comma, outside strings. On the way raw LF and CR outside
 * strings become spaces. Private to src/event.
 */
#pragma once

#include <stdbool.h>

#include "event/scan.h"

struct splitter_scan {
    char *block; /* 64 bytes at a time; the masks below are of what is left of this one */
    char *end;
    uint64_t brackets, commas;
    uint64_t in_string, escaped;
};

static inline void load_block(struct splitter_scan *s)
{
    struct scan_carry carry = { .in_string = s->in_string, .escaped = s->escaped };
    struct scan_masks m;
    size_t left = (size_t)(s->end - s->block); /* never 0 */
    unsigned unused = left < SCAN_BLOCK ? (unsigned)(SCAN_BLOCK - left) : 0;
    uint64_t in_string = scan_block(s->block, &carry, &m);
    uint64_t outside = ~in_string & UINT64_MAX >> unused;

    for (uint64_t lines = m.line & outside; lines; lines &= lines - 1)
        s->block[__builtin_ctzll(lines)] = ' ';
    s->brackets = m.bracket & outside;
    s->commas = m.comma & outside;
    /* Of the last block, what stands behind the body must not count. */
    s->in_string = 0 - (in_string << unused >> 63);
    s->escaped = carry.escaped;
}

static inline void scan_start(struct splitter_scan *s, char *at, char *end)
{
    *s = (struct splitter_scan){ .block = at, .end = end };
    if (at < end)
        load_block(s);
}

/* The next bracket, or comma where they are asked for, outside strings; NULL at the end. Commas
 * that are passed over are gone. */
static inline char *scan_next(struct splitter_scan *s, bool commas)
{
    uint64_t bits;
    unsigned i;

    while (!(bits = s->brackets | (commas ? s->commas : 0))) {
        if (s->end - s->block <= SCAN_BLOCK)
            return NULL;
        s->block += SCAN_BLOCK;
        load_block(s);
    }
    i = (unsigned)__builtin_ctzll(bits);
    /* For the last bit 2 << 63 is 0, and the mask is all ones as it must be. */
    s->brackets &= ~((UINT64_C(2) << i) - 1);
    s->commas &= ~((UINT64_C(2) << i) - 1);
    return s->block + i;
}
