#include "admin/bench/memory.h"

#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/usage.h"

#define STRIDE_BYTES (UINT64_C(256) << 20)
#define TOUCH_MAX_USEC (30 * USEC_PER_SEC)

/* Leaves a part of what is free to others. */
static uint64_t bytes_to_touch(void)
{
    struct sysinfo info;

    if (sysinfo(&info) < 0)
        return 0;
    return MIN((uint64_t)info.freeram * info.mem_unit / 4 * 3, memory_limit() / 2);
}

static void touch(struct bench *b, volatile char *memory, uint64_t bytes)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const uint64_t until = clock_mono_usec() + TOUCH_MAX_USEC;

    for (uint64_t at = 0; at < bytes; at += page) {
        memory[at] = 1;
        if (at % STRIDE_BYTES != 0)
            continue;
        if (clock_mono_usec() > until)
            return;
        bench_progress(b, (double)at / (double)bytes, "touching %.1f GiB of memory",
                       (double)bytes / (double)(UINT64_C(1) << 30));
    }
}

void bench_touch_memory(struct bench *b)
{
    uint64_t bytes = bytes_to_touch();
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        bench_note(b, "memory is not touched before it is needed: there is too little");
        return;
    }
    touch(b, memory, bytes);
    (void)munmap(memory, bytes);
}
