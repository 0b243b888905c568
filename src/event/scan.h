/*
 * Finds what stands outside JSON strings, 64 bytes at a time: each class of bytes becomes a bit
 * mask, and carries between blocks say whether the next begins inside a string or behind a
 * backslash. The method is that of simdjson's first stage (Langdale, Lemire: Parsing Gigabytes of
 * JSON per Second, 2019). SSE2 only, which every x86-64 has; other machines take the plain loop.
 * Private to src/event.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define SCAN_BLOCK 64

struct scan_carry {
    uint64_t in_string; /* all ones when the block begins inside a string */
    uint64_t escaped;   /* 1 when its first byte stands behind a backslash that escapes it */
};

/* Bit i is byte i of the block. */
struct scan_masks {
    uint64_t quote, backslash; /* anywhere */
    uint64_t bracket;          /* {}[] */
    uint64_t comma;
    uint64_t line;  /* LF, CR */
    uint64_t white; /* space, tab, LF, CR */
};

#if defined(__SSE2__)
static inline uint64_t scan_bits(__m128i matches)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(matches);
}

static inline void scan_classify(const char *p, struct scan_masks *m)
{
    *m = (struct scan_masks){ 0 };
    for (int i = 0; i < SCAN_BLOCK; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        /* '[' and '{', ']' and '}' differ in this one bit. */
        __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20));
        __m128i line = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')),
                                    _mm_cmpeq_epi8(v, _mm_set1_epi8('\r')));
        __m128i white = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')),
                                     _mm_cmpeq_epi8(v, _mm_set1_epi8('\t')));

        m->quote |= scan_bits(_mm_cmpeq_epi8(v, _mm_set1_epi8('"'))) << i;
        m->backslash |= scan_bits(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))) << i;
        m->bracket |= scan_bits(_mm_or_si128(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')),
                                             _mm_cmpeq_epi8(folded, _mm_set1_epi8('}'))))
                      << i;
        m->comma |= scan_bits(_mm_cmpeq_epi8(v, _mm_set1_epi8(','))) << i;
        m->line |= scan_bits(line) << i;
        m->white |= scan_bits(_mm_or_si128(line, white)) << i;
    }
}
#else
static inline void scan_classify(const char *p, struct scan_masks *m)
{
    *m = (struct scan_masks){ 0 };
    for (int i = 0; i < SCAN_BLOCK; i++) {
        uint64_t bit = UINT64_C(1) << i;
        char c = p[i];

        m->quote |= c == '"' ? bit : 0;
        m->backslash |= c == '\\' ? bit : 0;
        m->bracket |= c == '{' || c == '}' || c == '[' || c == ']' ? bit : 0;
        m->comma |= c == ',' ? bit : 0;
        m->line |= c == '\n' || c == '\r' ? bit : 0;
        m->white |= c == '\n' || c == '\r' || c == ' ' || c == '\t' ? bit : 0;
    }
}
#endif

/* The bytes behind a backslash that is not escaped itself. Backslashes are rare: one by one. */
static inline uint64_t scan_escaped(uint64_t backslash, struct scan_carry *carry)
{
    uint64_t escaped = carry->escaped;

    backslash &= ~escaped;
    carry->escaped = 0;
    while (backslash) {
        uint64_t bit = backslash & -backslash;

        escaped |= bit << 1;
        carry->escaped = bit >> 63;
        backslash &= ~(bit | bit << 1);
    }
    return escaped;
}

/* Bit i is the parity of bits 0..i. */
static inline uint64_t scan_parity(uint64_t bits)
{
    for (int shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

/* Classifies the block at p, of which all 64 bytes MUST be readable, and yields the mask of what
 * lies in strings (opening quotes included, closing ones not). */
static inline uint64_t scan_block(const char *p, struct scan_carry *carry, struct scan_masks *m)
{
    uint64_t in_string;

    scan_classify(p, m);
    in_string = scan_parity(m->quote & ~scan_escaped(m->backslash, carry)) ^ carry->in_string;
    carry->in_string = 0 - (in_string >> 63);
    return in_string;
}
