/*
 * How values are read off simdjson's tape, whose format is documented and stable
 * (https://github.com/simdjson/simdjson/blob/v3.0.1/doc/tape.md): no object is built per value, a
 * cursor is an index, and every read is a few instructions where it stands. The lower half of
 * event/json.h; include that.
 */
#pragma once

#include <string.h>

#include "event/json.h"

#define JSON_TAPE_PAYLOAD UINT64_C(0x00ffffffffffffff)

static inline char json_tape_type(const struct json_doc *doc, size_t index)
{
    return (char)(doc->tape[index] >> 56);
}

/* The index behind a whole value: containers name it in their low half, numbers take two words. */
static inline size_t json_tape_after(const struct json_doc *doc, size_t index)
{
    switch (json_tape_type(doc, index)) {
    case '{':
    case '[':
        return (uint32_t)doc->tape[index];
    case 'l':
    case 'u':
    case 'd':
        return index + 2;
    default:
        return index + 1;
    }
}

static inline struct span json_tape_string(const struct json_doc *doc, size_t index)
{
    const uint8_t *p = doc->strings + (doc->tape[index] & JSON_TAPE_PAYLOAD);
    uint32_t len;

    memcpy(&len, p, sizeof(len));
    return span_of(p + sizeof(len), len);
}

static inline enum json_kind json_kind_of(struct json_value v)
{
    switch (json_tape_type(v.doc, v.index)) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 'l':
        return JSON_INT;
    case 'u':
        return JSON_UINT;
    case 'd':
        return JSON_DOUBLE;
    case 't':
    case 'f':
        return JSON_BOOL;
    default:
        return JSON_NULL;
    }
}

static inline bool json_bool_of(struct json_value v)
{
    return json_tape_type(v.doc, v.index) == 't';
}

static inline struct span json_string_of(struct json_value v)
{
    return json_tape_string(v.doc, v.index);
}

static inline int64_t json_int_of(struct json_value v)
{
    return (int64_t)v.doc->tape[v.index + 1];
}

static inline uint64_t json_uint_of(struct json_value v)
{
    return v.doc->tape[v.index + 1];
}

static inline double json_double_of(struct json_value v)
{
    double d;

    switch (json_kind_of(v)) {
    case JSON_INT:
        return (double)json_int_of(v);
    case JSON_UINT:
        return (double)json_uint_of(v);
    default:
        memcpy(&d, &v.doc->tape[v.index + 1], sizeof(d));
        return d;
    }
}

static inline struct json_iter json_iterate(struct json_value v)
{
    char type = json_tape_type(v.doc, v.index);
    struct json_iter it = { v.doc, 0, 0, false };

    if (type != '{' && type != '[')
        return it;
    it.at = v.index + 1;
    /* The word before the index behind a container is its closing bracket. */
    it.end = json_tape_after(v.doc, v.index) - 1;
    it.object = type == '{';
    return it;
}

static inline bool json_next(struct json_iter *it, struct span *ret_key,
                             struct json_value *ret_value)
{
    if (it->at >= it->end)
        return false;
    *ret_key = SPAN_NONE;
    if (it->object)
        *ret_key = json_tape_string(it->doc, it->at++);
    ret_value->doc = it->doc;
    ret_value->index = it->at;
    it->at = json_tape_after(it->doc, it->at);
    return true;
}
