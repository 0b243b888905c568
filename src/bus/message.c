#include "bus/message.h"

#include <errno.h>
#include <limits.h>

#include "bus/connection.h"

/* A header's value as a C string on one line: a header must never become two. */
static void clean_value(struct span value, char out[BUS_HEADER_VALUE_MAX + 1])
{
    size_t n = MIN(value.len, (size_t)BUS_HEADER_VALUE_MAX);

    for (size_t i = 0; i < n; i++) {
        char c = value.ptr[i];

        out[i] = (char)(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
    }
    out[n] = '\0';
}

/* *ret_set: how many were set; the next one failed. */
static natsStatus add_headers(natsMsg *msg, const struct bus_message *message, size_t *ret_set)
{
    char value[BUS_HEADER_VALUE_MAX + 1];
    natsStatus s = NATS_OK;
    size_t set = 0;

    if (message->msg_id) {
        clean_value(span_str(message->msg_id), value);
        s = natsMsgHeader_Set(msg, "Nats-Msg-Id", value);
        set += s == NATS_OK;
    }
    for (size_t i = 0; s == NATS_OK && i < message->header_count; i++) {
        clean_value(message->headers[i].value, value);
        s = natsMsgHeader_Set(msg, message->headers[i].name, value);
        set += s == NATS_OK;
    }
    *ret_set = set;
    return s;
}

/* When libnats 3.4.1 has no memory to double its table of headers, 4 at first, it frees the header
 * but leaves it in the table, and would free it again with the message: better to lose that one. */
static bool is_torn(size_t headers_set)
{
    return headers_set >= 4 && (headers_set & (headers_set - 1)) == 0;
}

int message_to_nats(const struct bus_message *message, const char *reply, natsMsg **ret_msg)
{
    natsMsg *msg = NULL;
    size_t set = 0;
    natsStatus s;

    if (message->payload.len > INT_MAX)
        return -EINVAL;
    s = natsMsg_Create(&msg, message->subject, reply, message->payload.ptr,
                       (int)message->payload.len);
    if (s == NATS_OK)
        s = add_headers(msg, message, &set);
    if (s != NATS_OK) {
        if (!is_torn(set))
            natsMsg_Destroy(msg);
        return bus_errno(s);
    }
    *ret_msg = msg;
    return 0;
}
