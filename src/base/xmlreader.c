/* SPDX-License-Identifier: Apache-2.0 */
#include "base/xmlreader.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/strbuf.h"

#define XML_DEPTH_MAX 16
#define XML_ELEMENTS_MAX 1000
#define XML_TEXT_MAX ((size_t)64 * 1024)
#define XML_PATH_MAX 1024

typedef struct XmlLeaf {
        char *path;
        char *text;
} XmlLeaf;

struct XmlDoc {
        XmlLeaf *leaves;
        size_t n_leaves;
};

typedef struct XmlReader {
        XML_Parser parser;
        XmlDoc *doc;
        StrBuf path;                      /* of the open element */
        size_t parent_len[XML_DEPTH_MAX]; /* length of path before each open element */
        size_t depth;
        size_t n_elements;
        StrBuf text; /* since the last start tag */
        size_t n_text;
        bool in_leaf; /* no child was seen since the last start tag */
        int error;
} XmlReader;

static void reader_fail(XmlReader *r, int error)
{
        if (r->error == 0)
                r->error = error;
        (void)XML_StopParser(r->parser, XML_FALSE); /* fails only when stopped already */
}

/* expat gives "namespace name"; a local name holds no space. */
static const char *local_name(const char *name)
{
        const char *space = strrchr(name, ' ');

        return space ? space + 1 : name;
}

static void XMLCALL on_start(void *userdata, const XML_Char *name, const XML_Char **attributes)
{
        XmlReader *r = userdata;

        if (r->error < 0)
                return;
        if (r->depth == XML_DEPTH_MAX) {
                reader_fail(r, -ELOOP);
                return;
        }
        if (++r->n_elements > XML_ELEMENTS_MAX) {
                reader_fail(r, -E2BIG);
                return;
        }
        r->parent_len[r->depth++] = r->path.len;
        if (r->path.len > 0)
                strbuf_add_char(&r->path, '/');
        strbuf_add(&r->path, local_name(name));
        if (strbuf_error(&r->path) < 0) {
                reader_fail(r, -E2BIG);
                return;
        }
        strbuf_reset(&r->text);
        r->in_leaf = true;
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void XMLCALL on_end(void *userdata, const XML_Char *name)
{
        XmlReader *r = userdata;

        if (r->error < 0)
                return;
        if (r->in_leaf) {
                const char *text = strbuf_str(&r->text);
                size_t n = r->text.len;
                while (n > 0 && is_space(text[n - 1]))
                        n--;
                while (n > 0 && is_space(*text)) {
                        text++;
                        n--;
                }
                XmlLeaf *leaf = mem_push0(r->doc->leaves, r->doc->n_leaves);
                leaf->path = mem_strdup(strbuf_str(&r->path));
                leaf->text = mem_strndup(text, n);
        }
        r->in_leaf = false;
        r->path.len = r->parent_len[--r->depth];
        if (r->path.data)
                r->path.data[r->path.len] = '\0';
}

static void XMLCALL on_text(void *userdata, const XML_Char *s, int n)
{
        XmlReader *r = userdata;

        if (r->error < 0)
                return;
        r->n_text += (size_t)n;
        if (r->n_text > XML_TEXT_MAX) {
                reader_fail(r, -E2BIG);
                return;
        }
        if (r->in_leaf)
                strbuf_add_n(&r->text, s, (size_t)n);
}

static void XMLCALL on_doctype(void *userdata, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_internal_subset)
{
        reader_fail(userdata, -EBADMSG);
}

/* STS answers with keys. */
static const XML_Memory_Handling_Suite wiped_memory = {mem_alloc, mem_grow, mem_wipe};

int xml_parse(const char *data, size_t len, XmlDoc **ret)
{
        if (len > INT_MAX)
                return -E2BIG;

        /* The services write UTF-8; what else a declaration claims is not looked at. */
        XML_Parser parser = XML_ParserCreate_MM("UTF-8", &wiped_memory, " ");
        if (!parser)
                return -ENOMEM;

        _cleanup_(xml_freep) XmlDoc *doc = mem_new0(XmlDoc);
        XmlReader r = {
                .parser = parser,
                .doc = doc,
                .path = STRBUF_INIT(XML_PATH_MAX),
                .text = STRBUF_INIT(XML_TEXT_MAX),
        };

        XML_SetUserData(parser, &r);
        XML_SetElementHandler(parser, on_start, on_end);
        XML_SetCharacterDataHandler(parser, on_text);
        XML_SetStartDoctypeDeclHandler(parser, on_doctype);
        if (XML_Parse(parser, data, (int)len, XML_TRUE) != XML_STATUS_OK && r.error == 0)
                r.error = XML_GetErrorCode(parser) == XML_ERROR_NO_MEMORY ? -ENOMEM : -EBADMSG;
        XML_ParserFree(parser);
        strbuf_done(&r.path);
        strbuf_wipe(&r.text);

        if (r.error < 0)
                return r.error;
        *ret = TAKE_PTR(doc);
        return 0;
}

XmlDoc *xml_free(XmlDoc *doc)
{
        if (!doc)
                return NULL;
        for (size_t i = 0; i < doc->n_leaves; i++) {
                secret_free_text(doc->leaves[i].text); /* STS answers with keys */
                free(doc->leaves[i].path);
        }
        free(doc->leaves);
        free(doc);
        return NULL;
}

const char *xml_text(const XmlDoc *doc, const char *path)
{
        for (size_t i = 0; i < doc->n_leaves; i++)
                if (streq(doc->leaves[i].path, path))
                        return doc->leaves[i].text;
        return NULL;
}

static bool ends_with(const char *path, const char *end)
{
        size_t n = strlen(path), m = strlen(end);

        return n >= m && streq(path + n - m, end);
}

const char *xml_entry(const XmlDoc *doc, const char *key)
{
        for (size_t i = 0; i + 1 < doc->n_leaves; i++)
                if (ends_with(doc->leaves[i].path, "/entry/key") &&
                    streq(doc->leaves[i].text, key) &&
                    ends_with(doc->leaves[i + 1].path, "/entry/value"))
                        return doc->leaves[i + 1].text;
        return NULL;
}

const char *xml_find(const XmlDoc *doc, const char *name)
{
        for (size_t i = 0; i < doc->n_leaves; i++) {
                const char *slash = strrchr(doc->leaves[i].path, '/');

                if (streq(slash ? slash + 1 : doc->leaves[i].path, name))
                        return doc->leaves[i].text;
        }
        return NULL;
}
