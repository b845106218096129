/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reading what is not quite JSON. Names within an answer are chosen by others, who may try to have
 * it not be read; and one member that matters must not depend on how the others look. */

#include "base/jsonmap.h"

/* As json_parse(), for the answers of services: a character that JSON or UTF-8 does not have (NUL,
 * half of a surrogate pair, a broken sequence) is read as U+FFFD. */
int json_parse_foreign(const char *data, size_t len, size_t max, json_t **ret) _must_check_;

/* The boolean member `name` of the outermost object, whatever stands beside it: other members that
 * are no JSON, twice the same one, an end that is missing, a text after the end. Where the member
 * is there more than once, false wins. -ENODATA when it is not there. */
int json_salvage_bool(const char *data, size_t len, const char *name, bool *ret) _must_check_;
