/* Runs a fuzz target over files: `replay FOLDER...`. Without libFuzzer. */
#include <dirent.h>

#include "fuzz.h"

#define INPUT_MAX (1 << 20)

static void replay_file(const char *folder, const char *name)
{
    _cleanup_free_ uint8_t *data = malloc(INPUT_MAX);
    char path[4096];
    size_t size;
    FILE *f;

    EXPECT(data && snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path));
    f = fopen(path, "rb");
    EXPECT(f);
    size = fread(data, 1, INPUT_MAX, f);
    (void)fclose(f);
    (void)LLVMFuzzerTestOneInput(data, size);
}

/* A target without inputs of a kind has no such folder. */
static int replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int n = 0;

    if (!dir)
        return 0;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        replay_file(folder, entry->d_name);
        n++;
    }
    (void)closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    int n = 0;

    for (int i = 1; i < argc; i++)
        n += replay_folder(argv[i]);
    (void)printf("%d files\n", n);
    return n > 0 ? 0 : 1;
}
