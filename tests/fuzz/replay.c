/* replay.c: the main of a fuzz target without libFuzzer: run it on every file of a
 * folder, once each.  An input that breaks something ends the program; so does one that
 * takes too long. */
#include "harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SECONDS_MAX = 60 /* for one input; sanitizers and a loaded machine are slow */
};

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data;
    long size;

    REQUIRE(file != NULL);
    REQUIRE(fseek(file, 0, SEEK_END) == 0);
    size = ftell(file);
    REQUIRE(size >= 0 && fseek(file, 0, SEEK_SET) == 0);
    data = malloc((size_t)size + (size == 0)); /* exact: reading beyond it shows */
    REQUIRE(data != NULL);
    REQUIRE(fread(data, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    alarm(SECONDS_MAX);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    alarm(0);
    free(data);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    char *folder; /* absolute: a target may change the working folder */
    int count;

    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 2;
    }
    folder = realpath(argv[1], NULL);
    REQUIRE(folder != NULL);
    count = scandir(folder, &entries, visible, alphasort);
    REQUIRE(count > 0);
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        run_file(path);
        free(entries[i]);
    }
    free(entries);
    free(folder);
    printf("%d inputs\n", count);
    return 0;
}
