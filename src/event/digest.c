/* Identity of an event and of its payload. Both stand in the database: what they are computed from
 * must never change. */
#include <endian.h>
#include <string.h>

#include "event/event.h"
#include "event/scan.h"
#include "event/sha256.h"

void event_key_of(enum event_source source, struct span event_id, struct event_key *ret_key)
{
    const char *name = event_source_names[source];
    uint8_t digest[SHA256_BYTES];
    struct sha256 sha;

    sha256_init(&sha);
    sha256_update(&sha, name, strlen(name) + 1); /* the NUL parts the two */
    sha256_update(&sha, event_id.ptr, event_id.len);
    sha256_final(&sha, digest);
    memcpy(ret_key->bytes, digest, sizeof(ret_key->bytes));
}

/* Copies the bytes whose bit is set; returns the end of the copy. */
static char *copy_kept(char *to, const char *block, uint64_t keep)
{
    if (keep == UINT64_MAX) {
        memcpy(to, block, SCAN_BLOCK);
        return to + SCAN_BLOCK;
    }
    for (; keep; keep &= keep - 1)
        *to++ = block[__builtin_ctzll(keep)];
    return to;
}

uint64_t event_payload_digest(struct span raw)
{
    struct scan_carry carry = { 0 };
    struct scan_masks masks;
    uint8_t digest[SHA256_BYTES];
    char buffer[4096], *to = buffer;
    struct sha256 sha;
    uint64_t first;

    sha256_init(&sha);
    for (size_t at = 0; at < raw.len; at += SCAN_BLOCK) {
        size_t left = raw.len - at;
        char last[SCAN_BLOCK];
        const char *block = raw.ptr + at;
        uint64_t keep;

        if (left < SCAN_BLOCK) {
            memcpy(last, block, left);
            memset(last + left, ' ', SCAN_BLOCK - left);
            block = last;
        }
        keep = scan_block(block, &carry, &masks);
        keep |= ~masks.white;
        to = copy_kept(to, block, keep);
        if (to > buffer + sizeof(buffer) - SCAN_BLOCK) {
            sha256_update(&sha, buffer, (size_t)(to - buffer));
            to = buffer;
        }
    }
    sha256_update(&sha, buffer, (size_t)(to - buffer));
    sha256_final(&sha, digest);
    memcpy(&first, digest, sizeof(first));
    return be64toh(first);
}
