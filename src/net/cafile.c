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
static bool holds_certificates(const char *path)
{
        struct stat st;
        /* To open a FIFO would hold up the loop. */
        BIO *file = stat(path, &st) >= 0 && S_ISREG(st.st_mode) ? BIO_new_file(path, "r") : NULL;
        char *name = NULL, *header = NULL;
        unsigned char *data = NULL;
        long len = 0;
        bool well = file != NULL, found = false;

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
        ERR_clear_error();
        BIO_free(file);
        return well && found;
}

int cafile_check(const char *ca_file, char **reterr_text)
{
        if (!ca_file) {
                const char *built_in = curl_version_info(CURLVERSION_NOW)->cainfo;
                if (built_in && access(built_in, R_OK) >= 0)
                        return 0;
                *reterr_text = mem_printf("the system's CA bundle %s cannot be read",
                                          built_in ? built_in : "is not known to libcurl and");
                return -EINVAL;
        }

        if (!holds_certificates(ca_file)) {
                *reterr_text = mem_printf("CA file %s cannot be read as certificates", ca_file);
                return -EINVAL;
        }
        return 0;
}
