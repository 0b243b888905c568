#include "admin/admin.h"

#include <stdio.h>

int admin_stress_test(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "%s: not there yet\n", argv[0]);
    return 1;
}

