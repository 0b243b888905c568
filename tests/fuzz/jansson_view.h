/* Jansson's opinion on a document; apart, because its names are ours too (json_object(),
 * JSON_NULL). */
#pragma once

#include <stddef.h>

enum verdict { VERDICT_REFUSED, VERDICT_ACCEPTED, VERDICT_CANNOT_SAY };

/* CANNOT_SAY: an integer that only we have room for, or a U+0000 in a key, which jansson refuses
 * and the parser leaves to its caller. */
enum verdict jansson_verdict(const void *data, size_t size);
