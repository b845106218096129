/* SPDX-License-Identifier: Apache-2.0 */
#include "net/cafile.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* Whether the file holds certificates, each of them whole. What is within them libcurl reads when
 * it connects: to do so here as well would put the first poll off by some 20 ms. */
static bool holds_certificates(BIO *file)
{
        char *name = NULL, *header = NULL;
        unsigned char *data = NULL;
        long len = 0;
        bool well = true, found = false;

        while (well && PEM_read_bio(file, &name, &header, &data, &len)) {
                if (streq(name, PEM_STRING_X509) || streq(name, PEM_STRING_X509_TRUSTED)) {
                        const unsigned char *at = data;
                        long inner = 0;
                        int tag, class, flags = ASN1_get_object(&at, &inner, &tag, &class, len);

                        well = !(flags & 0x80) && tag == V_ASN1_SEQUENCE;
                        found = true;
                }
                OPENSSL_free(name);
                OPENSSL_free(header);
                OPENSSL_free(data);
        }
        /* Else it ended within a certificate, or in what is none. */
        well = well && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        return well && found;
}

/* NULL when all is well with it. */
static const char *what_is_wrong(const char *path)
{
        const char *wrong = NULL;
        struct stat st;
        BIO *file;

        if (stat(path, &st) < 0)
                return strerror(errno);
        if (!S_ISREG(st.st_mode)) /* to open a FIFO would hold up the loop */
                return "not a regular file";
        file = BIO_new_file(path, "r");
        if (!file)
                wrong = strerror(errno);
        else if (!holds_certificates(file))
                wrong = "it has to hold certificates (PEM), each of them whole";
        BIO_free(file);
        ERR_clear_error();
        return wrong;
}

const char *cafile_path(const char *ca_file)
{
        return ca_file ? ca_file : curl_version_info(CURLVERSION_NOW)->cainfo;
}

int cafile_check(const char *ca_file, char **reterr_text)
{
        if (!ca_file) {
                const char *built_in = cafile_path(NULL);
                if (built_in && access(built_in, R_OK) >= 0)
                        return 0;
                *reterr_text = mem_printf("the system's CA bundle %s cannot be read",
                                          built_in ? built_in : "is not known to libcurl and");
                return -EBADMSG;
        }

        const char *wrong = what_is_wrong(ca_file);

        if (!wrong)
                return 0;
        *reterr_text = mem_printf("CA file %s cannot be used: %s", ca_file, wrong);
        return -EBADMSG;
}
