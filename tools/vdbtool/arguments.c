/* arguments.c: the table of options, and getopt_long over it; see arguments.h.
 *
 * Operands are taken in order, between getopt's steps, so that one which is a number
 * or a vector and begins with a minus sign ("-1.0,2.0") is not taken for an option.
 */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "arguments.h"
#include "complain.h"

typedef struct option_text {
    const char *name;
    const char *value; /* what the help calls its value; NULL: it has none */
    const char *help;
} option_text;

static const option_text OPTIONS[OPTION_COUNT] = {
    [OPTION_DIM] = {"dim", "N", "dimension of the vectors, when the file is created"},
    [OPTION_METRIC] = {"metric", "NAME", "l2, cosine or dot, when it is created (l2)"},
    [OPTION_INDEX] = {"index", "NAME", "flat or hnsw, when it is created (hnsw)"},
    [OPTION_M] = {"m", "N", "links per node of hnsw, when it is created (16)"},
    [OPTION_EF_CONSTRUCTION] = {"ef-construction", "N",
                                "effort of building hnsw, when it is created (200)"},
    [OPTION_MAX_LAYERS] = {"max-layers", "N",
                           "layers of hnsw, when it is created (16)"},
    [OPTION_CODES] = {"codes", "NAME",
                      "what hnsw goes by, when it is created: 8 or none"},
    [OPTION_VECTOR] = {"vector", "V", "the vector: \"1.0,2.0\", @FILE or -"},
    [OPTION_METADATA] = {"metadata", "JSON", "one JSON object, @FILE or -"},
    [OPTION_METADATA_LINES] = {"metadata", "FILE",
                               "one JSON object per line; line i belongs to row i"},
    [OPTION_PREFIX] = {"prefix", "P", "only ids that begin with P"},
    [OPTION_LIMIT] = {"limit", "N", "at most N ids"},
    [OPTION_AFTER] = {"after", "ID", "only ids behind ID in the order of bytes"},
    [OPTION_K] = {"k", "N", "how many neighbours (5)"},
    [OPTION_FILTER] = {"filter", "JSON", "only vectors that pass; JSON, @FILE or -"},
    [OPTION_EF] = {"ef", "N", "effort of a search in hnsw (50)"},
    [OPTION_RECALL_TARGET] = {"recall-target", "R",
                              "choose ef for this share of the nearest (0.95), as "
                              "measured by tune"},
    [OPTION_EXACT] = {"exact", NULL, "compare every candidate"},
    [OPTION_EXPLAIN] = {"explain", NULL, "tell how the search was done"},
    [OPTION_LIKE] = {"like", "ID", "the vector stored under ID is the query"},
    [OPTION_QUERIES] = {"queries", "FILE",
                        "many queries: .fvecs, .bvecs, .jsonl, .npy or .csv"},
    [OPTION_WITH_METADATA] = {"with-metadata", NULL, "print the metadata too"},
    [OPTION_FORMAT] = {"format", "NAME",
                       "csv, jsonl, npy, fvecs (read also: bvecs), whatever the name "
                       "ends in"},
    [OPTION_ID_COLUMN] = {"id-column", "NAME", "csv: the column of the ids (id)"},
    [OPTION_VECTOR_COLUMNS] = {"vector-columns", "LIST",
                               "csv: one column of vectors, or A,B,C or A..C (vector)"},
    [OPTION_DELIMITER] = {"delimiter", "C",
                          "csv: what stands between fields, or tab (,)"},
    [OPTION_GUESS_QUOTED] = {"guess-quoted", NULL,
                             "csv: numbers and booleans may stand in quotes"},
    [OPTION_IDS] = {"ids", "FILE", "one id per line; line i is that of row i"},
    [OPTION_ID_PREFIX] = {"id-prefix", "P",
                          "ids are P and the place of the row, from 0"},
    [OPTION_BATCH] = {"batch", "N", "vectors per commit (1000)"},
    [OPTION_NO_WAIT] = {"no-wait", NULL, "do not wait for the index"},
    [OPTION_READONLY] = {"readonly", NULL, "open it for reading, beside other readers"},
    [OPTION_KEEP_GOING] = {"keep-going", NULL,
                           "go on with a script behind a command that failed"},
    [OPTION_DURABILITY] = {"durability", "NAME", "full, normal or off (full)"},
    [OPTION_WITHOUT_LOG] = {"without-log", NULL,
                            "salvage: as the last checkpoint left it, without the log"},
    [OPTION_PROGRESS] = {"progress", NULL,
                         "tell how far it is, also when nobody seems to look"},
    [OPTION_JSON] = {"json", NULL, "print JSON, also of errors"},
    [OPTION_HELP] = {"help", NULL, "print this help; also -h"},
};

static bool knows(const command *which, int option)
{
    return option == OPTION_HELP || (which->options >> option & 1) != 0;
}

/* Whether an argument that begins with a minus sign is a number or a vector: a digit
 * follows, or a point, or what the vector's parser will refuse by its name. */
static bool is_negative_value(const char *text)
{
    if (text[0] != '-')
        return false;
    return isdigit((unsigned char)text[1]) || text[1] == '.' ||
           strncasecmp(text + 1, "inf", 3) == 0 || strncasecmp(text + 1, "nan", 3) == 0;
}

static int add_operand(arguments *args, const char *text)
{
    if (args->operand_count == args->command->operands_max)
        return fail_usage(args->command->name, "%s: surplus operand: %.80s",
                          args->command->name, text);
    args->operands[args->operand_count++] = text;
    return STATUS_DONE;
}

static int parse_options(arguments *args, const struct option *table, int argc,
                         char **argv)
{
    const char *name = args->command->name;
    int status = STATUS_DONE;
    optind = 0; /* start anew, also GNU's own state */
    opterr = 0;
    while (!status) {
        int at = optind ? optind : 1;
        if (at < argc && is_negative_value(argv[at])) {
            status = add_operand(args, argv[at]);
            optind = at + 1;
            continue;
        }
        /* "-": operands come in order as 1; ":": a missing value comes as ':'. */
        int got = getopt_long(
            argc, argv, knows(args->command, OPTION_K) ? "-:hk:" : "-:h", table, NULL);
        if (got == -1)
            break;
        if (got == 1) {
            status = add_operand(args, optarg);
        } else if (got == ':') {
            status = fail_usage(name, "%s: option without its value: %.80s", name,
                                argv[optind - 1]);
        } else if (got == '?') {
            if (optopt > 0 && optopt < 256 && isprint(optopt) && argv[at][0] == '-' &&
                argv[at][1] != '-')
                status = fail_usage(name, "%s: unknown option: -%c", name, optopt);
            else
                status = fail_usage(name, "%s: unknown option: %.80s", name, argv[at]);
        } else {
            int option = got == 'h' ? OPTION_HELP : got == 'k' ? OPTION_K : got - 256;
            args->given[option] = true;
            args->values[option] = optarg;
        }
    }
    for (; !status && optind < argc; optind++) /* behind "--" */
        status = add_operand(args, argv[optind]);
    return status;
}

int arguments_parse(arguments *args, const command *which, const char *file, int argc,
                    char **argv)
{
    struct option table[OPTION_COUNT + 1];
    size_t count = 0;
    memset(args, 0, sizeof *args);
    memset(table, 0, sizeof table);
    args->command = which;
    if (file)
        args->operands[args->operand_count++] = file;
    for (int option = 0; option < OPTION_COUNT; option++) {
        if (!knows(which, option))
            continue;
        table[count].name = OPTIONS[option].name;
        table[count].has_arg = OPTIONS[option].value ? required_argument : no_argument;
        table[count].val = 256 + option;
        count++;
    }
    int status = parse_options(args, table, argc, argv);
    if (status || args->given[OPTION_HELP])
        return status;
    if (args->operand_count < which->operands_min)
        return fail_usage(which->name, "%s: missing operand: it takes %s", which->name,
                          which->operands);
    return STATUS_DONE;
}

const char *option_of(const command *which, size_t place)
{
    static char name[32];
    for (int option = 0; option < OPTION_COUNT; option++) {
        if (!knows(which, option) || place-- > 0)
            continue;
        snprintf(name, sizeof name, "%s%s", option == OPTION_K ? "-" : "--",
                 OPTIONS[option].name);
        return name;
    }
    return NULL;
}

void print_command_help(const command *which, const char *program)
{
    printf("Usage: %s%s%s%s [option...]\n%s\n\n", program, which->name,
           which->operands[0] ? " " : "", which->operands, which->summary);
    for (int option = 0; option < OPTION_COUNT; option++) {
        char left[64];
        if (!knows(which, option))
            continue;
        snprintf(left, sizeof left, "%s%s%s%s", option == OPTION_K ? "-" : "--",
                 OPTIONS[option].name, OPTIONS[option].value ? " " : "",
                 OPTIONS[option].value ? OPTIONS[option].value : "");
        printf("  %-22s %s\n", left, OPTIONS[option].help);
    }
}
