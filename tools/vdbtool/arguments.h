/* arguments.h: a command line, taken apart.
 *
 * Every command names the options it knows; the help is made from the same table,
 * so the two cannot differ.  Values stay text here: values.h turns them into numbers.
 */
#ifndef VDBTOOL_ARGUMENTS_H
#define VDBTOOL_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_name {
    OPTION_DIM,
    OPTION_METRIC,
    OPTION_INDEX,
    OPTION_M,
    OPTION_EF_CONSTRUCTION,
    OPTION_MAX_LAYERS,
    OPTION_CODES,
    OPTION_VECTOR,
    OPTION_METADATA,
    OPTION_METADATA_LINES,
    OPTION_PREFIX,
    OPTION_LIMIT,
    OPTION_AFTER,
    OPTION_K,
    OPTION_FILTER,
    OPTION_EF,
    OPTION_RECALL_TARGET,
    OPTION_EXACT,
    OPTION_EXPLAIN,
    OPTION_LIKE,
    OPTION_QUERIES,
    OPTION_WITH_METADATA,
    OPTION_FORMAT,
    OPTION_ID_COLUMN,
    OPTION_VECTOR_COLUMNS,
    OPTION_DELIMITER,
    OPTION_GUESS_QUOTED,
    OPTION_IDS,
    OPTION_ID_PREFIX,
    OPTION_BATCH,
    OPTION_NO_WAIT,
    OPTION_READONLY,
    OPTION_KEEP_GOING,
    OPTION_DURABILITY,
    OPTION_WITHOUT_LOG,
    OPTION_PROGRESS,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_COUNT
};

#define WITH(name) (UINT64_C(1) << OPTION_##name)
#define WITH_CREATION                                                                  \
    (WITH(DIM) | WITH(METRIC) | WITH(INDEX) | WITH(M) | WITH(EF_CONSTRUCTION) |        \
     WITH(MAX_LAYERS) | WITH(CODES))
#define WITH_READING                                                                   \
    (WITH(FORMAT) | WITH(ID_COLUMN) | WITH(VECTOR_COLUMNS) | WITH(DELIMITER) |         \
     WITH(GUESS_QUOTED))

enum {
    OPERANDS_MAX = 2
};

typedef struct arguments arguments;

typedef struct command {
    const char *name;
    const char *operands; /* as the help shows them */
    const char *summary;
    size_t operands_min;
    size_t operands_max;
    uint64_t options; /* WITH(...) */
    int (*run)(const arguments *args);
} command;

struct arguments {
    const command *command;
    const char *operands[OPERANDS_MAX];
    size_t operand_count;
    bool given[OPTION_COUNT];
    const char *values[OPTION_COUNT]; /* NULL when not given, or without a value */
};

/* Take `argv` apart, whose first element is the command's name.  `file`, when it is not
 * NULL, stands for the first operand, which is not in `argv` then. */
int arguments_parse(arguments *args, const command *which, const char *file, int argc,
                    char **argv);

/* `program` goes before the command's name. */
void print_command_help(const command *which, const char *program);

/* The option of that place among those that the command takes, as "--name", "-k"; NULL:
 * there are not so many.  Lent until the next call. */
const char *option_of(const command *which, size_t place);

#endif
