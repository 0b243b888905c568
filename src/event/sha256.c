#include "event/sha256.h"

/* All of them always return 1. */

void sha256_init(struct sha256 *s)
{
    (void)SHA256_Init(&s->state);
}

void sha256_update(struct sha256 *s, const void *data, size_t len)
{
    (void)SHA256_Update(&s->state, data, len);
}

void sha256_final(struct sha256 *s, uint8_t ret[SHA256_BYTES])
{
    (void)SHA256_Final(ret, &s->state);
    sha256_init(s);
}
