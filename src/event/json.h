/*
 * The C face of simdjson's DOM parser (src/event/json.cc is the only C++ in the tree). One document
 * at a time: values and strings are valid until the next json_parse() on the same parser.
 *
 * A parser is owned by one thread at a time. No function but json_parser_new() allocates.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_parser;

/* Where a parsed document lies (json_tape.h). */
struct json_doc {
    const uint64_t *tape;
    const uint8_t *strings;
};

/* A value inside the parsed document: an opaque cursor, passed by value. */
struct json_value {
    const struct json_doc *doc;
    size_t index;
};

enum json_kind {
    JSON_NULL,
    JSON_BOOL,
    JSON_INT,  /* fits int64 */
    JSON_UINT, /* above INT64_MAX, fits uint64 */
    JSON_DOUBLE,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* Bytes that MUST be readable behind the text handed to json_parse() (their content is ignored). */
#define JSON_PADDING 64

/* max_bytes: the largest document; max_depth: the deepest nesting, not counting an empty array or
 * object at the innermost. NULL when out of memory. */
struct json_parser *json_parser_new(size_t max_bytes, size_t max_depth);
struct json_parser *json_parser_free(struct json_parser *p);

/* Parses text completely (strict RFC 8259, UTF-8 checked). -EBADMSG for anything else, with a
 * reason for a person in *ret_error (constant string). text.ptr MUST have JSON_PADDING readable
 * bytes behind it. */
int json_parse(struct json_parser *p, struct span text, struct json_value *ret_root,
               const char **ret_error) MUST_CHECK;

static inline enum json_kind json_kind_of(struct json_value v);
static inline bool json_bool_of(struct json_value v);
/* Of a JSON_STRING, unescaped; may hold NULs. */
static inline struct span json_string_of(struct json_value v);
static inline int64_t json_int_of(struct json_value v);
static inline uint64_t json_uint_of(struct json_value v);
/* Of any number. */
static inline double json_double_of(struct json_value v);

/* Walks the members of an object or the elements of an array:
 *   struct json_iter it = json_iterate(v);
 *   while (json_next(&it, &key, &value)) ...
 * `key` is empty for arrays. */
struct json_iter {
    const struct json_doc *doc;
    size_t at, end;
    bool object;
};
static inline struct json_iter json_iterate(struct json_value v);
static inline bool json_next(struct json_iter *it, struct span *ret_key,
                             struct json_value *ret_value);

/* Whether the bytes are valid UTF-8 (vectorised). */
bool json_utf8_valid(struct span text);

#ifdef __cplusplus
}
#endif

#include "event/json_tape.h"
