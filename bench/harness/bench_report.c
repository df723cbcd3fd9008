/* bench_report.c: the columns, in one place; see bench_report.h. */
#include <stdio.h>
#include <string.h>

#include "bench_report.h"

/* The file's name up to ".base.fvecs" or its last dot.  A comma would be a column. */
static void data_name(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(out, size, "%s", slash ? slash + 1 : path);
    char *end = strstr(out, ".base.");
    if (!end)
        end = strrchr(out, '.');
    if (end)
        *end = 0;
    for (char *p = out; *p; p++)
        if (*p == ',' || *p == '"' || *p == '\n')
            *p = '_';
}

void report_header(const bench_arguments *args)
{
    if (args->csv)
        puts("library,data,n,dim,metric,index,params,build_threads,build_s,"
             "ram_bytes_per_vector,file_bytes_per_vector,search_threads,ef,k,recall,"
             "qps,mean_us,p50_us,p99_us");
    else
        printf("%6s %7s %10s %9s %9s %9s   bytes/vector: %6s %6s\n", "ef", "recall",
               "queries/s", "mean us", "p50 us", "p99 us", "ram", "file");
    fflush(stdout);
}

void report_print(const report_row *row)
{
    const bench_arguments *a = row->args;
    const measured *m = row->figures;
    double file = (double)row->facts->file_bytes / (double)row->n;
    char data[256];
    if (!a->csv) {
        printf("%6u %7.4f %10.1f %9.1f %9.1f %9.1f   %13s %6.0f %6.0f\n", row->ef,
               row->recall, m->qps, m->mean_us, m->p50_us, m->p99_us, "",
               row->ram_bytes_per_vector, file);
        fflush(stdout);
        return;
    }
    data_name(a->base, data, sizeof data);
    printf("%s,%s,%zu,%zu,%s,%s,%s,", engine_library, data, row->n, row->dim,
           bench_metric_name(a->metric), a->hnsw ? "hnsw" : "flat", row->facts->params);
    printf("%u,%.3f,%.1f,%.1f,", a->build_threads, row->facts->build_s,
           row->ram_bytes_per_vector, file);
    printf("%u,%u,%u,%.5f,%.1f,%.2f,%.2f,%.2f\n", a->threads, row->ef, a->k,
           row->recall, m->qps, m->mean_us, m->p50_us, m->p99_us);
    fflush(stdout);
}
