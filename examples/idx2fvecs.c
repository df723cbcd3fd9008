/* idx2fvecs.c: turn the IDX files of Fashion-MNIST into what vdbtool imports.
 *
 *     gzip -dc images-idx3-ubyte.gz | idx2fvecs images > base.fvecs
 *     gzip -dc labels-idx1-ubyte.gz | idx2fvecs labels > meta.jsonl
 *
 * An IDX file is a big-endian magic number, the size of each dimension, then bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAGIC_LABELS = 0x801,
    MAGIC_IMAGES = 0x803,
    PIXELS_MAX = 65535
};

static const char *const CLASSES[] = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                      "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                      "Bag",         "Ankle boot"};

static int fail(const char *what)
{
    fprintf(stderr, "idx2fvecs: %s\n", what);
    return 1;
}

static int read_number(uint32_t *out)
{
    unsigned char b[4];
    if (fread(b, 1, sizeof b, stdin) != sizeof b)
        return fail("the input is truncated");
    *out = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return 0;
}

static void put_little_endian(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

static int write_images(uint32_t count)
{
    static unsigned char pixels[PIXELS_MAX], out[4 + 4 * PIXELS_MAX];
    uint32_t height, width;
    if (read_number(&height) || read_number(&width))
        return 1;
    uint64_t size = (uint64_t)height * width;
    if (size == 0 || size > PIXELS_MAX)
        return fail("the images are empty or too large");
    put_little_endian(out, (uint32_t)size);
    for (uint32_t i = 0; i < count; i++) {
        if (fread(pixels, 1, size, stdin) != size)
            return fail("the input is truncated");
        for (size_t p = 0; p < size; p++) {
            float value = pixels[p];
            uint32_t bits;
            memcpy(&bits, &value, sizeof bits);
            put_little_endian(out + 4 + 4 * p, bits);
        }
        fwrite(out, 1, 4 + 4 * size, stdout);
    }
    return 0;
}

static int write_labels(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int label = getchar();
        if (label == EOF)
            return fail("the input is truncated");
        if (label > 9)
            return fail("a label is above 9");
        printf("{\"label\": %d, \"class\": \"%s\"}\n", label, CLASSES[label]);
    }
    return 0;
}

int main(int argc, char **argv)
{
    uint32_t magic, count;
    int images = argc == 2 && strcmp(argv[1], "images") == 0;
    if (!images && !(argc == 2 && strcmp(argv[1], "labels") == 0))
        return fail("usage: idx2fvecs images|labels < IDX > OUT");
    if (read_number(&magic) || read_number(&count))
        return 1;
    if (magic != (images ? MAGIC_IMAGES : MAGIC_LABELS))
        return fail("the input is not the IDX file of that kind");
    if (images ? write_images(count) : write_labels(count))
        return 1;
    if (ferror(stdout) || fclose(stdout))
        return fail("the output could not be written");
    return 0;
}
