#include <string.h>

#include "collector/source.h"

const struct source *const sources[] = { &source_facebook, &source_tiktok, NULL };

const struct source *source_of_service(const char *service)
{
    for (size_t i = 0; sources[i]; i++)
        if (strcmp(sources[i]->service, service) == 0)
            return sources[i];
    return NULL;
}
