/*
 * Allocation failures: the N-th allocation of a thread fails, for N = 1, 2, 3, ... until a run
 * makes fewer than N. One file of a test program includes this; the program's malloc() and its kin
 * are then the ones below, for our code and for the libraries it calls (libpq, libnats, OpenSSL,
 * MHD). Only the thread that is armed is counted, so that the libraries' own threads go on
 * undisturbed.
 *
 * They hand on to the C library, or to the sanitizer's functions where the program is built with
 * one, so that a leak or a use of what was not allocated is seen there. C++ allocates through
 * malloc() too, but not under a sanitizer.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The sanitizers call these before they are ready to watch anybody. */
#if defined(__clang__)
#define UNWATCHED __attribute__((disable_sanitizer_instrumentation))
#else
#define UNWATCHED
#endif

static __thread struct {
    bool armed;
    uint64_t made;    /* allocations since it was armed */
    uint64_t fail_at; /* 0 = none */
} torture;

/* For other threads: the allocation that was to fail has failed. */
static _Atomic bool torture_struck;

static void torture_arm(uint64_t nth)
{
    torture_struck = false;
    torture.made = 0;
    torture.fail_at = nth;
    torture.armed = true;
}

/* True when an allocation has failed since torture_arm(). */
static bool torture_disarm(void)
{
    torture.armed = false;
    torture_struck = false;
    return torture.fail_at && torture.made >= torture.fail_at;
}

UNWATCHED static bool torture_fails(void)
{
    if (!torture.armed || ++torture.made != torture.fail_at)
        return false;
    torture_struck = true;
    errno = ENOMEM;
    return true;
}

#define REAL(type, name, ...)                                                                      \
    extern type __interceptor_##name(__VA_ARGS__) __attribute__((weak));                           \
    extern type __libc_##name(__VA_ARGS__);

REAL(void *, malloc, size_t)
REAL(void *, calloc, size_t, size_t)
REAL(void *, realloc, void *, size_t)
REAL(void *, memalign, size_t, size_t)

#define CALL(name, ...)                                                                            \
    (__interceptor_##name ? __interceptor_##name(__VA_ARGS__) : __libc_##name(__VA_ARGS__))

UNWATCHED void *malloc(size_t size)
{
    return torture_fails() ? NULL : CALL(malloc, size);
}

UNWATCHED void *calloc(size_t n, size_t size)
{
    return torture_fails() ? NULL : CALL(calloc, n, size);
}

UNWATCHED void *realloc(void *p, size_t size)
{
    return size && torture_fails() ? NULL : CALL(realloc, p, size);
}

UNWATCHED void *aligned_alloc(size_t align, size_t size)
{
    return torture_fails() ? NULL : CALL(memalign, align, size);
}

UNWATCHED int posix_memalign(void **ret, size_t align, size_t size)
{
    void *p = torture_fails() ? NULL : CALL(memalign, align, size);

    if (!p)
        return ENOMEM;
    *ret = p;
    return 0;
}

/* A sanitizer's strdup() would not come by here. */
UNWATCHED char *strdup(const char *s)
{
    size_t size = strlen(s) + 1;
    char *copy = malloc(size);

    return copy ? memcpy(copy, s, size) : NULL;
}
