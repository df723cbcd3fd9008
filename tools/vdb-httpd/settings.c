/* settings.c: the table of options, and getopt_long over it; see settings.h. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"

typedef enum kind {
    KIND_TEXT,
    KIND_LIST,
    KIND_FLAG,
    KIND_U32,
    KIND_BYTES,
    KIND_METRIC,
    KIND_INDEX,
    KIND_CODES,
    KIND_DURABILITY,
    KIND_OPEN_FLAG, /* `least` is the VDB_OPEN_* bit */
    KIND_HELP,
    KIND_VERSION
} kind;

typedef struct option_row {
    const char *name;
    kind kind;
    size_t place; /* in settings */
    uint64_t least, most;
    const char *value; /* what the help calls it; NULL: it has none */
    const char *help;
} option_row;

#define PLACE(member) offsetof(settings, member)

static const option_row OPTIONS[] = {
    {"db", KIND_TEXT, PLACE(db), 0, 0, "FILE",
     "the database, created if missing; :memory: keeps nothing"},
    {"addr", KIND_TEXT, PLACE(address), 0, 0, "HOST:PORT",
     "where to listen (127.0.0.1:3000); port 0 takes a free one"},
    {"index", KIND_INDEX, PLACE(options.index), 0, 0, "NAME",
     "flat or hnsw, when the file is created (hnsw)"},
    {"metric", KIND_METRIC, PLACE(options.metric), 0, 0, "NAME",
     "l2, cosine or dot, when it is created (l2)"},
    {"dim", KIND_U32, PLACE(options.dimension), 1, VDB_DIMENSION_MAX, "N",
     "dimension, when it is created; else the first insert fixes it"},
    {"m", KIND_U32, PLACE(options.m), 2, 512, "N",
     "links per node of hnsw, when it is created (16)"},
    {"ef-construction", KIND_U32, PLACE(options.ef_construction), 1, 65535, "N",
     "effort of building hnsw, when it is created (200)"},
    {"max-layers", KIND_U32, PLACE(options.max_layers), 1, 64, "N",
     "layers of hnsw, when it is created (16)"},
    {"codes", KIND_CODES, PLACE(options.codes), 0, 0, "NAME",
     "what hnsw goes by, when it is created: 8 (bits) or none (float32)"},
    {"ef-search", KIND_U32, PLACE(options.ef_search), 1, VDB_K_MAX, "N",
     "effort of a search in hnsw that names none (50)"},
    {"graph-bytes", KIND_BYTES, PLACE(options.graph_bytes), 1, UINT64_C(1) << 48,
     "BYTES", "memory that the graph may take; without room for it searches are exact"},
    {"durability", KIND_DURABILITY, PLACE(options.durability), 0, 0, "NAME",
     "full, normal or off (full)"},
    {"read-only", KIND_OPEN_FLAG, PLACE(options.flags), VDB_OPEN_READONLY, 0, NULL,
     "open it for reading, beside other readers"},
    {"no-mmap", KIND_OPEN_FLAG, PLACE(options.flags), VDB_OPEN_NO_MMAP, 0, NULL,
     "read it into a bounded cache instead of mapping it"},
    {"threads", KIND_U32, PLACE(threads), 1, 1024, "N",
     "threads that search (as many as processors)"},
    {"token-file", KIND_TEXT, PLACE(token_file), 0, 0, "FILE",
     "whose first line a client must send to do anything"},
    {"read-token-file", KIND_TEXT, PLACE(read_token_file), 0, 0, "FILE",
     "whose first line lets a client read"},
    {"insecure-no-auth", KIND_FLAG, PLACE(without_token), 0, 0, NULL,
     "listen on an address that is not loopback without a token"},
    {"allow-host", KIND_LIST, PLACE(hosts), PLACE(host_count), 0, "NAME",
     "one more name that clients may call this server by"},
    {"allow-origin", KIND_LIST, PLACE(origins), PLACE(origin_count), 0, "ORIGIN",
     "a web origin whose pages may use it, such as https://app.example"},
    {"max-body", KIND_BYTES, PLACE(body_bytes), 1024, UINT64_C(1) << 31, "BYTES",
     "largest body of a request (33554432)"},
    {"max-body-together", KIND_BYTES, PLACE(body_bytes_together), 1024,
     UINT64_C(1) << 40, "BYTES", "of all requests in hand (268435456)"},
    {"max-connections", KIND_U32, PLACE(connections), 4, 100000, "N",
     "connections at once (1024)"},
    {"head-seconds", KIND_U32, PLACE(head_seconds), 1, 3600, "N",
     "for the head of a request to come (10)"},
    {"body-seconds", KIND_U32, PLACE(body_seconds), 1, 3600, "N",
     "for its body, besides what --min-rate allows (20)"},
    {"idle-seconds", KIND_U32, PLACE(idle_seconds), 1, 3600, "N",
     "from a request to the next on its connection (60)"},
    {"answer-seconds", KIND_U32, PLACE(answer_seconds), 1, 3600, "N",
     "for an answer to be taken, besides what --min-rate allows (30)"},
    {"min-rate", KIND_U32, PLACE(rate), 1, 1U << 30, "BYTES",
     "a second, at which bodies must come and answers be taken (16384)"},
    {"stop-seconds", KIND_U32, PLACE(stop_seconds), 1, 3600, "N",
     "for requests in hand when told to stop (20)"},
    {"search-ms", KIND_U32, PLACE(search_ms), 1, 3600000, "N",
     "longest time of a search (30000)"},
    {"backup-dir", KIND_TEXT, PLACE(backup_folder), 0, 0, "FOLDER",
     "where POST /backup writes; without it there is no such route"},
    {"tls-cert", KIND_TEXT, PLACE(tls_certificate), 0, 0, "FILE",
     "certificate chain in PEM: speak HTTPS"},
    {"tls-key", KIND_TEXT, PLACE(tls_key), 0, 0, "FILE", "its key in PEM"},
    {"version", KIND_VERSION, 0, 0, 0, NULL, "print the version"},
    {"help", KIND_HELP, 0, 0, 0, NULL, "print this help; also -h"},
};

enum {
    OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS
};

int complain(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("vdb-httpd: ", stderr);
    vfprintf(stderr, format, list);
    putc('\n', stderr);
    va_end(list);
    return EXIT_FAILED;
}

static int refuse(const char *words, const char *what)
{
    complain("%s: %.80s", words, what);
    fputs("Try: vdb-httpd --help\n", stderr);
    return EXIT_USAGE;
}

static void print_help(void)
{
    puts("Usage: vdb-httpd --db FILE [OPTION]...\n\n"
         "Serve a libvdb database over HTTP.\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", OPTIONS[i].name,
                 OPTIONS[i].value ? " " : "", OPTIONS[i].value ? OPTIONS[i].value : "");
        printf("  %-28s %s\n", left, OPTIONS[i].help);
    }
}

static int read_number(const option_row *row, const char *text, uint64_t *out)
{
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    if (!*text || text[strspn(text, "0123456789")] || errno || value < row->least ||
        value > row->most)
        return complain("--%s: \"%.60s\" is not a whole number from %llu to %llu",
                        row->name, text, (unsigned long long)row->least,
                        (unsigned long long)row->most);
    *out = value;
    return EXIT_DONE;
}

static int read_choice(const option_row *row, const char *text,
                       const char *const *names, int32_t first, int32_t *out)
{
    for (int32_t i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *out = first + i;
            return EXIT_DONE;
        }
    }
    return complain("--%s: \"%.60s\" is none of %s, %s%s%s", row->name, text, names[0],
                    names[1], names[2] ? ", " : "", names[2] ? names[2] : "");
}

static int take_list(settings *out, const option_row *row, const char *text)
{
    const char **list = (const char **)(void *)((char *)out + row->place);
    size_t *count = (size_t *)(void *)((char *)out + row->least);
    if (*count == NAMES_MAX)
        return complain("--%s: more than %d of them", row->name, NAMES_MAX);
    list[(*count)++] = text;
    return EXIT_DONE;
}

static int take(settings *out, const option_row *row, const char *text)
{
    static const char *const METRICS[] = {"l2", "cosine", "dot", NULL};
    static const char *const INDEXES[] = {"flat", "hnsw", NULL};
    static const char *const CODES[] = {"8", "4", "none", NULL};
    static const char *const DURABILITIES[] = {"full", "normal", "off", NULL};
    void *place = (char *)out + row->place;
    uint64_t number;
    int status = EXIT_DONE;
    switch (row->kind) {
    case KIND_TEXT:
        *(const char **)place = text;
        return EXIT_DONE;
    case KIND_LIST:
        return take_list(out, row, text);
    case KIND_FLAG:
        *(bool *)place = true;
        return EXIT_DONE;
    case KIND_OPEN_FLAG:
        *(uint32_t *)place |= (uint32_t)row->least;
        return EXIT_DONE;
    case KIND_U32:
        status = read_number(row, text, &number);
        if (!status)
            *(uint32_t *)place = (uint32_t)number;
        return status;
    case KIND_BYTES:
        return read_number(row, text, place);
    case KIND_METRIC:
        return read_choice(row, text, METRICS, VDB_L2, place);
    case KIND_INDEX:
        return read_choice(row, text, INDEXES, VDB_FLAT, place);
    case KIND_CODES:
        return read_choice(row, text, CODES, VDB_CODES_8, place);
    case KIND_DURABILITY:
        return read_choice(row, text, DURABILITIES, VDB_FULL_SYNC, place);
    default:
        return EXIT_DONE;
    }
}

static int check(const settings *s)
{
    if (!s->db || !*s->db)
        return refuse("missing option", "--db FILE");
    if (!s->tls_certificate != !s->tls_key)
        return refuse("--tls-cert and --tls-key belong together", "one is missing");
    if (s->options.flags & VDB_OPEN_READONLY && strcmp(s->db, ":memory:") == 0)
        return refuse("--read-only", "a database in memory would stay empty");
    return EXIT_DONE;
}

static int run_version(void)
{
    uint32_t running = vdb_version();
    printf("vdb-httpd %d.%d.%d (libvdb %u.%u.%u)\n", VDB_VERSION_MAJOR,
           VDB_VERSION_MINOR, VDB_VERSION_PATCH, running / 1000000,
           running / 1000 % 1000, running % 1000);
    return EXIT_DONE;
}

int settings_read(settings *out, int argc, char **argv, bool *go_on)
{
    struct option table[OPTION_COUNT + 1];
    memset(table, 0, sizeof table);
    for (int i = 0; i < OPTION_COUNT; i++) {
        table[i].name = OPTIONS[i].name;
        table[i].has_arg = OPTIONS[i].value ? required_argument : no_argument;
        table[i].val = 256 + i;
    }
    *go_on = false;
    *out = (settings){.address = "127.0.0.1:3000",
                      .options = VDB_OPTIONS_INIT,
                      .body_bytes = 32 << 20,
                      .body_bytes_together = 256 << 20,
                      .connections = 1024,
                      .head_seconds = 10,
                      .body_seconds = 20,
                      .idle_seconds = 60,
                      .answer_seconds = 30,
                      .rate = 16384,
                      .stop_seconds = 20,
                      .search_ms = 30000};
    opterr = 0;
    for (int got; (got = getopt_long(argc, argv, ":h", table, NULL)) != -1;) {
        const option_row *row = got >= 256 ? &OPTIONS[got - 256] : NULL;
        if (got == ':')
            return refuse("option without its value", argv[optind - 1]);
        if (got == '?')
            return refuse("unknown option", argv[optind - 1]);
        if (got == 'h' || row->kind == KIND_HELP) {
            print_help();
            return EXIT_DONE;
        }
        if (row->kind == KIND_VERSION)
            return run_version();
        int status = take(out, row, optarg);
        if (status)
            return status;
    }
    if (optind < argc)
        return refuse("surplus operand", argv[optind]);
    int status = check(out);
    *go_on = status == EXIT_DONE;
    return status;
}
