/*
 * A lane is one (source, funnel stage): events of one lane share messages on
 * events.<source>.<stage>. A stream id names a stream the gateway publishes to: one a source, then
 * those of the dead letters.
 */
#pragma once

#include "event/event.h"

#define LANE_COUNT (SOURCE_COUNT * STAGE_COUNT)

static inline int lane_of(enum event_source source, enum event_stage stage)
{
    return (int)source * STAGE_COUNT + (int)stage;
}

static inline enum event_source lane_source(int lane)
{
    return (enum event_source)(lane / STAGE_COUNT);
}

static inline enum event_stage lane_stage(int lane)
{
    return (enum event_stage)(lane % STAGE_COUNT);
}

/* The stream of a source has the source's number. */
enum { STREAM_DLQ = SOURCE_COUNT, STREAM_UNREADABLE, STREAM_COUNT };

#define STREAM_BIT(id) (1u << (id))
/* What a request with many events may need. */
#define STREAMS_OF_EVENTS (STREAM_BIT(STREAM_DLQ + 1) - 1)
