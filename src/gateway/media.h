/* What a request's headers say about its body: media type (RFC 9110, 8.3) and content coding. */
#pragma once

#include <stdbool.h>

#include "base/macros.h"
#include "event/split.h"

/* content_type: the header's value, or NULL, which is read as application/json. bulk: on the bulk
 * route, which takes JSON only. -EINVAL: not a type the gateway takes. */
int media_form(const char *content_type, bool bulk, enum split_form *ret_form) MUST_CHECK;

/* content_encoding: the header's value, or NULL. -EINVAL: not a coding the gateway takes. */
int media_coding(const char *content_encoding, bool *ret_gzip) MUST_CHECK;
