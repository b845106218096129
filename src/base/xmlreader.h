/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The small XML that AWS's Query services answer with, read by expat into a flat list of
 * leaves. Namespaces are dropped, attributes and processing instructions ignored, text trimmed;
 * a document type is refused. Caps: 16 levels, 1,000 elements, 64 KiB of text. */

#include "base/macro.h"

typedef struct XmlDoc XmlDoc;

/* -EBADMSG when it is not well-formed, -E2BIG and -ELOOP over a cap, -ENOMEM from expat. The
 * text is cleansed when doc is freed: it may hold keys. */
int xml_parse(const char *data, size_t len, XmlDoc **ret) _must_check_;
XmlDoc *xml_free(XmlDoc *doc);
DEFINE_CLEANUP(XmlDoc *, xml_free)

/* Text of the first element at a path from the root, "ErrorResponse/Error/Code"; NULL when there
 * is none. Borrowed from doc. */
const char *xml_text(const XmlDoc *doc, const char *path);
/* Value of a map's entry, <entry><key>, then its <value>: of the first whose key is that. */
const char *xml_entry(const XmlDoc *doc, const char *key);
/* Text of the first element of that name, wherever it stands. */
const char *xml_find(const XmlDoc *doc, const char *name);
