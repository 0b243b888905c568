#include "collector/collector.h"

#include <stdio.h>

int collector_facebook_main(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "%s: not there yet\n", argv[0]);
    return 1;
}

int collector_tiktok_main(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "%s: not there yet\n", argv[0]);
    return 1;
}

