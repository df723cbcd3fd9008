/* bench_run.h: one run of a measuring program, from its command line to its rows. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#ifdef __cplusplus
extern "C" {
#endif

int bench_run(int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
