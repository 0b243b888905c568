/* Streams: made, brought up to date, looked at. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "bus/bus.h"
#include "bus/connection.h"

static const jsOptions api_options = { .Wait = BUS_API_TIMEOUT_MSEC };

static jsOptions *options_copy(jsOptions *copy)
{
    *copy = api_options;
    return copy;
}

/* A cluster whose nodes are all there and have no room says so with the code for any node it cannot
 * choose, and in words (selectPeerError of nats-server). */
static bool is_no_room(const char *words)
{
    return strstr(words, "insufficient storage") && !strstr(words, "peer offline");
}

static int errno_of_code(jsErrCode code, const char *words)
{
    switch ((int)code) {
    case JS_STREAM_NOT_FOUND:
    case JS_CONSUMER_NOT_FOUND:
    case JS_NO_MESSAGE_FOUND:
    case JS_SEQUENCE_NOT_FOUND:
        return -ENOENT;
    case JS_STORAGE_EXCEEDED:
        return -ENOSPC;
    case JS_NO_PEERS: /* servers that are away come back */
        return is_no_room(words) ? -ENOSPC : -ENOTCONN;
    case JS_CLUSTER_NOT_AVAILABLE:
    case JS_CLUSTER_NOT_LEADER:
    case JS_STREAM_OFFLINE:
    case JS_CONSUMER_OFFLINE:
        return -ENOTCONN;
    case JS_STREAM_NAME_IN_USE:
        return -EEXIST;
    default:
        return -EIO;
    }
}

int bus_api_errno(natsStatus s, jsErrCode code, const char *what, const char *name,
                  struct strbuf *err)
{
    const char *words = s == NATS_OK ? "" : nats_GetLastError(NULL);

    if (s == NATS_OK)
        return 0;
    if (s == NATS_NO_RESPONDERS)
        words = "JetStream does not answer; is it enabled on this server?";
    if (!words || !*words)
        words = natsStatus_GetText(s);
    strbuf_setf(err, "%s %s: %s", what, name, words);
    if (code != 0)
        return errno_of_code(code, words);
    return bus_errno(s);
}

static void config_fill(jsStreamConfig *to, const struct bus_stream_config *from)
{
    to->Name = from->name;
    to->Subjects = (const char **)from->subjects;
    to->SubjectsLen = 0;
    while (to->SubjectsLen < (int)ARRAY_SIZE(from->subjects) && from->subjects[to->SubjectsLen])
        to->SubjectsLen++;
    to->Storage = js_FileStorage;
    to->Discard = from->discard == BUS_DISCARD_NEW ? js_DiscardNew : js_DiscardOld;
    to->MaxBytes = (int64_t)from->max_bytes;
    to->MaxAge = (int64_t)from->max_age_usec * 1000;
    if (from->duplicate_window_usec)
        to->Duplicates = (int64_t)from->duplicate_window_usec * 1000;
    to->Replicas = from->replicas ? from->replicas : 1;
}

static bool subjects_equal(const jsStreamConfig *a, const jsStreamConfig *b)
{
    if (a->SubjectsLen != b->SubjectsLen)
        return false;
    for (int i = 0; i < a->SubjectsLen; i++)
        if (strcmp(a->Subjects[i], b->Subjects[i]) != 0)
            return false;
    return true;
}

static bool config_equal(const jsStreamConfig *a, const jsStreamConfig *b)
{
    return subjects_equal(a, b) && a->Discard == b->Discard && a->MaxBytes == b->MaxBytes &&
           a->MaxAge == b->MaxAge && a->Duplicates == b->Duplicates && a->Replicas == b->Replicas;
}

/* The server would delete the oldest messages to fit a smaller limit, processed or not. */
static int refuse_to_shrink(const jsStreamInfo *have, const struct bus_stream_config *config,
                            struct strbuf *err)
{
    if (config->discard == BUS_DISCARD_OLD || have->State.Bytes <= config->max_bytes)
        return 0;
    strbuf_setf(err,
                "stream %s holds %" PRIu64 " bytes, more than the limit of %" PRIu64
                " it should get: raise the limit or let the collectors catch up first",
                config->name, have->State.Bytes, config->max_bytes);
    return -EIO;
}

static int stream_update(struct bus *bus, const jsStreamInfo *have,
                         const struct bus_stream_config *config, struct strbuf *err)
{
    jsStreamConfig want = *have->Config;
    jsOptions options;
    jsErrCode code = 0;
    natsStatus s;
    int r;

    config_fill(&want, config);
    if (config_equal(have->Config, &want))
        return 0;
    if (have->Config->Storage != js_FileStorage) {
        strbuf_setf(err, "stream %s is kept in memory: move its messages and delete it first",
                    config->name);
        return -EIO;
    }
    r = refuse_to_shrink(have, config, err);
    if (r < 0)
        return r;
    s = js_UpdateStream(NULL, bus->js, &want, options_copy(&options), &code);
    return bus_api_errno(s, code, "cannot update stream", config->name, err);
}

static int stream_create(struct bus *bus, const struct bus_stream_config *config,
                         struct strbuf *err)
{
    jsStreamConfig want;
    jsOptions options;
    jsErrCode code = 0;
    natsStatus s;

    (void)jsStreamConfig_Init(&want);
    config_fill(&want, config);
    s = js_AddStream(NULL, bus->js, &want, options_copy(&options), &code);
    return bus_api_errno(s, code, "cannot create stream", config->name, err);
}

static int stream_info(struct bus *bus, const char *name, int64_t wait_msec, jsStreamInfo **ret,
                       struct strbuf *err)
{
    jsOptions options = { .Wait = wait_msec };
    jsErrCode code = 0;
    natsStatus s;
    int r = bus_check_connected(bus, err);

    if (r < 0)
        return r;
    s = js_GetStreamInfo(ret, bus->js, name, &options, &code);
    return bus_api_errno(s, code, "cannot read stream", name, err);
}

int bus_stream_ensure(struct bus *bus, const struct bus_stream_config *config, struct strbuf *err)
{
    jsStreamInfo *have = NULL;
    int r = stream_info(bus, config->name, BUS_API_TIMEOUT_MSEC, &have, err);

    if (r == -ENOENT) {
        r = stream_create(bus, config, err);
        if (r != -EEXIST)
            return r;
        /* Another process was faster. */
        r = stream_info(bus, config->name, BUS_API_TIMEOUT_MSEC, &have, err);
    }
    if (r < 0)
        return r;
    r = stream_update(bus, have, config, err);
    jsStreamInfo_Destroy(have);
    return r;
}

int bus_stream_state_of(struct bus *bus, const char *stream, struct bus_stream_state *ret,
                        struct strbuf *err)
{
    return bus_stream_state_within(bus, stream, BUS_API_TIMEOUT_MSEC * USEC_PER_MSEC, ret, err);
}

int bus_stream_state_within(struct bus *bus, const char *stream, uint64_t timeout_usec,
                            struct bus_stream_state *ret, struct strbuf *err)
{
    jsStreamInfo *info = NULL;
    int r = stream_info(bus, stream, (int64_t)(timeout_usec / USEC_PER_MSEC), &info, err);

    if (r < 0)
        return r;
    *ret = (struct bus_stream_state){
        .messages = info->State.Msgs,
        .bytes = info->State.Bytes,
        .first_seq = info->State.FirstSeq,
        .last_seq = info->State.LastSeq,
        .first_nsec = info->State.Msgs ? info->State.FirstTime : 0,
        .max_bytes = info->Config->MaxBytes > 0 ? (uint64_t)info->Config->MaxBytes : 0,
    };
    jsStreamInfo_Destroy(info);
    return 0;
}

int bus_store_limits_of(struct bus *bus, struct bus_store_limits *ret, struct strbuf *err)
{
    jsAccountInfo *info = NULL;
    jsOptions options;
    jsErrCode code = 0;
    natsStatus s;
    int r = bus_check_connected(bus, err);

    if (r < 0)
        return r;
    s = js_GetAccountInfo(&info, bus->js, options_copy(&options), &code);
    r = bus_api_errno(s, code, "cannot read the limits of", "JetStream", err);
    if (r < 0)
        return r;
    *ret = (struct bus_store_limits){
        .max_store = info->Limits.MaxStore > 0 ? (uint64_t)info->Limits.MaxStore : 0,
        .used = info->Store,
    };
    jsAccountInfo_Destroy(info);
    return 0;
}
