/* every_set.h: run a program's tests with every instruction set that this machine has. */
#ifndef EVERY_SET_H
#define EVERY_SET_H

#include "kernel/table.h"

/* The number of tests that failed, of an array of them. */
#define RUN_WITH_EVERY_SET(tests, failed)                                              \
    do {                                                                               \
        const vdbi_kernels *sets_[VDBI_KERNELS_MAX];                                   \
        size_t count_ = vdbi_kernels_available(sets_);                                 \
        failed = 0;                                                                    \
        for (size_t i_ = 0; i_ < count_; i_++) {                                       \
            vdbi_kernels_force(sets_[i_]);                                             \
            failed += cmocka_run_group_tests_name(sets_[i_]->name, tests, NULL, NULL); \
        }                                                                              \
    } while (0)

#endif
