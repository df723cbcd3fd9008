/* workers.c: see workers.h. */
#include <pthread.h>
#include <stdlib.h>

#include "workers.h"

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    work *first;
    work **last;
    size_t waiting;
    size_t most;
    bool ending;
    size_t count;
    pthread_t threads[];
};

static void *run_worker(void *argument)
{
    workers *w = argument;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->first && !w->ending)
            pthread_cond_wait(&w->wake, &w->lock);
        work *job = w->first;
        if (!job)
            break;
        w->first = job->next;
        if (!w->first)
            w->last = &w->first;
        w->waiting--;
        pthread_mutex_unlock(&w->lock);
        job->run(job);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

workers *workers_new(size_t threads, size_t most)
{
    workers *made = calloc(1, sizeof *made + threads * sizeof made->threads[0]);
    if (!made)
        return NULL;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->wake, NULL);
    made->last = &made->first;
    made->most = most;
    while (made->count < threads &&
           pthread_create(&made->threads[made->count], NULL, run_worker, made) == 0)
        made->count++;
    if (made->count == threads)
        return made;
    workers_free(made);
    return NULL;
}

bool workers_give(workers *w, work *job)
{
    pthread_mutex_lock(&w->lock);
    bool taken = w->waiting < w->most;
    if (taken) {
        job->next = NULL;
        *w->last = job;
        w->last = &job->next;
        w->waiting++;
        pthread_cond_signal(&w->wake);
    }
    pthread_mutex_unlock(&w->lock);
    return taken;
}

size_t workers_waiting(workers *w)
{
    pthread_mutex_lock(&w->lock);
    size_t waiting = w->waiting;
    pthread_mutex_unlock(&w->lock);
    return waiting;
}

void workers_free(workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < w->count; i++)
        pthread_join(w->threads[i], NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
