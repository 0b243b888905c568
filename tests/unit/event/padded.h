/* Bytes as the decoder and the splitter want them: in heap memory of their own that ends right
 * behind the padding, so that AddressSanitizer sees a read past it. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/span.h"
#include "event/json.h"

static inline char *padded_copy(struct span text)
{
    char *copy = malloc(text.len + JSON_PADDING);

    if (!copy)
        abort();
    memcpy(copy, text.ptr, text.len);
    memset(copy + text.len, '"', JSON_PADDING); /* what stands there must not matter */
    return copy;
}
