/* SPDX-License-Identifier: Apache-2.0 */
/* getaddrinfo() and connect() under orders of the page: in the place of libc's in the driver,
 * loaded before libc in the daemon. Nothing leaves the machine: names that are not the page's do
 * not exist. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "page.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define FAR_REGION "us-east-1"
#define SUFFIX ".netfaults.test"
#define DEAD 2
#define SILENT 9
#define PROXY 200
#define HANG_MAX_MSEC 60000

static const char *path;

/* Before the guard takes out of its environment what it does not know. */
static __attribute__((constructor)) void note_path(void)
{
        path = getenv(PAGE_ENVIRONMENT);
        path = path ? strdup(path) : NULL;
}

Page *page_map(void)
{
        static Page *page;
        Page *known = __atomic_load_n(&page, __ATOMIC_ACQUIRE);

        if (known)
                return known;
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        void *p = fd < 0 ? MAP_FAILED
                         : mmap(NULL, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED) {
                fprintf(stderr, PAGE_ENVIRONMENT " names no page\n");
                _exit(2);
        }
        close(fd);
        __atomic_store_n(&page, p, __ATOMIC_RELEASE); /* two mappings at worst */
        return p;
}

static unsigned cell_of_name(const char *name)
{
        unsigned n;

        for (const char *label = name; label; label = strchr(label, '.')) {
                label += *label == '.';
                if (sscanf(label, "c%u.", &n) == 1 && n < PAGE_CELLS)
                        return n;
        }
        return strstr(name, "." FAR_REGION ".") ? 0 : 1;
}

static int resolve(unsigned cell, unsigned last, const char *service, const struct addrinfo *hints,
                   struct addrinfo **res)
{
        static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
        struct addrinfo h = *hints;
        char text[64];

        if (!real)
                *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
        h.ai_flags |= AI_NUMERICHOST;
        snprintf(text, sizeof(text), "127.%u.%u.%u", 1 + cell / 250, 1 + cell % 250, last);
        return real(text, service, &h, res);
}

/* `first` and what follows it before the good address. */
static int resolve_several(unsigned cell, unsigned first, unsigned n, const char *service,
                           const struct addrinfo *hints, struct addrinfo **res)
{
        struct addrinfo **end = res;

        for (unsigned k = 0; k <= n; k++) {
                int r = resolve(cell, k < n ? first + k : 1, service, hints, end);
                if (r != 0)
                        return r;
                while (*end)
                        end = &(*end)->ai_next;
        }
        return 0;
}

static void wait_until_mended(const Cell *c)
{
        for (int msec = 0; msec < HANG_MAX_MSEC && c->phase == PHASE_FAULT; msec += 10)
                (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **res)
{
        static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
        size_t n = strlen(node), m = strlen(SUFFIX);
        struct addrinfo h = hints ? *hints : (struct addrinfo){0};

        if (!real)
                *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
        if (n < m || strcmp(node + n - m, SUFFIX) != 0) {
                h.ai_flags |= AI_NUMERICHOST;
                return real(node, service, &h, res);
        }

        unsigned cell = cell_of_name(node);
        const Cell *c = &page_map()->cells[cell];
        if (strncmp(node, "proxy.", 6) == 0)
                return resolve(cell, PROXY, service, &h, res);
        switch (c->phase == PHASE_FAULT ? c->network : NETWORK_GOOD) {
        case NETWORK_NO_NAME:
                return EAI_NONAME;
        case NETWORK_NAME_FAILS:
                return EAI_AGAIN;
        case NETWORK_NO_ADDRESS:
                return EAI_NODATA;
        case NETWORK_NAME_HANGS:
                wait_until_mended(c);
                return EAI_AGAIN;
        case NETWORK_FIRST_DEAD:
                return resolve_several(cell, DEAD, 1, service, &h, res);
        case NETWORK_MANY_DEAD:
                return resolve_several(cell, DEAD, SILENT - DEAD, service, &h, res);
        case NETWORK_FIRST_SILENT:
                return resolve_several(cell, SILENT, 1, service, &h, res);
        case NETWORK_MOVED:
                return resolve(cell, DEAD, service, &h, res);
        default:
                return resolve(cell, 1, service, &h, res);
        }
}

/* What becomes of dialling this address: 0 to go on with *port, else an errno. */
static int dial(Page *page, uint32_t address, uint16_t *port)
{
        unsigned a = address >> 16 & 255, b = address >> 8 & 255, last = address & 255;
        unsigned cell = (a - 1) * 250 + b - 1;

        if (address >> 24 != 127 || a == 0 || b == 0 || cell >= PAGE_CELLS)
                return 0;
        Cell *c = &page->cells[cell];
        bool fault = c->phase == PHASE_FAULT && c->connects++ >= c->step;
        if ((last >= DEAD && last < SILENT) || (fault && c->network == NETWORK_REFUSED))
                *port = page->dead_port;
        else if (last == SILENT || (fault && c->network == NETWORK_BLACK_HOLE))
                *port = page->hole_port;
        else if (fault && c->network == NETWORK_NO_ROUTE_HOST)
                return EHOSTUNREACH;
        else if (fault && c->network == NETWORK_NO_ROUTE_NET)
                return ENETUNREACH;
        return 0;
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
        static int (*real)(int, const struct sockaddr *, socklen_t);
        struct sockaddr_in to;

        if (!real)
                *(void **)&real = dlsym(RTLD_NEXT, "connect");
        if (address->sa_family != AF_INET)
                return real(fd, address, len);
        memcpy(&to, address, sizeof(to));
        uint16_t port = ntohs(to.sin_port);
        int e = dial(page_map(), ntohl(to.sin_addr.s_addr), &port);
        if (e > 0) {
                errno = e;
                return -1;
        }
        to.sin_port = htons(port);
        return real(fd, (const struct sockaddr *)&to, sizeof(to));
}
