/* formats.h: what reader.c knows of the two families of formats. */
#ifndef VDBTOOL_FORMATS_H
#define VDBTOOL_FORMATS_H

#include <stdio.h>

#include "reader.h"

/* vecs.c: rows of fixed size. */
typedef struct vecs vecs;
int vecs_open(const char *path, size_t element_bytes, vecs **out);
int vecs_measure(vecs *source, uint64_t file_bytes, uint64_t *rows);
int vecs_next(vecs *source, row *out);
uint64_t vecs_bytes(const vecs *source);
FILE *vecs_file(vecs *source);
void vecs_free(vecs *source);

/* jsonl.c: lines of JSON. */
typedef struct jsonl jsonl;
int jsonl_open(const char *path, jsonl **out);
int jsonl_next(jsonl *source, row *out);
uint64_t jsonl_bytes(const jsonl *source);
FILE *jsonl_file(jsonl *source);
void jsonl_free(jsonl *source);

#endif
