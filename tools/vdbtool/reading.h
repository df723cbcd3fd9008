/* reading.h: how to read a file of vectors, as a command line says. */
#ifndef VDBTOOL_READING_H
#define VDBTOOL_READING_H

#include "arguments.h"
#include "reader.h"

/* The options of WITH_READING; says itself what is wrong. */
int read_reader_options(const arguments *args, reader_options *out);

#endif
