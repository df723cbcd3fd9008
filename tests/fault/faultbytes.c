/* faultbytes.c: growing arrays of bytes, names and numbers under the imaginary
 * file system: what its two sources, calls and power cuts, share. */
#include "faultfs_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *fault_allocate(size_t size)
{
    void *memory = malloc(size ? size : 1);

    if (!memory) {
        fputs("fault harness: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

uint64_t fault_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t fault_mix(uint64_t a, uint64_t b)
{
    uint64_t state = a ^ (b * 0xd6e8feb86659fd93u);

    fault_random(&state);
    return fault_random(&state);
}

static void assure_room(fault_bytes *bytes, size_t room)
{
    uint8_t *data;

    if (room <= bytes->room)
        return;
    if (bytes->window)
        abort(); /* write() has refused anything beyond the window */
    if (room < bytes->room * 2)
        room = bytes->room * 2;
    data = fault_allocate(room);
    if (bytes->size)
        memcpy(data, bytes->data, bytes->size);
    free(bytes->data);
    bytes->data = data;
    bytes->room = room;
}

void fault_bytes_truncate(fault_bytes *bytes, uint64_t size)
{
    size_t new_size = (size_t)size;

    if (new_size > bytes->size) {
        assure_room(bytes, new_size);
        memset(bytes->data + bytes->size, 0, new_size - bytes->size);
    } else if (bytes->window) {
        /* Readers of a mapping see zeros beyond the end. */
        memset(bytes->data + new_size, 0, bytes->size - new_size);
    }
    bytes->size = new_size;
}

void fault_bytes_write(fault_bytes *bytes, const void *data, size_t size,
                       uint64_t offset)
{
    size_t end = (size_t)offset + size;

    if (!size)
        return;
    if (end > bytes->size)
        fault_bytes_truncate(bytes, end);
    memcpy(bytes->data + offset, data, size);
}

void fault_bytes_copy(fault_bytes *to, const fault_bytes *from)
{
    fault_bytes_truncate(to, 0);
    fault_bytes_write(to, from->data, from->size, 0);
}

void fault_bytes_free(fault_bytes *bytes)
{
    if (bytes->window)
        munmap(bytes->data, FAULT_WINDOW);
    else
        free(bytes->data);
    memset(bytes, 0, sizeof *bytes);
}

fault_entry *fault_directory_find(const fault_directory *directory, const char *name)
{
    for (size_t i = 0; i < directory->count; i++)
        if (!strcmp(directory->entries[i].name, name))
            return (fault_entry *)&directory->entries[i];
    return NULL;
}

void fault_directory_set(fault_directory *directory, const char *name,
                         fault_inode *inode)
{
    fault_entry *entry = fault_directory_find(directory, name);

    if (!inode) {
        if (entry)
            *entry = directory->entries[--directory->count];
        return;
    }
    if (!entry) {
        if (directory->count == FAULT_NAMES)
            abort();
        entry = &directory->entries[directory->count++];
        snprintf(entry->name, sizeof entry->name, "%s", name);
    }
    entry->inode = inode;
}

fault_inode *fault_inode_new(faultfs *fs)
{
    fault_inode *inode = fault_allocate(sizeof *inode);
    fault_inode **inodes = fault_allocate((fs->inode_count + 1) * sizeof *inodes);

    memset(inode, 0, sizeof *inode);
    inode->number = fs->inode_count + 1;
    if (fs->windows) {
        void *window = mmap(NULL, FAULT_WINDOW, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (window == MAP_FAILED) {
            perror("fault harness: mmap");
            exit(2);
        }
        inode->seen = (fault_bytes){window, 0, FAULT_WINDOW, true};
    }
    if (fs->inode_count)
        memcpy(inodes, fs->inodes, fs->inode_count * sizeof *inodes);
    free(fs->inodes);
    fs->inodes = inodes;
    fs->inodes[fs->inode_count++] = inode;
    return inode;
}

void fault_inode_settle(fault_inode *inode)
{
    fault_bytes_copy(&inode->seen, &inode->durable);
    free(inode->blocks);
    inode->block_count = (inode->durable.size + FAULT_BLOCK - 1) / FAULT_BLOCK;
    inode->blocks = fault_allocate(inode->block_count);
    memset(inode->blocks, 1, inode->block_count);
}

void fault_op_apply(faultfs *fs, const fault_op *op)
{
    fault_bytes *durable = &op->inode->durable;

    switch (op->kind) {
    case FAULT_WRITES:
        fault_bytes_write(durable, op->data, op->size, op->offset);
        break;
    case FAULT_TRUNCATES:
        fault_bytes_truncate(durable, op->offset);
        break;
    case FAULT_CREATES:
        fault_directory_set(&fs->durable, op->name, op->inode);
        break;
    default:
        fault_directory_set(&fs->durable, op->name, NULL);
        break;
    }
}
