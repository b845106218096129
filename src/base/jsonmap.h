/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON from outside into structs by table, over jansson (RFC 8259). The parser caps size, depth
 * and rejects duplicate keys; decoding is told by a table which member goes where. */

#include <jansson.h>

#include "base/macro.h"

#define JSONMAP_DEPTH_MAX 32

typedef enum JsonMapKind {
        JSONMAP_STRING,          /* char *, owned copy */
        JSONMAP_STRING_NONEMPTY, /* the same, but "" counts as absent */
        JSONMAP_BOOL,            /* bool */
        JSONMAP_BOOL_LOOSE,      /* bool, also the strings "true" and "false" */
        JSONMAP_INT,             /* int64_t */
        JSONMAP_MSEC,            /* int64_t, ms; within MSEC_MAX either way, so that sums fit */
        JSONMAP_UINT,            /* unsigned */
        JSONMAP_TIME,            /* int64_t ms since the epoch, from seconds or ISO 8601 */
        JSONMAP_VALUE,           /* json_t *, an owned reference of any type */
} JsonMapKind;

typedef enum JsonMapFlags {
        JSONMAP_OPTIONAL = 0,
        JSONMAP_REQUIRED = 1 << 0,
        /* Another type is skipped and the target untouched, for what nobody's decision needs. */
        JSONMAP_LENIENT = 1 << 1,
} JsonMapFlags;

typedef struct JsonField {
        const char *name;
        JsonMapKind kind;
        size_t offset;
        JsonMapFlags flags;
} JsonField;

/* Parses data (not necessarily NUL-terminated). The top value may be any object or array.
 * -E2BIG over max bytes, -ELOOP over JSONMAP_DEPTH_MAX levels, -EBADMSG when it is not JSON. */
int json_parse(const char *data, size_t len, size_t max, json_t **ret) _must_check_;

/* Decodes an object into the zeroed struct at target; a JSON null counts as absent. On failure,
 * the name of the offending field is stored in *reterr_field (borrowed from the table; may be
 * NULL when the caller does not care) and what was set so far stays for the caller's destructor.
 * -ENODATA for a missing required member, -EINVAL for a wrong type, -EBADMSG for a non-object. */
int jsonmap_decode(const json_t *object, const JsonField *fields, size_t n_fields, void *target,
                   const char **reterr_field) _must_check_;

/* The way back: adds each field to object, a NULL string as null, JSONMAP_TIME as seconds
 * with a fraction, JSONMAP_VALUE by reference. */
void jsonmap_encode(json_t *object, const JsonField *fields, size_t n_fields, const void *source);

/* The ways that always work; value is taken. A NULL, which is what a text becomes that is not
 * UTF-8, is a bug: all that comes from outside is escaped first. */
void json_set(json_t *object, const char *name, json_t *value);
void json_append(json_t *array, json_t *value);

/* jansson has json_decrefp() of its own for the cleanup attribute. */
#define _cleanup_json_ _cleanup_(json_decrefp)
