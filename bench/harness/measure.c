/* measure.c: timed passes; see measure.h. */
#include <stdlib.h>

#include "latencies.h"
#include "measure.h"
#include "stop.h"
#include "together.h"

struct pass_space {
    size_t calls;
    double *latency_us; /* of each call */
    int32_t *answers;
};

typedef struct shares {
    engine *e;
    const fvecs *queries;
    pass_space *space;
    size_t k, batch, threads;
} shares;

pass_space *pass_space_new(const bench_arguments *args, size_t queries)
{
    pass_space *made = need(sizeof *made);
    made->calls = (queries + args->batch - 1) / args->batch;
    made->latency_us = need(made->calls * sizeof *made->latency_us);
    made->answers = need(queries * args->k * sizeof *made->answers);
    return made;
}

void pass_space_free(pass_space *space)
{
    free(space->latency_us);
    free(space->answers);
    free(space);
}

const int32_t *pass_answers(const pass_space *space)
{
    return space->answers;
}

static void call_share(void *arg, size_t thread)
{
    const shares *s = arg;
    double before = now();
    for (size_t call = thread; call < s->space->calls; call += s->threads) {
        size_t at = call * s->batch, left = s->queries->rows - at;
        engine_search(s->e, s->queries, at, left < s->batch ? left : s->batch,
                      s->space->answers + at * s->k);
        double after = now();
        s->space->latency_us[call] = (after - before) * 1e6;
        before = after;
    }
}

/* Sorts the latencies. */
static measured summarise(pass_space *space, size_t queries, double seconds)
{
    const double *us = space->latency_us;
    double sum = 0;
    latencies_sort(space->latency_us, space->calls);
    for (size_t i = 0; i < space->calls; i++)
        sum += us[i];
    return (measured){.qps = (double)queries / seconds,
                      .mean_us = sum / (double)space->calls,
                      .p50_us = latencies_within(us, space->calls, 50),
                      .p99_us = latencies_within(us, space->calls, 99)};
}

measured measure_best(engine *e, const bench_arguments *args, const fvecs *queries,
                      pass_space *space)
{
    measured best = {0, 0, 0, 0};
    shares s = {e,       queries,     space,
                args->k, args->batch, args->batch > 1 ? 1 : args->threads};
    for (uint32_t i = 0; i < args->repeat; i++) {
        double seconds = together(s.threads, call_share, &s);
        measured one = summarise(space, queries->rows, seconds);
        if (one.qps > best.qps)
            best = one;
    }
    return best;
}
