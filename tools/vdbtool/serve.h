/* serve.h: `vdbtool serve FILE [OPTION]...`, whose options are vdb-httpd's. */
#ifndef VDBTOOL_SERVE_H
#define VDBTOOL_SERVE_H

#include <stdbool.h>

bool is_serve(int argc, char **argv);
/* Returns only when it fails: an exit status. */
int become_server(int argc, char **argv);

#endif
