/*
 * The few macros the house style stands on: scope-end cleanup, visible hand-over of ownership,
 * must-check results.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Runs fn(&variable) when the variable leaves its scope. */
#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* Hands the pointer over: yields its value and sets the variable to NULL. */
#define TAKE_PTR(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) *take_src_ = &(p);                                                           \
        __typeof__(p) take_val_ = *take_src_;                                                      \
        *take_src_ = NULL;                                                                         \
        take_val_;                                                                                 \
    })

/* Hands a file descriptor over: yields it and sets the variable to -1. */
#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int *take_src_ = &(fd);                                                                    \
        int take_val_ = *take_src_;                                                                \
        *take_src_ = -1;                                                                           \
        take_val_;                                                                                 \
    })

/* Defines name##p(struct T **) for _cleanup_() from a `T *free_fn(T *)`. */
#define DEFINE_CLEANUP(type, free_fn)                                                              \
    static inline void free_fn##p(type *p)                                                         \
    {                                                                                              \
        if (*p)                                                                                    \
            (void)free_fn(*p);                                                                     \
    }

static inline void freep(void *p)
{
    void **pp = (void **)p;
    free(*pp);
}

#define _cleanup_free_ _cleanup_(freep)

void fd_closep(int *fd);
#define _cleanup_close_ _cleanup_(fd_closep)
