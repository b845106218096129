/* SPDX-License-Identifier: Apache-2.0 */

/* Event selectors by meaning. In the tables, a selector is written as
 * "Category field=value,value field!=value; next selector", with ^ before a value for a prefix and
 * $ for a suffix; R and W stand for readOnly=true and =false, M and D for the categories. */

#include "unit.h"

#include "base/mem.h"
#include "core/selectors.h"

static void add_values(SelectorField *f, char *values, bool deselect)
{
        for (char *v; (v = strsep(&values, ","));) {
                Pattern p = {.kind = *v == '^'   ? PATTERN_PREFIX
                                     : *v == '$' ? PATTERN_SUFFIX
                                                 : PATTERN_EXACT};

                p.value = mem_strdup(v + (p.kind != PATTERN_EXACT));
                if (deselect)
                        *mem_push0(f->deselect, f->n_deselect) = p;
                else
                        *mem_push0(f->select, f->n_select) = p;
        }
}

static void add_word(EventSelector *s, const char *word)
{
        static const struct {
                const char *letter, *text;
        } letters[] = {
                {"M", "eventCategory=Management"},
                {"D", "eventCategory=Data"},
                {"R", "readOnly=true"},
                {"W", "readOnly=false"},
                {"S3", "resources.type=AWS::S3::Object"},
        };
        const char *text = word;

        for (size_t i = 0; i < ELEMENTSOF(letters); i++)
                if (streq(word, letters[i].letter))
                        text = letters[i].text;
        if (streq(word, "odd")) {
                s->odd = true;
                return;
        }
        _cleanup_free_ char *copy = mem_strdup(text);
        char *values = strchr(copy, '=');
        bool deselect = values[-1] == '!';
        values[deselect ? -1 : 0] = '\0';
        SelectorField *f = (SelectorField *)event_selector_field(s, copy);
        if (!f) {
                f = mem_push0(s->fields, s->n_fields);
                f->name = mem_strdup(copy);
        }
        add_values(f, values + 1, deselect);
}

static EventSelectors selectors(const char *text)
{
        _cleanup_free_ char *copy = mem_strdup(text);
        char *rest = copy;
        EventSelectors s = {0};

        if (!*text)
                return s;
        for (char *one; (one = strsep(&rest, ";"));) {
                EventSelector *x = mem_push0(s.items, s.n);

                for (char *word; (word = strsep(&one, " "));)
                        if (*word)
                                add_word(x, word);
        }
        return s;
}

static const struct {
        const char *text;
        Coverage reads, writes;
        const char *words;
} management[] = {
        {"M", COVERAGE_ALL, COVERAGE_ALL, "all"},
        {"", COVERAGE_NONE, COVERAGE_NONE, "none"},
        {"D S3 resources.ARN=^arn:aws:s3", COVERAGE_NONE, COVERAGE_NONE, "none"},
        {"M R", COVERAGE_ALL, COVERAGE_NONE, "read events only"},
        {"M W", COVERAGE_NONE, COVERAGE_ALL, "write events only"},
        {"M R; M W", COVERAGE_ALL, COVERAGE_ALL, "all"},
        {"M readOnly=true,false", COVERAGE_ALL, COVERAGE_ALL, "all"},
        {"M readOnly!=true", COVERAGE_NONE, COVERAGE_NONE, "none"},
        {"M readOnly=TRUE", COVERAGE_NONE, COVERAGE_NONE, "none"},
        {"M eventSource!=kms.amazonaws.com", COVERAGE_PART, COVERAGE_PART,
         "all, but not of kms.amazonaws.com"},
        {"M eventSource!=^kms", COVERAGE_PART, COVERAGE_PART, "all, but not of kms*"},
        {"M eventSource!=$.com", COVERAGE_PART, COVERAGE_PART, "all, but not of *.com"},
        {"M eventSource!=^", COVERAGE_PART, COVERAGE_PART, "all, but not of *"},
        {"M eventSource!=kms,rds", COVERAGE_PART, COVERAGE_PART, "all, but not of kms, rds"},
        {"M eventSource!=kms; M eventSource!=rds", COVERAGE_ALL, COVERAGE_ALL, "all"},
        {"M eventSource!=kms; M eventSource!=kms", COVERAGE_PART, COVERAGE_PART,
         "all, but not of kms"},
        {"M eventSource!=kms; M eventSource=kms", COVERAGE_ALL, COVERAGE_ALL, "all"},
        {"M eventSource!=kms; M W eventSource=kms", COVERAGE_PART, COVERAGE_ALL,
         "of read events all, but not of kms; of write events all"},
        {"M eventSource!=kms; M R", COVERAGE_ALL, COVERAGE_PART,
         "of read events all; of write events all, but not of kms"},
        {"M eventSource!=^kms; M eventSource=kms.amazonaws.com", COVERAGE_PART, COVERAGE_PART,
         "all, but not of kms*"},
        {"M eventSource!=^kms.a; M eventSource=^kms", COVERAGE_ALL, COVERAGE_ALL, "all"},
        {"M eventSource!=^kms; M eventSource!=$x", COVERAGE_PART, COVERAGE_PART,
         "all, but not of kms*"},
        {"M eventSource!=kms; D eventSource=kms", COVERAGE_PART, COVERAGE_PART,
         "all, but not of kms"},
        {"M eventSource=kms", COVERAGE_PART, COVERAGE_PART, "some, chosen one by one"},
        {"M eventName=StopLogging", COVERAGE_PART, COVERAGE_PART, "some, chosen one by one"},
        {"M userIdentity.arn!=arn:mallory", COVERAGE_PART, COVERAGE_PART,
         "some, chosen one by one"},
        {"M odd", COVERAGE_PART, COVERAGE_PART, "some, chosen one by one"},
        {"M R odd; M", COVERAGE_ALL, COVERAGE_ALL, "all"},
        {"eventCategory=^Manage", COVERAGE_NONE, COVERAGE_NONE, "none"},
        {"eventCategory!=Data", COVERAGE_NONE, COVERAGE_NONE, "none"},
        {"readOnly=false", COVERAGE_NONE, COVERAGE_NONE, "none"},
        {"eventCategory=Management,Data", COVERAGE_NONE, COVERAGE_NONE, "none"},
};

static void test_management(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(management); i++) {
                EventSelectors s = selectors(management[i].text);
                _cleanup_free_ char *words = selectors_management_words(&s);

                if (selectors_management(&s, true) != management[i].reads ||
                    selectors_management(&s, false) != management[i].writes ||
                    !streq(words, management[i].words))
                        fail_msg("\"%s\": read %d, write %d: %s", management[i].text,
                                 selectors_management(&s, true), selectors_management(&s, false),
                                 words);
                event_selectors_done(&s);
        }
}

#define BUCKET "resources.ARN=^arn:aws:s3:::b/"

static const struct {
        const char *before, *after;
        Kept kept;
        const char *lost;
} others[] = {
        {"", "", KEPT_ALL, ""},
        {"", "D S3 " BUCKET, KEPT_ALL, ""},
        {"D S3 " BUCKET, "D S3 " BUCKET, KEPT_ALL, ""},
        {"D S3 " BUCKET, "M", KEPT_NOT, "AWS::S3::Object events of arn:aws:s3:::b/*\n"},
        {"D S3 " BUCKET, "D S3 resources.ARN=^arn:aws:s3", KEPT_ALL, ""},
        {"D S3 resources.ARN=^arn:aws:s3", "D S3 " BUCKET, KEPT_NOT,
         "AWS::S3::Object events of arn:aws:s3*\n"},
        {"D S3 " BUCKET, "D S3 R " BUCKET, KEPT_NOT,
         "AWS::S3::Object events of arn:aws:s3:::b/* (write)\n"},
        {"D S3 " BUCKET, "D S3 R " BUCKET "; D S3 W " BUCKET, KEPT_ALL, ""},
        {"D S3 R " BUCKET, "D S3 W " BUCKET, KEPT_NOT,
         "AWS::S3::Object events of arn:aws:s3:::b/*\n"},
        {"D S3", "D S3", KEPT_ALL, ""},
        {"D S3", "D S3 " BUCKET, KEPT_NOT, "AWS::S3::Object events\n"},
        {"D S3 resources.ARN=^x,^y", "D S3 resources.ARN=^x; D S3 resources.ARN=^y", KEPT_ALL, ""},
        {"D S3 resources.ARN=^x,^y", "D S3 resources.ARN=^x", KEPT_NOT,
         "AWS::S3::Object events of y*\n"},
        {"D S3 resources.ARN=^x", "D S3 resources.ARN=^x resources.ARN!=^xy", KEPT_NOT,
         "AWS::S3::Object events of x*\n"},
        {"D S3 resources.ARN=^x resources.ARN!=^xy", "D S3 resources.ARN=^x", KEPT_ALL, ""},
        {"D S3 resources.ARN=^x resources.ARN!=^xy", "D S3 resources.ARN=^x resources.ARN!=^xyz",
         KEPT_ALL, ""},
        {"D S3 resources.ARN=^x", "D S3 resources.ARN!=^z", KEPT_ALL, ""}, /* apart from it */
        {"D S3 resources.ARN=^x", "D S3 resources.ARN!=$z", KEPT_DOUBTFUL,
         "AWS::S3::Object events of x*\n"},
        {"D S3 resources.ARN=^x", "D S3 resources.ARN=$z", KEPT_DOUBTFUL,
         "AWS::S3::Object events of x*\n"},
        {"D S3 resources.ARN=xz", "D S3 resources.ARN=$z", KEPT_ALL, ""},
        {"D S3 eventName=PutObject", "D S3 eventName=PutObject,GetObject", KEPT_ALL, ""},
        {"D S3 eventName=PutObject", "D S3 eventName=GetObject", KEPT_NOT,
         "AWS::S3::Object events, eventName PutObject\n"},
        {"D S3", "D S3 userIdentity.arn!=mallory", KEPT_NOT, "AWS::S3::Object events\n"},
        {"D resources.type=A", "D resources.type=B", KEPT_NOT, "A events\n"},
        {"D resources.type=A", "D", KEPT_ALL, ""},
        {"eventCategory=NetworkActivity eventSource=kms", "M", KEPT_NOT,
         "NetworkActivity events, eventSource kms\n"},
        {"D odd resources.type=A", "D odd resources.type=A", KEPT_ALL, ""},
        {"D odd resources.type=A", "D resources.type=A", KEPT_DOUBTFUL,
         "[not understood] A events\n"},
        {"D resources.type=A", "D odd resources.type=A", KEPT_DOUBTFUL, "A events\n"},
        {"D resources.type=A readOnly!=true", "M", KEPT_DOUBTFUL, "A events\n"},
        {"D S3 " BUCKET "; M", "D S3 " BUCKET, KEPT_ALL, ""}, /* management is another matter */
};

static void test_others(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                EventSelectors b = selectors(others[i].before), a = selectors(others[i].after);
                StrBuf lost = STRBUF_INIT(2000);
                Kept kept = selectors_kept(&b, &a, false, &lost);

                if (kept != others[i].kept || !streq(strbuf_str(&lost), others[i].lost))
                        fail_msg("\"%s\" to \"%s\": %d, %s", others[i].before, others[i].after,
                                 kept, strbuf_str(&lost));
                strbuf_done(&lost);
                event_selectors_done(&a);
                event_selectors_done(&b);
        }
}

/* A trail that never recorded all keeps what it did record. */
static const struct {
        const char *before, *after;
        Kept kept;
} kept_management[] = {
        {"M", "M R; M W", KEPT_ALL},
        {"M", "M eventSource!=kms; M eventSource=kms", KEPT_ALL},
        {"M", "M W", KEPT_NOT},
        {"M", "M eventSource!=kms", KEPT_NOT},
        {"M", "M eventSource!=kms; M eventSource!=rds", KEPT_ALL},
        {"M", "D S3", KEPT_NOT},
        {"M", "M R", KEPT_NOT},
        {"M eventSource!=kms", "M", KEPT_ALL},
        {"M eventSource!=kms", "M eventSource!=kms", KEPT_ALL},
        {"M eventSource!=kms,rds", "M eventSource!=kms", KEPT_ALL},
        {"M eventSource!=kms", "M eventSource!=kms,rds", KEPT_NOT},
        {"M eventSource!=kms", "M eventSource!=rds", KEPT_DOUBTFUL},
        {"M W", "M W eventSource!=rds", KEPT_NOT},
        {"M W", "M", KEPT_ALL},
        {"M R", "M W", KEPT_NOT},
        {"M eventName!=Decrypt", "M eventName!=Decrypt", KEPT_ALL},
        {"M eventName!=Decrypt", "M eventName!=Decrypt,StopLogging", KEPT_NOT},
        {"M", "M odd", KEPT_DOUBTFUL},
};

static void test_kept_management(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(kept_management); i++) {
                EventSelectors b = selectors(kept_management[i].before);
                EventSelectors a = selectors(kept_management[i].after);

                if (selectors_kept(&b, &a, true, NULL) != kept_management[i].kept)
                        fail_msg("\"%s\" to \"%s\": %d", kept_management[i].before,
                                 kept_management[i].after, selectors_kept(&b, &a, true, NULL));
                event_selectors_done(&a);
                event_selectors_done(&b);
        }
}

static void test_words(void **state)
{
        EventSelectors s = selectors("M; D S3 R resources.ARN=^arn:aws:s3 resources.ARN!=^x; "
                                     "D resources.type=A eventName=B eventName!=C");
        StrBuf b = STRBUF_INIT(2000);

        selectors_add_words(&s, &b);
        assert_string_equal(strbuf_str(&b), "AWS::S3::Object events of arn:aws:s3* except of x* "
                                            "(read)\nA events, eventName B but not C\n");
        strbuf_done(&b);
        event_selectors_done(&s);
}

UNIT_MAIN(T(test_management), T(test_others), T(test_kept_management), T(test_words))
