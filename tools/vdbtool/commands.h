/* commands.h: the commands, each in the file of its family. */
#ifndef VDBTOOL_COMMANDS_H
#define VDBTOOL_COMMANDS_H

#include <stdio.h>

#include "arguments.h"

extern const command COMMANDS[];
extern const size_t COMMAND_COUNT;

const command *find_command(const char *name); /* NULL: there is none */
void print_help(FILE *file);
int run_help(int argc, char **argv); /* "help [COMMAND]" */

/* records.c */
int run_insert(const arguments *args);
int run_get(const arguments *args);
int run_delete(const arguments *args);
int run_list(const arguments *args);
int run_count(const arguments *args);
/* search.c */
int run_search(const arguments *args);
/* import.c, export.c */
int run_import(const arguments *args);
int run_export(const arguments *args);
/* database.c */
int run_create(const arguments *args);
int run_stats(const arguments *args);
int run_check(const arguments *args);
int run_checkpoint(const arguments *args);
/* upkeep.c */
int run_backup(const arguments *args);
int run_compact(const arguments *args);
/* tune.c */
int run_tune(const arguments *args);
/* serve.c */
int run_serve(const arguments *args);
/* shell.c */
int run_shell(const arguments *args);

#endif
