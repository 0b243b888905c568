/* What a gateway's answer says of the events of a request. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "event/json.h"

struct answer {
    uint64_t processed; /* what is absent counts as 0 */
    uint64_t failed;
    uint64_t duplicates;
    uint64_t listed; /* entries of `errors` */
    char error[160]; /* the first thing it complains of, for a person; "" = nothing */
};

/* Reads a JSON answer (JSON_PADDING readable bytes behind it). -EBADMSG when it is none. */
int answer_parse(struct json_parser *parser, struct span body, struct answer *ret) MUST_CHECK;
