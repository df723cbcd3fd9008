/* vdb_bench.c: measure libvdb through its public API, and the machine under it.
 *
 *     vdb-bench --base B.fvecs --queries Q.fvecs --truth GT.ivecs [option...] --csv
 *     vdb-bench limits [option...]     what the machine can do: limits/limits.c
 *     vdb-bench truth ...              exact answers by a plain search: truth_command.c
 */
#include <string.h>

#include "harness/bench_run.h"
#include "limits/limits.h"
#include "vdb/truth_command.h"

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "limits") == 0)
        return limits_command(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "truth") == 0)
        return truth_command(argc - 1, argv + 1);
    return bench_run(argc, argv);
}
