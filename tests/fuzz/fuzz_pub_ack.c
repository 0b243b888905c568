/* The answer of a stream to a publish. Whatever comes, the outcome is one that callers can rely on;
 * where it has the shape of such an answer, it is what jansson reads. */
#include <limits.h>

#include "bus/pub_ack.h"
#include "fuzz.h"
#include "jansson_pub_ack.h"

#define UNTOUCHED ((void *)0x1234)

static void check_sense(const struct bus_result *r)
{
    EXPECT(r->token == UNTOUCHED);
    EXPECT(memchr(r->error, '\0', sizeof(r->error)) != NULL);
    switch (r->outcome) {
    case BUS_STORED:
    case BUS_DUPLICATE:
        EXPECT(r->seq > 0 && r->error_code == 0 && r->error[0] == '\0');
        break;
    case BUS_REFUSED:
        EXPECT(r->seq == 0 && r->error_code >= 0);
        break;
    case BUS_UNKNOWN:
        EXPECT(r->seq == 0 && r->error_code == 0 && r->error[0] != '\0');
        break;
    default:
        EXPECT(!"an outcome");
    }
}

static void check_expected(const struct bus_result *r, const struct expected_ack *e)
{
    if (!e->refused) {
        EXPECT(r->seq == e->seq);
        EXPECT(r->outcome == (e->seq == 0    ? BUS_UNKNOWN
                              : e->duplicate ? BUS_DUPLICATE
                                             : BUS_STORED));
        return;
    }
    EXPECT(r->outcome == BUS_REFUSED);
    EXPECT((uint64_t)r->error_code == (e->code <= INT_MAX ? e->code : 0));
    EXPECT(span_eq(span_str(r->error), span_of(e->words, e->words_len)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* In memory of its own, so that a read behind its end is seen. */
    _cleanup_free_ uint8_t *copy = malloc(size ? size : 1);
    struct bus_result result = { .token = UNTOUCHED, .outcome = (enum bus_outcome)99 };
    struct expected_ack expected;

    EXPECT(copy);
    if (size)
        memcpy(copy, data, size);
    pub_ack_parse(span_of(copy, size), &result);
    check_sense(&result);
    if (jansson_pub_ack(copy, size, &expected))
        check_expected(&result, &expected);
    return 0;
}
