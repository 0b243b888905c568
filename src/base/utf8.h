/* UTF-8 as of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. Thread-safe. */
#pragma once

#include <stddef.h>

/* The length of the valid sequence at p, of which `left` bytes may be read; 0 when there is none.
 */
size_t utf8_sequence(const char *p, size_t left);
