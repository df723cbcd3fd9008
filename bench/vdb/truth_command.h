/* truth_command.h: vdb-bench truth. */
#ifndef BENCH_TRUTH_COMMAND_H
#define BENCH_TRUTH_COMMAND_H

/* argv[0] is "truth". */
int truth_command(int argc, char **argv);

#endif
