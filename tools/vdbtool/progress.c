/* progress.c: see progress.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

static const double SECONDS_BETWEEN = 0.2;

double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void progress_begin(progress *p, const arguments *args, const char *unit, FILE *output)
{
    memset(p, 0, sizeof *p);
    p->unit = unit;
    p->unit_size = 1;
    p->is_terminal = isatty(STDERR_FILENO) && !(output && isatty(fileno(output)));
    p->is_on = p->is_terminal || args->given[OPTION_PROGRESS];
    p->began = p->shown = now_seconds();
}

static void put_time(double seconds)
{
    uint64_t whole = (uint64_t)(seconds + 0.5);
    if (whole >= 3600)
        fprintf(stderr, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " h", whole / 3600,
                whole / 60 % 60, whole % 60);
    else if (whole >= 60)
        fprintf(stderr, "%" PRIu64 ":%02" PRIu64 " min", whole / 60, whole % 60);
    else
        fprintf(stderr, "%" PRIu64 " s", whole);
}

static void put_line(const progress *p, double spent)
{
    const char *between = "";
    if (p->is_terminal)
        fputs("\r\033[K", stderr);
    if (p->step)
        fprintf(stderr, "step %u: ", p->step + 1);
    if (p->unit) {
        double units = (double)p->done / p->unit_size;
        fprintf(stderr, "%.0f %s, %.0f/s", units, p->unit,
                units / (spent > 0 ? spent : 1e-9));
        between = ", ";
    }
    if (p->whole) {
        double share = (double)p->part / (double)p->whole;
        fprintf(stderr, "%s%.0f %%", between, 100 * share);
        if (p->part && p->part < p->whole) {
            fputs(", ", stderr);
            put_time(spent * (1 - share) / share);
            fputs(" left", stderr);
        }
    }
    if (!p->is_terminal)
        putc('\n', stderr);
    fflush(stderr);
}

void progress_show(progress *p, uint64_t done, uint64_t part, uint64_t whole)
{
    double now = p->is_on ? now_seconds() : 0;
    p->done = done;
    p->part = part < whole ? part : whole;
    p->whole = whole;
    if (!p->is_on || now - p->shown < SECONDS_BETWEEN)
        return;
    put_line(p, now - p->began);
    p->shown = now;
    p->has_line = true;
}

void progress_end(progress *p, bool is_complete)
{
    if (is_complete)
        p->part = p->whole;
    if (p->is_on && p->is_terminal && p->has_line)
        fputs("\r\033[K", stderr);
    else if (p->is_on && !p->is_terminal)
        put_line(p, now_seconds() - p->began);
    p->is_on = false;
}

static void follow(void *arg, uint64_t done, uint64_t total)
{
    progress *p = arg;
    if (p->whole && p->whole != total) { /* the next step has a rate of its own */
        p->step++;
        p->began = now_seconds();
    }
    progress_show(p, done, done, total);
}

void progress_follow(progress *p, vdb_op *op)
{
    op->progress = follow;
    op->progress_arg = p;
}
