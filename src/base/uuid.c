/* getrandom() costs a system call, so that each thread draws 4 KiB at once. */
#include "base/uuid.h"

#include <string.h>
#include <sys/random.h>

#include "base/macros.h"

static _Thread_local unsigned char pool[4096];
static _Thread_local size_t pool_at = sizeof(pool);

static void draw(unsigned char *out, size_t n)
{
    if (sizeof(pool) - pool_at < n) {
        size_t have = 0;

        while (have < sizeof(pool)) {
            ssize_t r = getrandom(pool + have, sizeof(pool) - have, 0);
            if (r > 0)
                have += (size_t)r;
        }
        pool_at = 0;
    }
    memcpy(out, pool + pool_at, n);
    pool_at += n;
}

void uuid_random(char buf[UUID_TEXT_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char b[16];
    char *p = buf;

    draw(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[b[i] >> 4];
        *p++ = hex[b[i] & 15];
    }
    *p = '\0';
}
