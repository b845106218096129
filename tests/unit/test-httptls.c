/* SPDX-License-Identifier: Apache-2.0 */
/* The transport over TLS, against a server in a thread with certificates made on the spot. */

#include "http-fixture.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

typedef struct Certificate {
        EVP_PKEY *key;
        X509 *certificate;
} Certificate;

static void certificate_done(Certificate *c)
{
        EVP_PKEY_free(c->key);
        X509_free(c->certificate);
}

/* A certificate of the issuer for name (subjectAltName, "IP:127.0.0.1"), or an authority of that
 * name. */
static Certificate make_certificate(const Certificate *issuer, const char *name)
{
        static long serial;
        Certificate c = {.key = EVP_EC_gen("P-256"), .certificate = X509_new()};
        X509_NAME *subject = X509_get_subject_name(c.certificate);
        X509_EXTENSION *extension;

        assert_non_null(c.key);
        assert_true(X509_set_version(c.certificate, 2));
        assert_true(ASN1_INTEGER_set(X509_get_serialNumber(c.certificate), ++serial));
        assert_non_null(X509_gmtime_adj(X509_getm_notBefore(c.certificate), -3600));
        assert_non_null(X509_gmtime_adj(X509_getm_notAfter(c.certificate), 3600));
        assert_true(X509_set_pubkey(c.certificate, c.key));
        assert_true(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                               (const unsigned char *)(issuer ? "server" : name),
                                               -1, -1, 0));
        assert_true(X509_set_issuer_name(
                c.certificate, issuer ? X509_get_subject_name(issuer->certificate) : subject));
        extension = X509V3_EXT_conf_nid(NULL, NULL,
                                        issuer ? NID_subject_alt_name : NID_basic_constraints,
                                        issuer ? name : "critical,CA:TRUE");
        assert_non_null(extension);
        assert_true(X509_add_ext(c.certificate, extension, -1));
        X509_EXTENSION_free(extension);
        assert_true(X509_sign(c.certificate, issuer ? issuer->key : c.key, EVP_sha256()));
        return c;
}

static char *write_certificate(const char *folder, const Certificate *c)
{
        char *path = mem_printf("%s/ca.pem", folder);
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        assert_true(PEM_write_X509(file, c->certificate));
        assert_int_equal(fclose(file), 0);
        return path;
}

typedef struct TlsServer {
        int listener;
        SSL_CTX *context;
        unsigned n_connections; /* one request and answer each, then it closes */
        unsigned n_served;
        pthread_t thread;
} TlsServer;

static void *serve(void *userdata)
{
        TlsServer *t = userdata;

        for (unsigned i = 0; i < t->n_connections; i++) {
                int fd = accept(t->listener, NULL, NULL);
                SSL *ssl = SSL_new(t->context);
                char buffer[4096];

                SSL_set_fd(ssl, fd);
                if (SSL_accept(ssl) == 1 && SSL_read(ssl, buffer, sizeof(buffer)) > 0 &&
                    SSL_write(ssl, PLAIN_OK, sizeof(PLAIN_OK) - 1) > 0)
                        t->n_served++;
                (void)SSL_shutdown(ssl);
                SSL_free(ssl);
                close(fd);
        }
        return NULL;
}

static void server_start(TlsServer *t, Fixture *f, const Certificate *c, unsigned n_connections)
{
        *t = (TlsServer){
                .listener = f->listener,
                .context = SSL_CTX_new(TLS_server_method()),
                .n_connections = n_connections,
        };
        assert_true(SSL_CTX_use_certificate(t->context, c->certificate));
        assert_true(SSL_CTX_use_PrivateKey(t->context, c->key));
        (void)snprintf(f->url, sizeof(f->url), "https://127.0.0.1:%u/", f->port);
}

static void server_run(TlsServer *t)
{
        assert_int_equal(pthread_create(&t->thread, NULL, serve, t), 0);
}

static void server_stop(TlsServer *t)
{
        assert_int_equal(pthread_join(t->thread, NULL), 0);
        SSL_CTX_free(t->context);
}

typedef struct Files {
        char folder[32];
        char *ca_file;
        Certificate authority;
        Certificate server;
} Files;

static void files_make(Files *x, const char *name)
{
        (void)snprintf(x->folder, sizeof(x->folder), "/tmp/test-httptls-XXXXXX");
        assert_non_null(mkdtemp(x->folder));
        x->authority = make_certificate(NULL, "authority");
        x->server = make_certificate(&x->authority, name);
        x->ca_file = write_certificate(x->folder, &x->authority);
}

static void files_remove(Files *x)
{
        (void)unlink(x->ca_file); /* may be gone already */
        assert_int_equal(rmdir(x->folder), 0);
        free(x->ca_file);
        certificate_done(&x->authority);
        certificate_done(&x->server);
}

/* The CA file is read for the first connection only: later ones work without it. */
static void test_ca_is_loaded_once(void **state)
{
        Fixture *f = *state;
        Files x;
        TlsServer t;
        Seen s = {0};

        files_make(&x, "IP:127.0.0.1");
        make_transport(f, (HttpCurlOptions){.ca_file = x.ca_file});
        server_start(&t, f, &x.server, 3);
        server_run(&t);
        for (size_t i = 0; i < 3; i++) {
                start(f, &s, (HttpRequest){0});
                wait_called(f, &s);
                assert_int_equal(s.error.class, AWS_ERROR_NONE);
                assert_int_equal(s.response.status, 200);
                (void)unlink(x.ca_file);
        }
        server_stop(&t);
        assert_int_equal(t.n_served, 3);
        files_remove(&x);
}

static void assert_refused(Fixture *f, const Certificate *c, int max_version, const char *code,
                           const char *words)
{
        TlsServer t;
        Seen s = {0};

        server_start(&t, f, c, 1);
        if (max_version) {
                assert_true(SSL_CTX_set_max_proto_version(t.context, max_version));
                SSL_CTX_set_security_level(t.context, 0);
        }
        server_run(&t);
        start(f, &s, (HttpRequest){.headers = &(HttpHeader){"X", "secret"}, .n_headers = 1});
        wait_called(f, &s);
        server_stop(&t);
        assert_int_equal(t.n_served, 0);
        assert_int_equal(s.error.class, AWS_ERROR_NETWORK);
        assert_memory_equal(s.error.code, code, strlen(code));
        assert_non_null(strstr(s.error.message, words));
}

static void test_unverified_peers_are_refused(void **state)
{
        Fixture *f = *state;
        Files x;
        Certificate foreign_authority, foreign, impostor_authority, impostor, misnamed;

        files_make(&x, "IP:127.0.0.1");
        foreign_authority = make_certificate(NULL, "foreign authority");
        foreign = make_certificate(&foreign_authority, "IP:127.0.0.1");
        impostor_authority = make_certificate(NULL, "authority");
        impostor = make_certificate(&impostor_authority, "IP:127.0.0.1");
        misnamed = make_certificate(&x.authority, "IP:127.0.0.2");
        make_transport(f, (HttpCurlOptions){.ca_file = x.ca_file});

        assert_refused(f, &foreign, 0, "TlsVerificationFailed", "certificate");
        assert_refused(f, &impostor, 0, "Tls", "");
        assert_refused(f, &misnamed, 0, "TlsVerificationFailed", "127.0.0.1");
        assert_refused(f, &x.server, TLS1_1_VERSION, "TlsHandshakeFailed", "protocol version");

        certificate_done(&foreign_authority);
        certificate_done(&foreign);
        certificate_done(&impostor_authority);
        certificate_done(&impostor);
        certificate_done(&misnamed);
        files_remove(&x);
}

static void test_system_bundle_does_not_know_us(void **state)
{
        Fixture *f = *state;
        Files x;

        files_make(&x, "IP:127.0.0.1");
        assert_refused(f, &x.server, 0, "TlsVerificationFailed", "certificate");
        files_remove(&x);
}

static void test_unusable_ca_file(void **state)
{
        static const char pem[] = "it has to hold certificates (PEM), each of them whole";
        static const struct {
                const char *path, *why;
        } files[] = {
                {"/nonexistent/ca.pem", "No such file or directory"},
                {"/dev/null", "not a regular file"},
                {"/", "not a regular file"},
                {"/etc/passwd", pem},
                {"/proc/self/mem", pem}, /* can be opened, but not read */
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                HttpTransport *http = NULL;
                _cleanup_free_ char *text = NULL,
                                    *want = mem_printf("CA file %s cannot be used: %s",
                                                       files[i].path, files[i].why);
                HttpCurlOptions o = {.event = f->event, .ca_file = files[i].path};

                assert_int_equal(http_curl_new(&o, &http, &text), -EBADMSG);
                assert_null(http);
                assert_string_equal(text, want);
        }
}

static int access_error; /* of access(2), as the product sees it */

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
        errno = access_error;
        return access_error ? -1 : __real_access(path, mode);
}

static void test_missing_system_bundle(void **state)
{
        Fixture *f = *state;
        HttpTransport *http = NULL;
        _cleanup_free_ char *text = NULL;

        access_error = ENOENT;
        assert_int_equal(http_curl_new(&(HttpCurlOptions){.event = f->event}, &http, &text),
                         -EBADMSG);
        access_error = 0;
        assert_null(http);
        assert_has(text, "the system's CA bundle /");
        assert_has(text, " cannot be read");
}

static int try_ca_file(Fixture *f, const char *path)
{
        HttpTransport *http = NULL;
        _cleanup_free_ char *text = NULL;
        HttpCurlOptions o = {.event = f->event, .ca_file = path};
        int r = http_curl_new(&o, &http, &text);

        http_curl_free(http);
        return r;
}

static void test_fifo_for_ca_file(void **state)
{
        Fixture *f = *state;
        Files x;

        files_make(&x, "IP:127.0.0.1");
        assert_int_equal(unlink(x.ca_file), 0);
        assert_int_equal(mkfifo(x.ca_file, 0600), 0);
        assert_int_equal(try_ca_file(f, x.ca_file), -EBADMSG); /* and does not hang */
        files_remove(&x);
}

/* Behind a good certificate, one that was cut off, one that is no base64, and one that is no DER;
 * text around certificates is none of that. */
static void test_damaged_ca_file(void **state)
{
        static const struct {
                const char *text;
                int result;
        } tails[] = {
                {"-----BEGIN CERTIFICATE-----\nMIIB\n", -EBADMSG},
                {"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", -EBADMSG},
                {"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", -EBADMSG},
                {"-----BEGIN CERTIFICATE-----\nAgEB\n-----END CERTIFICATE-----\n", -EBADMSG},
                {"\n# the end\n", 0},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(tails); i++) {
                Files x;
                FILE *file;

                files_make(&x, "IP:127.0.0.1");
                assert_int_equal(try_ca_file(f, x.ca_file), 0);
                file = fopen(x.ca_file, "ae");
                assert_non_null(file);
                assert_true(fputs(tails[i].text, file) >= 0);
                assert_int_equal(fclose(file), 0);
                assert_int_equal(try_ca_file(f, x.ca_file), tails[i].result);
                files_remove(&x);
        }
}

UNIT_MAIN(WITH_HTTP(test_ca_is_loaded_once), WITH_HTTP(test_unverified_peers_are_refused),
          WITH_HTTP(test_system_bundle_does_not_know_us), WITH_HTTP(test_unusable_ca_file),
          WITH_HTTP(test_missing_system_bundle), WITH_HTTP(test_fifo_for_ca_file),
          WITH_HTTP(test_damaged_ca_file))
