/* Compresses an answer for `Content-Encoding: gzip`. Any thread; not on an HTTP loop when it is
 * large. */
#pragma once

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

/* Appends one gzip stream (RFC 1952) to *out. -ENOMEM, or -ENOBUFS past the cap of *out. */
int gzip_compress(struct span bytes, struct strbuf *out) MUST_CHECK;
