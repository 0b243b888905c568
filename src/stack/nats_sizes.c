#include "stack/nats_sizes.h"

#include <errno.h>
#include <inttypes.h>

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)
/* As bus/layout.c has them, but that the shares of all streams leave 2 % of the store. */
#define STREAM_BYTES_MAX (10 * GIB)
#define STREAM_PERCENT 40
#define DLQ_BYTES_MAX (1 * GIB)
#define DLQ_PERCENT 9
#define METRICS_BYTES (64 * MIB)

int nats_sizes_choose(uint64_t store_bytes, uint64_t stream, uint64_t dlq, struct nats_sizes *ret,
                      struct strbuf *err)
{
    uint64_t room = store_bytes - MIN(store_bytes, METRICS_BYTES);
    struct nats_sizes sizes = {
        .stream_bytes = stream ? stream : MIN(room / 100 * STREAM_PERCENT, STREAM_BYTES_MAX),
        .dlq_bytes = dlq ? dlq : MIN(room / 100 * DLQ_PERCENT, DLQ_BYTES_MAX),
    };

    /* Halves, so that no sum of what somebody set overflows. */
    if (sizes.stream_bytes > room / 2 || sizes.dlq_bytes > room / 2 - sizes.stream_bytes ||
        !sizes.stream_bytes || !sizes.dlq_bytes) {
        strbuf_setf(err,
                    "each nats-server of the cluster may store %" PRIu64
                    " MiB (max_file_store), and twice STREAM_MAX_BYTES (%" PRIu64
                    " MiB), twice DLQ_MAX_BYTES (%" PRIu64
                    " MiB) and 64 MiB do not fit: set smaller ones, or free some room",
                    store_bytes / MIB, sizes.stream_bytes / MIB, sizes.dlq_bytes / MIB);
        return -ENOSPC;
    }
    *ret = sizes;
    return 0;
}
