/* bench_report.h: rows of figures on standard output, as CSV or as a table to read. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "engine.h"
#include "measure.h"

typedef struct report_row {
    const bench_arguments *args;
    const engine_facts *facts;
    const measured *figures;
    size_t n, dim;
    uint32_t ef;
    double ram_bytes_per_vector, recall;
} report_row;

void report_header(const bench_arguments *args);
void report_print(const report_row *row);

#endif
