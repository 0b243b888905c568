#include "bus/ack_subject.h"

#include <errno.h>

#include "base/number.h"

#define TOKENS_MAX 12

int ack_subject_parse(struct span subject, struct ack_subject *ret)
{
    struct span tokens[TOKENS_MAX];
    struct ack_subject a;
    size_t n = 0, at;

    for (struct span token; span_split(&subject, '.', &token); n++) {
        if (n == TOKENS_MAX)
            return -EBADMSG;
        tokens[n] = token;
    }
    if (n != 9 && n != 11 && n != 12)
        return -EBADMSG;
    if (!span_eq(tokens[0], SPAN("$JS")) || !span_eq(tokens[1], SPAN("ACK")))
        return -EBADMSG;
    at = n == 9 ? 4 : 6; /* of <delivered> */
    if (parse_u64(tokens[at], &a.deliveries) < 0 || parse_u64(tokens[at + 1], &a.stream_seq) < 0 ||
        parse_u64(tokens[at + 2], &a.consumer_seq) < 0 ||
        parse_i64(tokens[at + 3], &a.stored_nsec) < 0 || parse_u64(tokens[at + 4], &a.pending) < 0)
        return -EBADMSG;
    *ret = a;
    return 0;
}
