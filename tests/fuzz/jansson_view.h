/*
 * What jansson, an independent parser, makes of a document. In a file of its own, because its names
 * are ours too (json_object(), JSON_NULL).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/strbuf.h"

enum verdict { VERDICT_REFUSED, VERDICT_ACCEPTED, VERDICT_CANNOT_SAY };

/* Whether it is JSON. Integers of any size are accepted. CANNOT_SAY: a U+0000 in a key, which
 * jansson refuses and the parser leaves to its caller. */
enum verdict jansson_verdict(const void *data, size_t size);

/* Writes the document's values in order, by the token_ functions. False when it is refused, holds a
 * number that does not fit jansson's types, or a key twice in an object. */
bool jansson_tokens(const void *data, size_t size, struct strbuf *out);
/* Whether a key stands twice in some object. */
bool jansson_repeats(const void *data, size_t size);

/* The text of a value that both write: kind, then the value exactly. */
void token_mark(struct strbuf *out, char kind); /* n t f [ ] { } */
void token_text(struct strbuf *out, struct span text);
void token_int(struct strbuf *out, int64_t v);
void token_double(struct strbuf *out, double v);

/* ---- looking into a document ---- */

struct jansson; /* integers are doubles here */

enum jansson_kind {
    JANSSON_NONE,
    JANSSON_NULL,
    JANSSON_BOOL,
    JANSSON_NUMBER,
    JANSSON_STRING,
    JANSSON_ARRAY,
    JANSSON_OBJECT
};

struct jansson_value {
    enum jansson_kind kind; /* JANSSON_NONE: there is no such value */
    struct span text;       /* of a string */
    double number;
};

/* NULL when it is refused. Of a key that stands twice the last value counts. */
struct jansson *jansson_open(const void *data, size_t size);
void jansson_close(struct jansson *doc);
/* pointer: RFC 6901 without escapes, objects only. */
struct jansson_value jansson_at(struct jansson *doc, const char *pointer);
/* Nested containers; an empty one does not count. */
size_t jansson_depth(struct jansson *doc);
/* Whether a U+0000 stands in a string (one in a key is refused before). */
bool jansson_has_nul(struct jansson *doc);
