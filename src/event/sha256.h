/*
 * SHA-256 by OpenSSL's functions of old, which allocate nothing and cannot fail: with OpenSSL 3.0
 * each start of an EVP context allocates, and a digest that fails for want of memory would be an
 * identity that cannot be told. Private to src/event.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#define SHA256_BYTES SHA256_DIGEST_LENGTH

/* A plain value: copied and dropped as it is. */
struct sha256 {
    SHA256_CTX state;
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t len);
/* Yields the digest and starts afresh. */
void sha256_final(struct sha256 *s, uint8_t ret[SHA256_BYTES]);
