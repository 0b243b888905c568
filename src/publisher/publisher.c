#include "publisher/publisher.h"

#include <stdio.h>

int publisher_main(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "%s: not there yet\n", argv[0]);
    return 1;
}
