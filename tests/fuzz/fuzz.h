/*
 * A fuzz target is LLVMFuzzerTestOneInput() (https://llvm.org/docs/LibFuzzer.html) in
 * fuzz_<name>.c. With SLUICE_FUZZ it is linked with libFuzzer; in other builds replay.c runs it
 * over the files of corpus/<name>/ and regression/<name>/, as an ordinary test.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "event/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Like assert(), in every build. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A copy whose padding holds what would matter if it were read as content. */
static inline char *fuzz_padded(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + JSON_PADDING);

    EXPECT(copy);
    if (size)
        memcpy(copy, data, size);
    memset(copy + size, '"', JSON_PADDING);
    return copy;
}
