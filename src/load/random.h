/*
 * Repeatable random numbers: splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
 * generators", 2014). A stream is a function of its seed; random_split() derives independent ones.
 */
#pragma once

#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_u64(struct random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to bound - 1; bound MUST NOT be 0. The bias is below bound / 2^64. */
static inline uint64_t random_below(struct random *r, uint64_t bound)
{
    return (uint64_t)(((unsigned __int128)random_u64(r) * bound) >> 64);
}

/* 0 <= x < 1. */
static inline double random_unit(struct random *r)
{
    return (double)(random_u64(r) >> 11) * 0x1p-53;
}

/* The stream number `index` of the family `purpose` of a seed. */
static inline struct random random_split(uint64_t seed, uint64_t purpose, uint64_t index)
{
    struct random r = { seed };

    r.state = random_u64(&r) ^ purpose;
    r.state = random_u64(&r) ^ index;
    r.state = random_u64(&r);
    return r;
}
