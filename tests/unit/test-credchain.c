/* SPDX-License-Identifier: Apache-2.0 */
/* Which origin an environment and files lead to, and what a profile makes of its roles, over a
 * scripted transport. What each source does by itself is tested beside it. */

#include "fake-net.h"

#include <stdio.h>

#include "base/mem.h"
#include "net/credchain.h"

#define CONFIG "/h/.aws/config"
#define CREDENTIALS "/h/.aws/credentials"
#define SYSTEMD "/run/c/trailsentry.aws-credentials"
#define KEYS "aws_access_key_id = AKIDFILE\naws_secret_access_key = s\n"
#define ROLE(name) "role_arn = arn:aws:iam::444455556666:role/" name "\n"
#define ENV_KEYS "AWS_ACCESS_KEY_ID", "AKIDENV", "AWS_SECRET_ACCESS_KEY", "s"

typedef struct Fixture {
        FakeNet net;
        CredChainOptions options;
        CredSource *source;
        CredFetch *fetch;
        unsigned n_called;
        char key[64];
        char account[16];
        AwsError error;
} Fixture;

static int setup(void **state)
{
        Fixture *f = mem_new0(Fixture);

        fake_net_init(&f->net);
        f->options = (CredChainOptions){.client = {.env = &f->net.env, .user_agent = "test"},
                                        .session_name = "guard"};
        fake_net_setenv(&f->net, "HOME", "/h");
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;

        cred_source_free(f->source);
        fake_net_done(&f->net);
        free(f);
        return 0;
}

static void on_credentials(void *userdata, AwsCredentials *c, const AwsError *error)
{
        Fixture *f = userdata;

        assert_true(!c != !error);
        f->fetch = NULL;
        f->n_called++;
        (void)snprintf(f->key, sizeof(f->key), "%s", c ? c->access_key_id : "");
        (void)snprintf(f->account, sizeof(f->account), "%s", c ? strempty(c->account_id) : "");
        if (error) {
                f->error = *error;
                assert_int_equal(error->class, AWS_ERROR_CREDENTIALS);
                assert_true(*error->message != '\0');
        }
}

static void start(Fixture *f)
{
        f->n_called = 0;
        f->fetch = f->source->fetch(f->source, on_credentials, f);
        assert_int_equal(f->n_called, 0);
}

static void run(Fixture *f)
{
        start(f);
        fake_net_advance(&f->net, 2 * USEC_PER_MINUTE);
        assert_int_equal(f->n_called, 1);
}

static int make(Fixture *f, char **ret_text)
{
        f->source = cred_source_free(f->source);
        return cred_source_new_chain(&f->options, &f->source, ret_text);
}

static void must_make(Fixture *f, const char *name)
{
        _cleanup_free_ char *text = NULL;

        if (make(f, &text) < 0)
                fail_msg("%s", text);
        assert_string_equal(f->source->name, name);
}

static void must_fail(Fixture *f, int error, const char *expected)
{
        _cleanup_free_ char *text = NULL;

        assert_int_equal(make(f, &text), error);
        assert_string_equal(text, expected);
}

static void answer_role(Fixture *f, const char *operation, const char *key)
{
        static char bodies[8][1024];
        char *body = bodies[f->net.n_script % ELEMENTSOF(bodies)];

        (void)snprintf(body, sizeof(bodies[0]),
                       "<%sResponse><%sResult><Credentials><AccessKeyId>%s</AccessKeyId>"
                       "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
                       "<Expiration>2026-11-23T04:00:00Z</Expiration></Credentials>"
                       "<AssumedRoleUser><Arn>arn:aws:sts::444455556666:assumed-role/r/guard</Arn>"
                       "</AssumedRoleUser></%sResult></%sResponse>",
                       operation, operation, key, operation, operation);
        fake_net_answer(&f->net, (FakeAnswer){.status = 200, .body = body});
}

/* The first origin that is set up is the one. */

typedef struct Case {
        const char *name;
        const char *variables[13];
        const char *config, *credentials, *systemd;
        int error;
        const char *expected; /* the source's name, or the refusal */
} Case;

#define NOTHING                                                                                    \
        "there is no systemd credential trailsentry.aws-credentials, AWS_ACCESS_KEY_ID and "       \
        "AWS_SECRET_ACCESS_KEY are not set, profile default says nothing about credentials, "      \
        "there is no web identity and no container's endpoint, and AWS_EC2_METADATA_DISABLED="     \
        "true forbids the instance's role"

static const Case cases[] = {
        {"nothing at all", {NULL}, .expected = "imds"},
        {"nothing, and no instance",
         {"AWS_EC2_METADATA_DISABLED", "true"},
         .error = 1,
         .expected = NOTHING},
        {"the systemd credential goes first",
         {"CREDENTIALS_DIRECTORY", "/run/c", ENV_KEYS},
         .systemd = "[default]\n" KEYS,
         .expected = "systemd credential"},
        {"a directory of other credentials",
         {"CREDENTIALS_DIRECTORY", "/run/c", ENV_KEYS},
         .expected = "environment"},
        {"a systemd credential without keys",
         {"CREDENTIALS_DIRECTORY", "/run/c", ENV_KEYS},
         .systemd = "[guard]\n" KEYS,
         .error = -EBADMSG,
         .expected = "systemd credential trailsentry.aws-credentials: there are no keys in its "
                     "section [default]"},
        {"a systemd credential that is none",
         {"CREDENTIALS_DIRECTORY", "/run/c"},
         .systemd = "[default]\naws_access_key_id = a\n",
         .error = -EBADMSG,
         .expected = "systemd credential trailsentry.aws-credentials: profile default: "
                     "aws_access_key_id is set, aws_secret_access_key is not"},
        {"the environment before a profile",
         {ENV_KEYS, "AWS_PROFILE", "guard"},
         .config = "[profile guard]\n" KEYS,
         .expected = "environment"},
        {"blank keys are unset",
         {"AWS_ACCESS_KEY_ID", " ", "AWS_SECRET_ACCESS_KEY", "\t"},
         .credentials = "[default]\n" KEYS,
         .expected = "profile default"},
        {"half a key is a mistake",
         {"AWS_SECRET_ACCESS_KEY", "s"},
         .credentials = "[default]\n" KEYS,
         .error = -EINVAL,
         .expected = "environment: AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not"},
        {"a profile before a web identity",
         {"AWS_WEB_IDENTITY_TOKEN_FILE", "/t", "AWS_ROLE_ARN", "arn:x", "AWS_REGION", "eu-west-1"},
         .config = "[default]\n" KEYS,
         .expected = "profile default"},
        {"AWS_PROFILE",
         {"AWS_PROFILE", "guard", "AWS_DEFAULT_PROFILE", "x"},
         .config = "[default]\n" KEYS "[profile guard]\n" KEYS,
         .expected = "profile guard"},
        {"AWS_DEFAULT_PROFILE",
         {"AWS_DEFAULT_PROFILE", "guard"},
         .credentials = "[guard]\n" KEYS,
         .expected = "profile guard"},
        {"a profile that is not there",
         {"AWS_PROFILE", "guard"},
         .config = "[default]\n" KEYS,
         .error = 1,
         .expected = "there is no profile guard in /h/.aws/config or /h/.aws/credentials"},
        {"a file with a mistake",
         {NULL},
         .config = "[default\n",
         .error = -EBADMSG,
         .expected = "config file, line 1: Profile definition must end with ']'"},
        {"a profile of other things",
         {NULL},
         .config = "[default]\nregion = eu-west-1\nec2_metadata_service_endpoint_mode = IPv6\n",
         .expected = "imds"},
        {"a web identity before a container",
         {"AWS_WEB_IDENTITY_TOKEN_FILE", "/t", "AWS_ROLE_ARN", "arn:x", "AWS_REGION", "eu-west-1",
          "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c"},
         .expected = "web identity -> role arn:x"},
        {"a role that is no UTF-8",
         {"AWS_WEB_IDENTITY_TOKEN_FILE", "/t", "AWS_ROLE_ARN", "arn:\xff", "AWS_REGION",
          "eu-west-1"},
         .expected = "web identity -> role arn:\\xff"},
        {"a web identity without a role",
         {"AWS_WEB_IDENTITY_TOKEN_FILE", "/t"},
         .error = -EINVAL,
         .expected = "AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not"},
        {"a role without a web identity", {"AWS_ROLE_ARN", "arn:x"}, .expected = "imds"},
        {"a container",
         {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[::1]/"},
         .expected = "container"},
        {"a container that is none",
         {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "/c"},
         .error = -EINVAL,
         .expected = "AWS_CONTAINER_CREDENTIALS_FULL_URI is not an http or https URL"},
        {"a container's relative URI that is none",
         {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", ".evil.example/"},
         .error = -EINVAL,
         .expected = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI has to begin with a slash"},
        /* Profiles */
        {"half a key in a profile",
         {NULL},
         .config = "[default]\naws_access_key_id = a\n",
         .error = 1,
         .expected = "profile default: aws_access_key_id is set, aws_secret_access_key is not"},
        {"a role on keys",
         {"AWS_PROFILE", "a"},
         .config = "[profile a]\nregion = eu-west-1\nsource_profile = b\n" ROLE(
                 "A") "[profile b]\n" KEYS,
         .expected = "profile a -> b -> role arn:aws:iam::444455556666:role/A"},
        {"a role on its own keys",
         {"AWS_REGION", "eu-west-1"},
         .config = "[default]\nsource_profile = default\n" ROLE("A") KEYS,
         .expected = "profile default -> role arn:aws:iam::444455556666:role/A"},
        {"a role without a source",
         {NULL},
         .config = "[default]\n" ROLE("A") KEYS,
         .error = 1,
         .expected = "profile default has role_arn, but no source_profile, credential_source or "
                     "web_identity_token_file to assume it with"},
        {"two sources",
         {NULL},
         .config = "[default]\nsource_profile = b\ncredential_source = Environment\n" ROLE("A"),
         .error = 1,
         .expected = "profile default has both source_profile and credential_source: one is the "
                     "source of the role's credentials"},
        {"a source that is not there",
         {NULL},
         .config = "[default]\nsource_profile = b\n" ROLE("A"),
         .error = 1,
         .expected = "profile default names b as its source_profile, and there is no such "
                     "profile"},
        {"a source without credentials",
         {NULL},
         .config = "[default]\nsource_profile = b\n" ROLE("A") "[profile b]\nregion = x\n",
         .error = 1,
         .expected = "profile b is to be the source of a role's credentials and has none"},
        {"a cycle",
         {NULL},
         .config = "[default]\nsource_profile = b\n" ROLE("A") KEYS
         "[profile b]\n"
         "source_profile = c\n" ROLE("B") "[profile c]\nsource_profile = b\n" ROLE("C"),
         .error = 1,
         .expected = "profile b is its own source by way of others: default -> b -> c -> b"},
        {"an MFA device",
         {NULL},
         .config = "[default]\nsource_profile = b\nmfa_serial = x\n" ROLE("A") "[profile b]\n" KEYS,
         .error = 1,
         .expected = "profile default asks for an MFA code (mfa_serial), and there is nobody to "
                     "type one: use a role that does not demand it"},
        {"a duration that is none",
         {"AWS_REGION", "eu-west-1"},
         .config = "[default]\nsource_profile = b\nduration_seconds = 900s\n" ROLE(
                 "A") "[profile b]\n" KEYS,
         .error = 1,
         .expected = "profile default has a duration_seconds that is not between 900 and 43200"},
        {"no region",
         {NULL},
         .config = "[default]\nsource_profile = b\n" ROLE("A") "[profile b]\n" KEYS,
         .error = 1,
         .expected =
                 "cannot assume arn:aws:iam::444455556666:role/A: in which region to ask STS is "
                 "not known; set AWS_REGION, or region in the profile"},
        {"a role on the environment",
         {"AWS_PROFILE", "a", "AWS_REGION", "eu-west-1"},
         .config = "[profile a]\ncredential_source = Environment\n" ROLE("A"),
         .error = 1,
         .expected = "profile a has credential_source = Environment: its variables are not set"},
        {"a role on the container",
         {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c", "AWS_REGION", "eu-west-1"},
         .config = "[default]\ncredential_source = EcsContainer\n" ROLE("A"),
         .expected = "profile default -> container -> role arn:aws:iam::444455556666:role/A"},
        {"a role on the instance",
         {"AWS_REGION", "eu-west-1"},
         .config = "[default]\ncredential_source = Ec2InstanceMetadata\n" ROLE("A"),
         .expected = "profile default -> imds -> role arn:aws:iam::444455556666:role/A"},
        {"a role on an instance that is off",
         {"AWS_REGION", "eu-west-1", "AWS_EC2_METADATA_DISABLED", "true"},
         .config = "[default]\ncredential_source = Ec2InstanceMetadata\n" ROLE("A"),
         .error = 1,
         .expected = "profile default has credential_source = Ec2InstanceMetadata: "
                     "AWS_EC2_METADATA_DISABLED=true forbids the instance's role"},
        {"a role on something unknown",
         {"AWS_REGION", "eu-west-1"},
         .config = "[default]\ncredential_source = Ec2\n" ROLE("A"),
         .error = 1,
         .expected = "profile default has credential_source = Ec2; it is one of Environment, "
                     "Ec2InstanceMetadata, EcsContainer"},
        {"a web identity in a profile",
         {"AWS_REGION", "eu-west-1"},
         .config = "[default]\nweb_identity_token_file = /t\n" ROLE("A"),
         .expected = "profile default -> web identity -> role arn:aws:iam::444455556666:role/A"},
        {"a web identity in a profile without a role; the environment's is not meant",
         {"AWS_REGION", "eu-west-1", "AWS_ROLE_ARN", "arn:x"},
         .config = "[default]\nweb_identity_token_file = /t\n",
         .error = 1,
         .expected = "profile default has web_identity_token_file, but no role_arn"},
        {"a program",
         {NULL},
         .config = "[default]\ncredential_process = /opt/get\n",
         .expected = "profile default -> credential_process"},
        {"a program that cannot be one",
         {NULL},
         .config = "[default]\ncredential_process = /opt/get 'x\n",
         .error = 1,
         .expected = "profile default cannot be used: credential_process is no command: it is "
                     "empty, or a quote is not closed"},
        {"Identity Center",
         {NULL},
         .config = "[default]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = r\n",
         .error = 1,
         .expected = "profile default is one of AWS IAM Identity Center, once AWS SSO (sso_...): "
                     "logging in there needs a browser and is out of scope; use a role, or keys"},
        {"aws login",
         {NULL},
         .config = "[default]\nlogin_session = arn:x\n",
         .error = 1,
         .expected = "profile default is one of `aws login` (login_session): logging in needs a "
                     "browser and is out of scope; use a role, or keys"},
};

static void test_case(void **state)
{
        const Case *c = *state;
        Fixture *f;

        setup((void **)&f);
        for (size_t i = 0; c->variables[i]; i += 2)
                fake_net_setenv(&f->net, c->variables[i], c->variables[i + 1]);
        fake_net_file(&f->net, CONFIG, c->config);
        fake_net_file(&f->net, CREDENTIALS, c->credentials);
        fake_net_file(&f->net, SYSTEMD, c->systemd);
        if (c->error)
                must_fail(f, c->error, c->expected);
        else
                must_make(f, c->expected);
        teardown((void **)&f);
}

static void test_places_of_the_files(void **state)
{
        Fixture *f = *state;

        fake_net_file(&f->net, CONFIG, "[default]\n" KEYS);
        fake_net_file(&f->net, "/etc/config", "[profile a]\nsource_profile = b\n" ROLE("A"));
        fake_net_file(&f->net, "/h/keys", "[b]\n" KEYS);
        fake_net_setenv(&f->net, "AWS_CONFIG_FILE", "/etc/config");
        fake_net_setenv(&f->net, "AWS_SHARED_CREDENTIALS_FILE", "~/keys");
        fake_net_setenv(&f->net, "AWS_PROFILE", "a");
        fake_net_setenv(&f->net, "AWS_DEFAULT_REGION", "eu-west-1");
        must_make(f, "profile a -> b -> role arn:aws:iam::444455556666:role/A");

        /* What may not be read is told where somebody has named it. */
        f->net.file_error = -EACCES;
        must_fail(f, -EACCES, "cannot read /etc/config: Permission denied");
        fake_net_setenv(&f->net, "AWS_CONFIG_FILE", NULL);
        fake_net_setenv(&f->net, "AWS_SHARED_CREDENTIALS_FILE", NULL);
        fake_net_setenv(&f->net, "AWS_PROFILE", NULL);
        must_make(f, "imds");
        f->net.file_error = -E2BIG;
        must_fail(f, -E2BIG, "cannot read /h/.aws/config: it is larger than 1 MiB");
        f->net.file_error = -EMFILE; /* passes by itself: a service has to be started again */
        must_fail(f, -EMFILE, "cannot read /h/.aws/config: Too many open files");
        f->net.file_error = 0;
        fake_net_setenv(&f->net, "HOME", NULL);
        must_make(f, "imds");
}

/* 33 profiles, each the source of the one before. */
static void test_too_long_a_way(void **state)
{
        Fixture *f = *state;
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(65536);

        for (unsigned i = 0; i < 32; i++)
                strbuf_addf(&b, "[profile p%u]\nsource_profile = p%u\n" ROLE("A"), i, i + 1);
        strbuf_add(&b, "[profile p32]\n" KEYS);
        fake_net_file(&f->net, CONFIG, strbuf_str(&b));
        fake_net_setenv(&f->net, "AWS_PROFILE", "p0");
        must_fail(f, 1, "profile p0 leads through more than 32 others");
}

/* Three roles on keys: each is assumed with the one before, and asks for what its profile says. */
static void test_roles_on_roles(void **state)
{
        static const char *const keys[] = {"AKIDFILE/", "ASIAC/", "ASIAB/"};
        static const char *const bodies[] = {
                "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A444455556666%3A"
                "role%2FC&RoleSessionName=guard&DurationSeconds=900&ExternalId=ex%201",
                "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A444455556666%3A"
                "role%2FB&RoleSessionName=bee&DurationSeconds=3600",
                "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A444455556666%3A"
                "role%2FA&RoleSessionName=guard&DurationSeconds=3600",
        };
        Fixture *f = *state;

        fake_net_file(&f->net, CONFIG,
                      "[default]\nregion = eu-west-1\nsource_profile = b\n" ROLE(
                              "A") "[profile b]\nsource_profile = c\nrole_session_name = "
                                   "bee\n" ROLE("B") "[profile c]\nsource_profile = "
                                                     "d\nduration_seconds = 900\n"
                                                     "external_id = ex 1\nregion = "
                                                     "us-east-1\n" ROLE("C"));
        fake_net_file(&f->net, CREDENTIALS, "[d]\n" ROLE("D") KEYS);
        must_make(f, "profile default -> b -> c -> d"
                     " -> role arn:aws:iam::444455556666:role/C"
                     " -> role arn:aws:iam::444455556666:role/B"
                     " -> role arn:aws:iam::444455556666:role/A");
        answer_role(f, "AssumeRole", "ASIAC");
        answer_role(f, "AssumeRole", "ASIAB");
        answer_role(f, "AssumeRole", "ASIAA");
        run(f);
        assert_string_equal(f->key, "ASIAA");
        assert_string_equal(f->account, "444455556666");
        for (size_t i = 0; i < 3; i++) {
                assert_string_equal(f->net.sent[i].url, "https://sts.eu-west-1.amazonaws.com/");
                assert_string_equal(f->net.sent[i].body, bodies[i]);
                assert_has(fake_sent_header(&f->net.sent[i], "Authorization"), keys[i]);
        }
}

static void test_regions(void **state)
{
        static const struct {
                const char *configured, *variable, *other, *expected;
        } regions[] = {
                {"eu-west-1", "eu-west-2", "eu-west-3", "https://sts.eu-west-1.amazonaws.com/"},
                {NULL, "eu-west-2", "eu-west-3", "https://sts.eu-west-2.amazonaws.com/"},
                {NULL, NULL, "eu-west-3", "https://sts.eu-west-3.amazonaws.com/"},
                {NULL, "", " ", "https://sts.eu-central-1.amazonaws.com/"},
        };
        Fixture *f = *state;

        fake_net_file(&f->net, CONFIG,
                      "[default]\nregion=eu-central-1\nsource_profile = default\n" ROLE("A") KEYS);
        for (size_t i = 0; i < ELEMENTSOF(regions); i++) {
                f->options.region = regions[i].configured;
                fake_net_setenv(&f->net, "AWS_REGION", regions[i].variable);
                fake_net_setenv(&f->net, "AWS_DEFAULT_REGION", regions[i].other);
                must_make(f, "profile default -> role arn:aws:iam::444455556666:role/A");
                answer_role(f, "AssumeRole", "ASIAA");
                run(f);
                assert_string_equal(f->net.sent[i].url, regions[i].expected);
        }
}

/* Unsigned, and the token is whatever is in the file at the time. */
static void test_web_identity(void **state)
{
        Fixture *f = *state;

        fake_net_setenv(&f->net, "AWS_WEB_IDENTITY_TOKEN_FILE", "/t");
        fake_net_setenv(&f->net, "AWS_ROLE_ARN", "arn:aws:iam::444455556666:role/A");
        fake_net_setenv(&f->net, "AWS_ROLE_SESSION_NAME", "web");
        fake_net_setenv(&f->net, "AWS_REGION", "eu-west-1");
        must_make(f, "web identity -> role arn:aws:iam::444455556666:role/A");
        fake_net_file(&f->net, "/t", "ey.one\n");
        answer_role(f, "AssumeRoleWithWebIdentity", "ASIA1");
        run(f);
        assert_string_equal(f->key, "ASIA1");
        assert_string_equal(f->account, "444455556666");
        assert_string_equal(f->net.sent[0].body,
                            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
                            "&RoleArn=arn%3Aaws%3Aiam%3A%3A444455556666%3Arole%2FA"
                            "&RoleSessionName=web&DurationSeconds=3600&WebIdentityToken=ey.one");
        assert_null(fake_sent_header(&f->net.sent[0], "Authorization"));
        assert_null(fake_sent_header(&f->net.sent[0], "X-Amz-Date"));

        fake_net_file(&f->net, "/t", "ey.two");
        answer_role(f, "AssumeRoleWithWebIdentity", "ASIA2");
        run(f);
        assert_string_equal(f->key, "ASIA2");
        assert_has(f->net.sent[1].body, "&WebIdentityToken=ey.two");
}

static void test_web_identity_failures(void **state)
{
        static char large[20100];
        Fixture *f = *state;

        fake_net_setenv(&f->net, "AWS_WEB_IDENTITY_TOKEN_FILE", "/t");
        fake_net_setenv(&f->net, "AWS_ROLE_ARN", "arn:x");
        fake_net_setenv(&f->net, "AWS_REGION", "eu-west-1");
        must_make(f, "web identity -> role arn:x");
        run(f);
        assert_string_equal(f->error.message, "cannot read the web identity token "
                                              "/t: No such file or directory");
        fake_net_file(&f->net, "/t", " \n");
        run(f);
        assert_string_equal(f->error.message, "there is no web identity token in /t");
        memset(large, 'x', sizeof(large) - 1);
        fake_net_file(&f->net, "/t", large);
        run(f);
        assert_string_equal(f->error.message, "cannot read the web identity token "
                                              "/t: too large for a token");
        assert_int_equal(f->net.n_sent, 0);

        /* The provider is out of reach: again. It does not know the token: no use. */
        fake_net_file(&f->net, "/t", "ey");
        for (int i = 0; i < 2; i++)
                fake_net_answer(&f->net, (FakeAnswer){.status = 400,
                                                      .body = "<ErrorResponse><Error><Code>"
                                                              "IDPCommunicationError</Code></Error>"
                                                              "</ErrorResponse>"});
        answer_role(f, "AssumeRoleWithWebIdentity", "ASIA1");
        run(f);
        assert_string_equal(f->key, "ASIA1");
        assert_int_equal(f->net.n_sent, 3);
        fake_net_answer(&f->net, (FakeAnswer){.status = 400,
                                              .body = "<ErrorResponse><Error><Code>"
                                                      "ExpiredTokenException</Code><Message>Token "
                                                      "expired</Message></Error>"
                                                      "</ErrorResponse>"});
        run(f);
        assert_string_equal(f->error.message, "cannot assume arn:x: Token expired");
        assert_int_equal(f->net.n_sent, 4);
        answer_role(f, "AssumeRole", "ASIA1"); /* another operation's answer */
        run(f);
        assert_string_equal(f->error.code, "MalformedAnswer");
}

/* Files may change under a running program; the choice is made anew, the name follows. */
static void test_choice_is_made_anew(void **state)
{
        Fixture *f = *state;

        fake_net_file(&f->net, CREDENTIALS, "[default]\n" KEYS "aws_account_id = 111122223333\n");
        must_make(f, "profile default");
        run(f);
        assert_string_equal(f->key, "AKIDFILE");
        assert_string_equal(f->account, "111122223333");

        fake_net_file(&f->net, CREDENTIALS,
                      "[default]\naws_access_key_id = AKIDNEXT\naws_secret_access_key = s\n");
        run(f);
        assert_string_equal(f->key, "AKIDNEXT");

        fake_net_file(&f->net, CREDENTIALS, "[default]\naws_access_key_id = AKIDNEXT\n");
        run(f);
        assert_string_equal(f->error.message, "profile default: aws_access_key_id is set, "
                                              "aws_secret_access_key is not");
        assert_string_equal(f->source->name, "profile default");

        fake_net_setenv(&f->net, "AWS_ACCESS_KEY_ID", "AKIDENV");
        fake_net_setenv(&f->net, "AWS_SECRET_ACCESS_KEY", "s");
        fake_net_setenv(&f->net, "AWS_ACCOUNT_ID", "12");
        run(f);
        assert_string_equal(f->key, "AKIDENV");
        assert_string_equal(f->account, "");
        assert_string_equal(f->source->name, "environment");
}

/* As when a machine boots: who asks for a profile waits for the file, and takes nothing else. */
static void test_profile_that_comes_later(void **state)
{
        Fixture *f = *state;

        fake_net_setenv(&f->net, "AWS_PROFILE", "guard");
        must_fail(f, 1, "there is no profile guard in /h/.aws/config or /h/.aws/credentials");
        assert_string_equal(f->source->name, "none");
        run(f);
        assert_string_equal(f->error.message, "there is no profile guard in /h/.aws/config or "
                                              "/h/.aws/credentials");
        fake_net_file(&f->net, CREDENTIALS, "[guard]\n" KEYS);
        run(f);
        assert_string_equal(f->key, "AKIDFILE");
        assert_string_equal(f->source->name, "profile guard");

        /* The first of two files, where the second one was named. */
        fake_net_setenv(&f->net, "AWS_SHARED_CREDENTIALS_FILE", "/later");
        fake_net_file(&f->net, CONFIG, "[profile guard]\nregion = eu-west-1\n");
        f->options.profile = "guard";
        must_fail(f, 1, "profile guard says nothing about credentials");
        fake_net_file(&f->net, CONFIG, "[profile guard]\nsource_profile = base\n" ROLE("A"));
        must_fail(f, 1,
                  "profile guard names base as its source_profile, and there is no such "
                  "profile");

        /* A profile may be written later, too. */
        fake_net_setenv(&f->net, "AWS_SHARED_CREDENTIALS_FILE", NULL);
        fake_net_file(&f->net, CREDENTIALS, NULL);
        f->options.profile = "gaurd";
        must_fail(f, 1, "there is no profile gaurd in /h/.aws/config or /h/.aws/credentials");
}

/* Where nothing is set up, the last resort's error says so, too. */
static void test_last_resort_fails(void **state)
{
        Fixture *f = *state;

        must_make(f, "imds");
        fake_net_answer(&f->net, (FakeAnswer){.status = 403});
        run(f);
        assert_string_equal(f->error.message,
                            "IMDS is off for this instance (HTTP 403); nor is "
                            "there a systemd credential, a key in the environment, a profile with "
                            "credentials, a web identity or a container's endpoint");
        assert_int_equal(f->error.status, 403);
}

static void test_denied_on_the_way(void **state)
{
        Fixture *f = *state;

        fake_net_setenv(&f->net, "AWS_REGION", "eu-west-1");
        fake_net_file(&f->net, CONFIG,
                      "[default]\nsource_profile = b\n" ROLE("A") "[profile b]\nsource_profile = "
                                                                  "b\n" ROLE("B") KEYS);
        must_make(f, "profile default -> b -> role arn:aws:iam::444455556666:role/A");
        fake_net_answer(&f->net,
                        (FakeAnswer){.status = 403,
                                     .body = "<ErrorResponse><Error><Code>AccessDenied</Code>"
                                             "<Message>no</Message></Error></ErrorResponse>"});
        run(f);
        assert_string_equal(f->error.message, "cannot assume "
                                              "arn:aws:iam::444455556666:role/A: no");
        assert_string_equal(f->error.code, "AccessDenied");
}

static void test_cancel_in_every_state(void **state)
{
        Fixture *f = *state;

        /* The choice fails. */
        fake_net_file(&f->net, CONFIG,
                      "[default]\nregion = eu-west-1\nsource_profile = default\n" ROLE("A") KEYS);
        must_make(f, "profile default -> role arn:aws:iam::444455556666:role/A");
        fake_net_setenv(&f->net, "AWS_PROFILE", "none");
        start(f);
        f->source->cancel(f->fetch);
        fake_net_setenv(&f->net, "AWS_PROFILE", NULL);

        /* Before the keys are there, and while STS is asked. */
        start(f);
        f->source->cancel(f->fetch);
        start(f);
        fake_net_turn(&f->net);
        assert_int_equal(f->net.n_open, 1);
        f->source->cancel(f->fetch);
        f->source->cancel(NULL);
        assert_int_equal(f->net.n_open, 0);
        assert_int_equal(f->net.n_timers, 0);
        assert_int_equal(f->n_called, 0);
}

int main(int argc, char *argv[])
{
#define F(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        static const struct CMUnitTest others[] = {
                F(test_places_of_the_files),   F(test_too_long_a_way),
                F(test_roles_on_roles),        F(test_regions),
                F(test_web_identity),          F(test_web_identity_failures),
                F(test_choice_is_made_anew),   F(test_profile_that_comes_later),
                F(test_last_resort_fails),     F(test_denied_on_the_way),
                F(test_cancel_in_every_state),
        };
        struct CMUnitTest tests[ELEMENTSOF(cases) + ELEMENTSOF(others)];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                tests[i] = (struct CMUnitTest){.name = cases[i].name,
                                               .test_func = test_case,
                                               .initial_state = (void *)&cases[i]};
        memcpy(tests + ELEMENTSOF(cases), others, sizeof(others));

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return _cmocka_run_group_tests("credchain", tests, ELEMENTSOF(tests), NULL, NULL);
}
