/*
 * Walks JSON text that this program has written, without turning it into values: an amount keeps
 * its two decimals, which a parser for doubles would lose. The text MUST be valid JSON.
 */
#pragma once

#include <stdbool.h>

#include "base/span.h"
#include "base/strbuf.h"

/* What is between the brackets of an object or array; ptr NULL for any other value. */
struct span json_text_inside(struct span value);

/* Takes the next member or element off *rest, which is what json_text_inside() gave. *ret_key: as
 * it stands between its quotes; ptr NULL in an array. False at the end. */
bool json_text_next(struct span *rest, struct span *ret_key, struct span *ret_value);

/* The value of a member of an object; ptr NULL when there is none. key: without escapes. */
struct span json_text_member(struct span object, const char *key);

/* Appends what stands between the quotes of a string, without its escapes. Half of a surrogate pair
 * becomes U+FFFD. */
void json_text_unescape(struct span escaped, struct strbuf *out);
