#include "event/sha256.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* only to free a thread's context at its end */
static _Thread_local EVP_MD_CTX *thread_ctx;

static void must(int ok)
{
    if (!ok)
        abort();
}

EVP_MD_CTX *sha256_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1)
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

static void free_context(void *ctx)
{
    thread_ctx = NULL;
    EVP_MD_CTX_free(ctx);
}

static void create_key(void)
{
    must(pthread_key_create(&key, free_context) == 0);
}

EVP_MD_CTX *sha256_of_thread(void)
{
    if (thread_ctx)
        return thread_ctx;
    must(pthread_once(&key_once, create_key) == 0);
    thread_ctx = sha256_new();
    must(thread_ctx && pthread_setspecific(key, thread_ctx) == 0);
    return thread_ctx;
}

void sha256_update(EVP_MD_CTX *ctx, const void *data, size_t len)
{
    must(EVP_DigestUpdate(ctx, data, len));
}

void sha256_restart(EVP_MD_CTX *ctx)
{
    /* Without a type the algorithm that the context has is kept: no look-up. */
    must(EVP_DigestInit_ex(ctx, NULL, NULL));
}

void sha256_final(EVP_MD_CTX *ctx, uint8_t ret[SHA256_BYTES])
{
    must(EVP_DigestFinal_ex(ctx, ret, NULL));
    sha256_restart(ctx);
}
