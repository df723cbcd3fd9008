/* together.c: see together.h. */
#include <pthread.h>
#include <stdlib.h>

#include "stop.h"
#include "together.h"

typedef struct hand {
    pthread_t thread;
    pthread_barrier_t *start;
    together_work work;
    void *arg;
    size_t number;
    double begin, end;
} hand;

static void *run(void *arg)
{
    hand *h = arg;
    pthread_barrier_wait(h->start);
    h->begin = now();
    h->work(h->arg, h->number);
    h->end = now();
    return NULL;
}

double together(size_t threads, together_work work, void *arg)
{
    hand *hands = need(threads * sizeof *hands);
    pthread_barrier_t start;
    double begin = 0, end = 0;
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (size_t t = 0; t < threads; t++) {
        hands[t] = (hand){.start = &start, .work = work, .arg = arg, .number = t};
        if (pthread_create(&hands[t].thread, NULL, run, &hands[t]))
            stop("a thread cannot be started");
    }
    for (size_t t = 0; t < threads; t++) {
        pthread_join(hands[t].thread, NULL);
        begin = t == 0 || hands[t].begin < begin ? hands[t].begin : begin;
        end = hands[t].end > end ? hands[t].end : end;
    }
    pthread_barrier_destroy(&start);
    free(hands);
    return end - begin;
}
