/* What operators see of dead letters. Their contents come from outside: nothing of them reaches a
 * terminal that is not plainly printable. */
#pragma once

#include <stddef.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "bus/letter.h"

/* Appends text in which control characters, invalid UTF-8 and what turns the direction of writing
 * stand as \n, \x1b, \u202e; at most `columns` characters, then "...". A backslash is doubled. */
void print_safe(struct strbuf *out, struct span text, size_t columns);

/* JSON with line breaks and indentation, from any bytes: outside of strings they are laid out anew,
 * within they stay as they are. All of it printable as above. */
void print_pretty(struct strbuf *out, struct span json);

/* "by reason: invalid_json 3, wrong_type 1", and the same by source. */
void print_counts(struct strbuf *out, struct letter_counts *counts);
