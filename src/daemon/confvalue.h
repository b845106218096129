/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the texts in a configuration file may hold, each by itself. Only for the conf*.c files. */

#include "base/strbuf.h"

/* Whether value is right; if not, *why says what is wrong and what to write instead. */
typedef bool (*ConfValueCheck)(const char *value, StrBuf *why);

bool conf_check_trail_arn(const char *value, StrBuf *why);
bool conf_check_topic_arn(const char *value, StrBuf *why);
bool conf_check_role_arn(const char *value, StrBuf *why);
bool conf_check_external_id(const char *value, StrBuf *why);
bool conf_check_namespace(const char *value, StrBuf *why);
bool conf_check_region(const char *value, StrBuf *why);
bool conf_check_endpoint(const char *value, StrBuf *why);
bool conf_check_proxy(const char *value, StrBuf *why);
bool conf_check_path(const char *value, StrBuf *why);
