/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands in o at a path such as "attribution.findings.0": borrowed, NULL for nothing. */
static inline json_t *json_at(json_t *o, const char *path)
{
        char name[64];

        while (*path && o) {
                size_t n = strcspn(path, ".");

                (void)snprintf(name, sizeof(name), "%.*s", (int)n, path);
                o = json_is_array(o) ? json_array_get(o, strtoul(name, NULL, 10))
                                     : json_object_get(o, name);
                path += path[n] ? n + 1 : n;
        }
        return o;
}
