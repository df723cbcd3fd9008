/* fuzz_cli.c: arbitrary command lines for vdbtool, one after another on the same files.
 *
 * A line is a command, its words separated by tabs: "insert\tdb\ta\t--vector\t1,2".  They
 * run in this process, in a folder of their own that has a few files to be read and is
 * emptied before each input; standard input is empty.  A word with a slash is refused
 * here, so that nothing outside of the folder is reached. */
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int vdbtool_main(int argc, char **argv);
#define main vdbtool_main
#include "../../tools/vdbtool/main.c"
#undef main

enum {
    COMMANDS_MAX = 12, /* of one input */
    WORDS_MAX = 24     /* of one command */
};

static char folder[] = "/tmp/vdb-fuzz-cli-XXXXXX";

static void empty_folder(void)
{
    DIR *directory = opendir(".");
    const struct dirent *entry;

    REQUIRE(directory != NULL);
    while ((entry = readdir(directory)))
        unlink(entry->d_name);
    closedir(directory);
}

static void leave_folder(void)
{
    empty_folder();
    rmdir(folder);
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(name, "wb");

    REQUIRE(file != NULL);
    REQUIRE(fwrite(bytes, 1, size, file) == size);
    REQUIRE(fclose(file) == 0);
}

static void fill_folder(void)
{
    static const char jsonl[] =
        "{\"id\": \"a\", \"vector\": [1, 2, 3], \"metadata\": {\"n\": 1}}\n"
        "{\"id\": \"b\", \"vector\": [3, 2.5, 1]}\n";
    static const char csv[] =
        "id,_vector,kind\nx,\"[1, 0, 0]\",k1\ny,\"[0, 1, 0]\",k2\n";
    static const char lines[] = "{\"kind\": \"first\"}\n\n";
    static const char fvecs[] =
        "\3\0\0\0\0\0\200?\0\0\0@\0\0@@\3\0\0\0\0\0\200?\0\0\0\0\0\0\0\0";

    write_file("rows.jsonl", jsonl, sizeof jsonl - 1);
    write_file("rows.csv", csv, sizeof csv - 1);
    write_file("meta", lines, sizeof lines - 1);
    write_file("rows.fvecs", fvecs, sizeof fvecs - 1);
}

/* Output is not looked at; what a sanitizer says still is, on standard error. */
static void begin(void)
{
    static bool begun;

    if (begun)
        return;
    begun = true;
    REQUIRE(mkdtemp(folder) != NULL && chdir(folder) == 0);
    REQUIRE(freopen("/dev/null", "r", stdin) && freopen("/dev/null", "w", stdout));
    complain_silently();
    atexit(leave_folder);
}

static void run_line(char *line)
{
    char program[] = "vdbtool", *words[WORDS_MAX + 1] = {program}, *rest = line;
    int count = 1, status;

    while (count < WORDS_MAX && (words[count] = strsep(&rest, "\t")))
        count++;
    words[count] = NULL;
    status = run(count, words);
    REQUIRE(status == STATUS_DONE || status == STATUS_FAILED || status == STATUS_USAGE);
    clearerr(stdin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text, *rest, *line;

    if (size && (memchr(data, '/', size) || memchr(data, 0, size)))
        return 0;
    begin();
    empty_folder();
    fill_folder();
    text = rest = strndup((const char *)(size ? data : (const uint8_t *)""), size);
    REQUIRE(text != NULL);
    for (int i = 0; i < COMMANDS_MAX && (line = strsep(&rest, "\n")); i++)
        run_line(line);
    free(text);
    return 0;
}
