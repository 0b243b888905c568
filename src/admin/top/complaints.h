/*
 * What the processes of a stack complained of last: warnings and errors of their log files
 * (DIR/log/NAME.log), the newest first. The same complaint again is counted, not repeated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define COMPLAINTS_MAX 32
#define COMPLAINT_TEXT_MAX 400
#define COMPLAINT_FILES_MAX 128

struct complaint {
    char name[40]; /* whose log */
    bool error;    /* else a warning */
    int64_t wall_usec;
    uint64_t times;
    char text[COMPLAINT_TEXT_MAX];
};

struct complaints {
    struct complaint list[COMPLAINTS_MAX];
    size_t count;
    char why[160]; /* why there is nothing to read; "" = there is */
    struct complaint_file {
        char name[40];
        uint64_t inode;
        int64_t offset; /* read so far */
    } files[COMPLAINT_FILES_MAX];
    size_t file_count;
};

/* Reads what was added to the logs of a data directory since *c was filled; at first, the last 64
 * KiB of each. */
void complaints_read(struct complaints *c, const char *data);

/* Takes one line of a log. JSON and text lines of our own roles, and those of PostgreSQL,
 * nats-server and Prometheus; whatever is no complaint is passed over. now_usec: its time, where it
 * says none. */
void complaints_take(struct complaints *c, const char *name, struct span line, int64_t now_usec);
