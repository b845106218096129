/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What there is to say of an incident, or of a group of them: made once, and printed as mail, as a
 * telephone's message, in a chat and on a terminal. All of it is fit for people: what others have
 * chosen is escaped, capped and defused already (base/foreign.h). */

#include <jansson.h>

#include "base/strbuf.h"
#include "core/model.h"

typedef enum FactSection {
        FACT_OVERVIEW, /* which trail, since when, is it over */
        FACT_CHANGES,  /* what is otherwise than it was */
        FACT_WHO,
        FACT_OTHERS, /* other calls around it */
        FACT_CALLS,  /* what else the key did */
        FACT_TRAILS, /* of a group: those that are not over */
        _FACT_SECTION_MAX,
} FactSection;

typedef enum FactWeight { FACT_PLAIN, FACT_GOOD, FACT_BAD } FactWeight;

typedef struct Fact {
        FactSection section;
        FactWeight weight;
        const char *label; /* static; NULL: the value says it alone */
        char *value;       /* lines, without the last newline */
} Fact;

/* The same in a few words, for where there is no room; "" or NULL is nothing to say. */
typedef struct Headline {
        char *word;  /* "OPEN": what the message is within its incident */
        char *state; /* "NOT LOGGING, restart FAILS" */
        char *where; /* "444455556666 eu-west-1" */
        char *news; /* what this message was sent for, when it is not the state: "who did it: alice"
                     */
        char *about; /* "trail management-events" */
        char *what;  /* "was stopped" */
        char *who;   /* "alice" */
} Headline;

typedef struct Facts {
        Headline headline;
        const char *headings[_FACT_SECTION_MAX]; /* static; NULL: none */
        Fact *items;
        size_t n_items;
        StrBuf value; /* of the last item, while it is written */
} Facts;

void facts_done(Facts *f);
#define _cleanup_facts_ _cleanup_(facts_done)

/* The next fact, whose value is written into the buffer that is returned, valid until the next of
 * these calls. A value that stays empty is no fact. Sections are written in their order. */
StrBuf *facts_begin(Facts *f, FactSection s, const char *label);
void facts_end(Facts *f);
void facts_weigh(Facts *f, FactWeight w); /* the one that is being written */
void facts_add(Facts *f, FactSection s, const char *label, const char *fmt, ...) _printf_(4, 5);
/* Nothing for an empty value, or for time 0. */
void facts_text(Facts *f, FactSection s, const char *label, const char *value);
void facts_time(Facts *f, FactSection s, const char *label, int64_t msec);
/* The same for a value that others have chosen. */
void facts_foreign(Facts *f, FactSection s, const char *label, const char *value);
void facts_error(Facts *f, FactSection s, const char *label, const char *words);

/* A section as text: its heading, then lines and columns. */
void facts_print(const Facts *f, FactSection s, StrBuf *b);
/* [{"section", "label", "value", "severity"}], of the sections that have no structure of their own
 * in a document; owned. */
json_t *facts_to_json(const Facts *f);

/* One line of at most max bytes, ASCII: state and place first, then as much of the rest as fits;
 * of that only a trail's name is cut. Owned. */
char *headline_print(const Headline *h, size_t max);
void headline_done(Headline *h);
json_t *headline_to_json(const Headline *h); /* owned */
/* Borrows from the document. */
Headline headline_from_json(const json_t *o);
