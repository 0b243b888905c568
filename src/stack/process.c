#include "stack/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/strbuf.h"
#include "stack/files.h"

/* proc(5): columns of /proc/PID/stat behind the command's closing parenthesis, counted from 0. */
enum { COLUMN_STATE = 0, COLUMN_STARTTIME = 19 };

uint64_t process_birth(pid_t pid)
{
    _cleanup_strbuf_ struct strbuf text;
    struct span rest, word = SPAN_NONE;
    const char *command_end;
    uint64_t birth = 0;
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    strbuf_init(&text, 4096);
    if (file_read(AT_FDCWD, path, &text) < 0)
        return 0;
    command_end = strrchr(text.ptr, ')');
    if (!command_end || command_end + 2 > text.ptr + text.len)
        return 0;
    rest = span_of(command_end + 2, (size_t)(text.ptr + text.len - command_end - 2));
    for (int i = 0; i <= COLUMN_STARTTIME; i++) {
        if (!span_split(&rest, ' ', &word))
            return 0;
        if (i == COLUMN_STATE && (span_eq(word, SPAN("Z")) || span_eq(word, SPAN("X"))))
            return 0;
    }
    return parse_u64(word, &birth) == 0 ? birth : 0;
}
