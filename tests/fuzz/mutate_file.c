/* mutate_file.c: a mutator that writes patches where the file says something: half of the
 * mutations append one. */
#include "fuzz_file.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned seed)
{
    uint64_t random = seed;
    uint8_t patch[PATCH_BYTES_MAX];
    size_t n;

    if (fault_random(&random) % 2 || size == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    if (fault_random(&random) % 4 == 0) /* begin anew: one patch shows more than ten */
        size = 1;
    n = patch_make(patch, &fuzz_file_base(data[0] & FILE_CRASHED)->main, &random);
    if (n > max_size - size)
        return LLVMFuzzerMutate(data, size, max_size);
    memcpy(data + size, patch, n);
    return size + n;
}
