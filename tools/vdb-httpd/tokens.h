/* tokens.h: who may do what. */
#ifndef HTTPD_TOKENS_H
#define HTTPD_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

/* What a route does, and what a client may. */
typedef enum access {
    ACCESS_OPEN = 0, /* without a token */
    ACCESS_READ = 1,
    ACCESS_WRITE = 2,
    ACCESS_ADMIN = 3
} access_class;

enum {
    TOKEN_BYTES_MIN = 22, /* 128 bits in base64 */
    TOKEN_BYTES_MAX = 512
};

/* Zeros behind the token, so that every comparison looks at all bytes. */
typedef struct token {
    unsigned char bytes[TOKEN_BYTES_MAX];
    size_t length; /* 0: there is none */
} token;

typedef struct tokens {
    token full;
    token reading;
} tokens;

/* The first line of a file.  False: it cannot be read, or is too short or too long, which
 * has been said on standard error. */
bool token_read(const char *path, token *out);

/* What a client may do that sent this Authorization header; NULL: it sent none. */
access_class tokens_allow(const tokens *known, const char *authorization);

/* Whether tokens are asked for at all. */
bool tokens_are_there(const tokens *known);

#endif
