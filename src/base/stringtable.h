/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Enums as text and back: defines name##_to_string() (NULL for a value out of range) and
 * name##_from_string() (-EINVAL for a text that is none) over a table name##_table. */

#include <errno.h>

#include "base/macro.h"

#define DEFINE_STRING_TABLE(name, type)                                                            \
        const char *name##_to_string(type v)                                                       \
        {                                                                                          \
                return (size_t)v < ELEMENTSOF(name##_table) ? name##_table[v] : NULL;              \
        }                                                                                          \
        type name##_from_string(const char *s)                                                     \
        {                                                                                          \
                for (size_t i = 0; s && i < ELEMENTSOF(name##_table); i++)                         \
                        if (name##_table[i] && streq(name##_table[i], s))                          \
                                return (type)i;                                                    \
                return (type)-EINVAL;                                                              \
        }
