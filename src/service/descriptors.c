#include "service/descriptors.h"

#include <sys/resource.h>

#include "base/macros.h"

uint64_t descriptors_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return UINT64_MAX;
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t soft = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            limit.rlim_cur = soft;
    }
    return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

uint32_t descriptors_fit(uint64_t limit, uint64_t own, uint32_t wanted)
{
    uint64_t room = MAX(limit / 4, limit > own ? limit - own : 0);

    return (uint32_t)MIN(MAX(room, UINT64_C(1)), (uint64_t)wanted);
}
