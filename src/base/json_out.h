/*
 * Writes JSON (RFC 8259) into a strbuf: answers, log lines, context lines. Commas are set by the
 * writer; nesting is up to the caller. Errors stick in the strbuf.
 *
 *   struct json_out j;
 *   json_out_init(&j, &buf);
 *   json_object(&j);
 *     json_key(&j, "success"); json_bool(&j, true);
 *   json_object_end(&j);
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"

struct json_out {
    struct strbuf *sb;
    bool comma; /* the next key or value needs one before it */
};

void json_out_init(struct json_out *j, struct strbuf *sb);

void json_object(struct json_out *j);
void json_object_end(struct json_out *j);
void json_array(struct json_out *j);
void json_array_end(struct json_out *j);
void json_key(struct json_out *j, const char *key);
void json_key_span(struct json_out *j, struct span key);
void json_string(struct json_out *j, struct span value);
void json_str(struct json_out *j, const char *value); /* NULL writes null */
void json_bool(struct json_out *j, bool value);
void json_u64(struct json_out *j, uint64_t value);
void json_i64(struct json_out *j, int64_t value);
void json_double(struct json_out *j, double value); /* shortest text; null for NaN and infinities */
void json_null(struct json_out *j);
/* Bytes that are JSON already (a number with two decimals, a stored document). */
void json_raw(struct json_out *j, struct span json);

/* The quoted, escaped form of a string: control characters, quotes and backslashes escaped, bytes
 * that are not valid UTF-8 replaced by U+FFFD, so that any input gives valid JSON on one line. */
void json_quote(struct strbuf *sb, struct span value);
