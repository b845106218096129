/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* ts-vec: runs data from outside against the real library. A small table of commands, one file
 * each; the test programs beside it call vec_main(), too. README.md tells what goes in and what
 * comes out. */

#include <stdio.h>

#include "base/jsonmap.h"

enum {
        VEC_OK,
        VEC_FAILED, /* the case ends in an error, and out says which */
        VEC_USAGE,  /* not understood: stderr says why */
};

/* argv[0] is the command's own name; what the case comes to goes to out. Returns an exit status. */
int vec_sigv4(int argc, char **argv, FILE *out);
int vec_endpoint(int argc, char **argv, FILE *out);
int vec_profiles(int argc, char **argv, FILE *out);
int vec_retry(int argc, char **argv, FILE *out);

int vec_main(int argc, char **argv, FILE *out);

/* For the commands. Complains on stderr; returns VEC_USAGE. */
int vec_complain(const char *fmt, ...) _printf_(1, 2);
/* A whole file ("-" is stdin), owned; NULL after a complaint. ret_len may be NULL. */
char *vec_read_file(const char *path, size_t *ret_len);
json_t *vec_read_json(const char *path);
/* One line; takes the value. */
void vec_print_json(json_t *value, FILE *out);
