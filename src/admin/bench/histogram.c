#include "admin/bench/histogram.h"

#include <math.h>

#include "base/macros.h"

#define SUB_COUNT (1u << HISTOGRAM_SUB_BITS)

static unsigned bucket_of(uint64_t v)
{
    unsigned shift;

    if (v < SUB_COUNT)
        return (unsigned)v;
    shift = 63u - (unsigned)__builtin_clzll(v) - HISTOGRAM_SUB_BITS;
    return MIN(((shift + 1) << HISTOGRAM_SUB_BITS) + (unsigned)(v >> shift) - SUB_COUNT,
               HISTOGRAM_BUCKETS - 1u);
}

/* The largest value that falls into a bucket. */
static uint64_t bucket_end(unsigned bucket)
{
    unsigned shift = bucket >> HISTOGRAM_SUB_BITS;

    if (shift == 0)
        return bucket;
    return (((uint64_t)(bucket & (SUB_COUNT - 1)) + SUB_COUNT + 1) << (shift - 1)) - 1;
}

void histogram_add(struct histogram *h, uint64_t usec)
{
    h->count++;
    h->max = MAX(h->max, usec);
    h->buckets[bucket_of(usec)]++;
}

uint64_t histogram_percentile(const struct histogram *h, double share)
{
    uint64_t wanted = (uint64_t)ceil(share * (double)h->count), seen = 0;

    if (h->count == 0)
        return 0;
    wanted = MAX(wanted, 1u);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= wanted)
            return MIN(bucket_end(i), h->max);
    }
    return h->max;
}
