/*
 * SHA-256 by OpenSSL, whose contexts cost an allocation and a look-up of the algorithm at birth and
 * are reused afterwards. Private to src/event.
 */
#pragma once

#include <stdint.h>

#include <openssl/evp.h>

#include "base/macros.h"

#define SHA256_BYTES 32

/* A context in its starting state; NULL when out of memory. EVP_MD_CTX_free() ends it. */
EVP_MD_CTX *sha256_new(void);

/* The calling thread's own context, freed when the thread ends. A user MUST finish it with
 * sha256_final(), which leaves it fresh for the next. Aborts the process when memory is exhausted
 * at a thread's first call. */
EVP_MD_CTX *sha256_of_thread(void);

/* SHA-256 by OpenSSL's default provider fails for no input; should it ever, the process aborts
 * rather than compute a wrong identity. */
void sha256_update(EVP_MD_CTX *ctx, const void *data, size_t len);
/* Yields the digest and starts afresh. */
void sha256_final(EVP_MD_CTX *ctx, uint8_t ret[SHA256_BYTES]);
void sha256_restart(EVP_MD_CTX *ctx);
