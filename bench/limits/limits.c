/* limits.c: the command line of vdb-bench limits, and its output. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/bench_arguments.h"
#include "harness/stop.h"
#include "limits/limits.h"

void limit_print(const limits_options *options, const char *what, const char *variant,
                 size_t threads, double value, const char *unit)
{
    if (options->csv)
        printf("%s,%s,%zu,%.3f,%s\n", what, variant, threads, value, unit);
    else
        printf("%-30s %-32s %zu thread%s %12.2f %s\n", what, variant, threads,
               threads == 1 ? " " : "s", value, unit);
    fflush(stdout);
}

/* What the figures are of: a remark, for it is words. */
static void tell_machine(void)
{
    static const struct {
        int name;
        const char *title;
    } caches[] = {{_SC_LEVEL1_DCACHE_SIZE, "L1 data"},
                  {_SC_LEVEL2_CACHE_SIZE, "L2"},
                  {_SC_LEVEL3_CACHE_SIZE, "L3"}};
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0) {
            line[strcspn(line, "\n")] = 0;
            remark("%s", line);
            break;
        }
    if (file)
        fclose(file);
    remark("%ld processors", sysconf(_SC_NPROCESSORS_ONLN));
    for (int i = 0; i < 3; i++)
        if (sysconf(caches[i].name) > 0)
            remark("%s cache: %ld KiB", caches[i].title, sysconf(caches[i].name) >> 10);
}

static void print_help(void)
{
    puts("Usage: vdb-bench limits [option...]\n"
         "Measure the machine: read bandwidth, arithmetic, random access, syncs.\n\n"
         "  --size MIB     of the working set that is larger than any cache (1024)\n"
         "  --ms N         milliseconds of each measurement, of three (300)\n"
         "  --threads N    measured beside one (2, or 1 where there is but one)\n"
         "  --folder DIR   where to sync a file (.)\n"
         "  --csv          print rows of CSV\n"
         "  --help         print this help");
    exit(0);
}

int limits_command(int argc, char **argv)
{
    static const struct option table[] = {{"size", required_argument, NULL, 's'},
                                          {"ms", required_argument, NULL, 'm'},
                                          {"folder", required_argument, NULL, 'f'},
                                          {"csv", no_argument, NULL, 'c'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    limits_options options = {(size_t)1 << 30, 0.3, cores > 1 ? 2 : 1, ".", false};
    int got;
    opterr = 0;
    while ((got = getopt_long(argc, argv, ":", table, NULL)) != -1)
        switch (got) {
        case 's':
            options.large_bytes = (size_t)bench_number("size", optarg, 4, 1 << 20)
                                  << 20;
            break;
        case 'm':
            options.seconds = bench_number("ms", optarg, 1, 60000) / 1e3;
            break;
        case 't':
            options.threads = bench_number("threads", optarg, 1, 1024);
            break;
        case 'f':
            options.folder = optarg;
            break;
        case 'c':
            options.csv = true;
            break;
        case 'h':
            print_help();
            break;
        case ':':
            stop_usage("limits: option without its value: %s", argv[optind - 1]);
        default:
            stop_usage("limits: unknown option: %s", argv[optind - 1]);
        }
    if (optind < argc)
        stop_usage("limits: surplus operand: %s", argv[optind]);
    tell_machine();
    if (options.csv)
        puts("what,variant,threads,value,unit");
    limits_read(&options);
    limits_arithmetic(&options);
    limits_random(&options);
    limits_gather(&options);
    limits_sync(&options);
    return 0;
}
