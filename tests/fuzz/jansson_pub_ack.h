/* What jansson reads from the answer of a stream (see jansson_view.h for why it stands apart). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct expected_ack {
    bool refused, duplicate;
    uint64_t seq, code;
    char words[96];
    size_t words_len;
};

/* False where the contract does not say what to read: no JSON, another shape than an object of
 * scalars with at most one such object in it, a name that stands twice, a member of another type,
 * escapes. */
bool jansson_pub_ack(const void *data, size_t size, struct expected_ack *ret);
