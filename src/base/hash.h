/*
 * Hashes for tables in memory and for telling values apart; nothing that an attacker must not find
 * a match for. The same on every machine of one byte order, and it MUST stay so: some are stored.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#include "base/span.h"

/* As in splitmix64 (https://prng.di.unimi.it/splitmix64.c). */
static inline uint64_t hash_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Of the bytes, after what seed is the hash of. */
static inline uint64_t hash_span(uint64_t seed, struct span s)
{
    uint64_t h = seed ^ s.len, word = 0;
    size_t i = 0;

    if (!s.ptr)
        return hash_mix(h);
    for (; i + sizeof(word) <= s.len; i += sizeof(word))
        h = hash_mix(h ^ span_load_u64(s.ptr + i));
    if (i < s.len)
        memcpy(&word, s.ptr + i, s.len - i);
    return hash_mix(h ^ word);
}
