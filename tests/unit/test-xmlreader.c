/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/xmlreader.h"

static int parse(const char *s, XmlDoc **ret)
{
        return xml_parse(s, strlen(s), ret);
}

static void refuse(const char *s, int want)
{
        XmlDoc *doc = NULL;
        int r = parse(s, &doc);

        if (r != want)
                fail_msg("%.60s: %d, not %d", s, r, want);
        assert_null(doc);
}

static const char error_body[] =
        "<?xml version=\"1.0\"?>\n<ErrorResponse "
        "xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">"
        "\n  <Error>\n    <Type>Sender</Type>\n    <Code> NotFound\n</Code>\n"
        "    <Message>a &lt;b&gt; &amp; <![CDATA[<c>]]></Message>\n  </Error>\n"
        "  <RequestId>r-1</RequestId>\n</ErrorResponse>\n";

static void test_leaves(void **state)
{
        _cleanup_(xml_freep) XmlDoc *doc = NULL;

        assert_int_equal(parse(error_body, &doc), 0);
        assert_string_equal(xml_text(doc, "ErrorResponse/Error/Code"), "NotFound");
        assert_string_equal(xml_text(doc, "ErrorResponse/Error/Message"), "a <b> & <c>");
        assert_string_equal(xml_text(doc, "ErrorResponse/RequestId"), "r-1");
        assert_null(xml_text(doc, "ErrorResponse/Error")); /* no leaf */
        assert_null(xml_text(doc, "Code"));
        assert_null(xml_text(doc, "ErrorResponse/Error/Code/"));
        assert_null(xml_text(doc, ""));
}

static void test_first_of_many(void **state)
{
        _cleanup_(xml_freep) XmlDoc *doc = NULL;

        assert_int_equal(parse("<a><b>1</b><b>2</b><c/><d> </d></a>", &doc), 0);
        assert_string_equal(xml_text(doc, "a/b"), "1");
        assert_string_equal(xml_text(doc, "a/c"), "");
        assert_string_equal(xml_text(doc, "a/d"), "");
}

static void test_namespaces_and_noise(void **state)
{
        _cleanup_(xml_freep) XmlDoc *doc = NULL;

        assert_int_equal(parse("<x:a xmlns:x='urn:x' k='v'><?pi code?><!-- <b>no</b> -->"
                               "<x:b z='1'>yes<!-- c -->!</x:b></x:a>",
                               &doc),
                         0);
        assert_string_equal(xml_text(doc, "a/b"), "yes!");
}

static void test_truncated_everywhere(void **state)
{
        size_t last = strlen(error_body) - strlen(">\n");

        for (size_t n = 0; n <= last; n++) {
                _cleanup_free_ char *exact = mem_alloc0(n + 1);
                XmlDoc *doc = NULL;
                memcpy(exact, error_body, n);
                assert_int_equal(xml_parse(exact, n, &doc), -EBADMSG);
        }
}

static void test_refuses(void **state)
{
        refuse("", -EBADMSG);
        refuse("plain text", -EBADMSG);
        refuse("{\"json\":1}", -EBADMSG);
        refuse("<a><b></a></b>", -EBADMSG);
        refuse("<a/><b/>", -EBADMSG);
        refuse("<a>&undefined;</a>", -EBADMSG);
        refuse("<a>\xff</a>", -EBADMSG);
        refuse("<a>\xed\xa0\x80</a>", -EBADMSG);
        refuse("<a>&#0;</a>", -EBADMSG);
        refuse("<a>&#x1b;</a>", -EBADMSG);
        refuse("<x:a>unbound</x:a>", -EBADMSG);

        XmlDoc *doc = NULL;
        assert_int_equal(xml_parse("<a>b\0c</a>", 10, &doc), -EBADMSG);
        assert_int_equal(xml_parse("<a/>\0", 5, &doc), -EBADMSG);
}

static void test_doctype_is_refused(void **state)
{
        refuse("<!DOCTYPE a><a>1</a>", -EBADMSG);
        refuse("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a>1</a>", -EBADMSG);
        refuse("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", -EBADMSG);
        refuse("<!DOCTYPE a [<!ENTITY x 'ha'><!ENTITY y '&x;&x;'>]><a>&y;</a>", -EBADMSG);
}

static char *repeat(const char *before, const char *unit, size_t n, const char *after)
{
        StrBuf b = STRBUF_INIT(SIZE_MAX / 2);
        char *s = NULL;

        strbuf_add(&b, before);
        for (size_t i = 0; i < n; i++)
                strbuf_add(&b, unit);
        strbuf_add(&b, after);
        assert_int_equal(strbuf_take(&b, &s), 0);
        return s;
}

static void check_cap(const char *before, const char *unit, size_t n, const char *after, int want)
{
        _cleanup_free_ char *s = repeat(before, unit, n, after);
        _cleanup_(xml_freep) XmlDoc *doc = NULL;

        assert_int_equal(parse(s, &doc), want);
}

static void test_caps(void **state)
{
        _cleanup_free_ char *closing = repeat("", "</a>", 16, ""),
                            *bomb = repeat("", "</a>", 17, "");

        check_cap("", "<a>", 16, closing, 0);
        check_cap("", "<a>", 17, bomb, -ELOOP);
        check_cap("", "<a>", 1000000, "", -ELOOP);

        check_cap("<r>", "<a/>", 999, "</r>", 0);
        check_cap("<r>", "<a/>", 1000, "</r>", -E2BIG);

        check_cap("<r>", "x", 65536, "</r>", 0);
        check_cap("<r>", "x", 65537, "</r>", -E2BIG);
        check_cap("<r>", "<a>0123456789abcdef</a>", 900, "</r>", 0);
        check_cap("<r><a/>", "x", 65537, "</r>", -E2BIG); /* not in a leaf, and counted */
        check_cap("<r>", "&#65;", 65537, "</r>", -E2BIG);

        _cleanup_free_ char *name = repeat("<", "n", 1025, "/>");
        XmlDoc *doc = NULL;
        assert_int_equal(parse(name, &doc), -E2BIG);
}

UNIT_MAIN(T(test_leaves), T(test_first_of_many), T(test_namespaces_and_noise),
          T(test_truncated_everywhere), T(test_refuses), T(test_doctype_is_refused), T(test_caps))
