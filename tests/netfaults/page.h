/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A page of memory that the server, the client under test and its resolver share, a cell for each
 * place where one fault is tried. kinds.py writes the same layout.
 *
 * Names of a cell hold the label c<number>; in those of the daemon us-east-1 is cell 0 and all else
 * is cell 1. Cell n is at 127.<1+n/250>.<1+n%250>.1; the same with .2 to .8 at the end is an
 * address where nobody listens, with .9 one that swallows packets, with .200 its proxy. */

#include <stdint.h>

#define PAGE_ENVIRONMENT "NETFAULTS_PAGE" /* path of the file */
#define PAGE_CELLS 4096

typedef enum CellPhase {
        PHASE_GOOD,
        PHASE_FAULT,
        PHASE_MENDED,
} CellPhase;

/* What happens below TCP: names and connecting. The rest is the server's. */
typedef enum CellNetwork {
        NETWORK_GOOD,
        NETWORK_REFUSED,
        NETWORK_BLACK_HOLE,
        NETWORK_NO_ROUTE_HOST,
        NETWORK_NO_ROUTE_NET,
        NETWORK_NO_NAME,      /* NXDOMAIN */
        NETWORK_NAME_FAILS,   /* SERVFAIL */
        NETWORK_NO_ADDRESS,   /* the name has none */
        NETWORK_NAME_HANGS,   /* until mended */
        NETWORK_FIRST_DEAD,   /* two addresses, the first refuses */
        NETWORK_MANY_DEAD,    /* eight, seven refuse */
        NETWORK_FIRST_SILENT, /* two, the first swallows packets */
        NETWORK_MOVED,        /* a dead address now, the good one once mended */
} CellNetwork;

typedef struct Cell {
        volatile uint8_t phase;
        volatile uint8_t network;
        volatile uint8_t step;     /* answers that are good before the fault sets in */
        volatile uint8_t connects; /* since it did */
        volatile uint16_t kind;    /* the server's */
        volatile uint16_t answers; /* since it set in, the server's */
} Cell;

typedef struct Page {
        volatile uint16_t dead_port; /* nobody listens there */
        volatile uint16_t hole_port; /* a full backlog: packets are swallowed */
        volatile uint32_t trapped;   /* connections to where a redirect led */
        Cell cells[PAGE_CELLS];
} Page;

Page *page_map(void);
