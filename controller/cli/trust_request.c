/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/trust_request.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "controller/cli/base64.h"
#include "controller/cli/say.h"
#include "controller/cli/trust_standing.h"
#include "controller/cli/whole_file.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"

#define FORMAT_KEY "belay_trust_request"

enum {
    REQUEST_BYTES_MAX = 4 * PROTO_TRUST_BYTES_MAX,
};

void ctl_trust_request_release(struct ctl_trust_request *request)
{
    proto_buffer_release(&request->before);
    proto_buffer_release(&request->file);
}

static json_t *encode(const struct proto_buffer *buffer)
{
    BL_AUTO_FREE char *text =
        buffer->size_bytes > 0 ? ctl_base64(buffer->data, buffer->size_bytes) : NULL;

    return text != NULL ? json_string(text) : json_null();
}

int ctl_trust_request_write(const char *path, const struct ctl_trust_request *request,
                            struct bl_error *err)
{
    CTL_AUTO_JSON *object = json_pack("{s:i, s:o, s:o}", FORMAT_KEY, 1, "before",
                                      encode(&request->before), "file", encode(&request->file));
    BL_AUTO_FREE char *text = object != NULL ? json_dumps(object, JSON_INDENT(1)) : NULL;

    if (text == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");

    return ctl_whole_file_write(path, text, err);
}

int ctl_trust_request_decode(const char *text, struct proto_buffer *ret_buffer,
                             struct bl_error *err)
{
    size_t text_bytes = strlen(text), room_bytes = text_bytes / 4 * 3 + 3;

    ret_buffer->data = malloc(room_bytes);
    if (ret_buffer->data == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    ret_buffer->capacity_bytes = room_bytes;
    if (sodium_base642bin(ret_buffer->data, room_bytes, text, text_bytes, NULL,
                          &ret_buffer->size_bytes, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return bl_fail(err, -EUCLEAN, "its trust file is not base64");

    return 0;
}

int ctl_trust_request_read(const char *path, struct ctl_trust_request *ret_request,
                           struct bl_error *err)
{
    CTL_AUTO_TRUST_REQUEST request = {0};
    CTL_AUTO_JSON *object = NULL;
    BL_AUTO_FREE char *text = NULL;
    size_t text_bytes = 0;
    int r;

    r = bl_file_read(AT_FDCWD, path, REQUEST_BYTES_MAX, &text, &text_bytes, err);
    if (r < 0)
        return r;
    object = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object) || ctl_json_number(object, FORMAT_KEY) != 1)
        return bl_fail(err, -EUCLEAN, "'%.100s' is no trust file to be signed", path);
    if (!json_is_null(json_object_get(object, "before")))
        r = ctl_trust_request_decode(ctl_json_text(object, "before"), &request.before, err);
    if (r >= 0)
        r = ctl_trust_request_decode(ctl_json_text(object, "file"), &request.file, err);
    if (r < 0)
        return bl_wrap(err, "'%.100s'", path);
    *ret_request = request;
    request = (struct ctl_trust_request){0};

    return 0;
}

int ctl_trust_request_tell(const struct ctl_cli_globals *globals, const char *path,
                           const struct ctl_trust_request *request, struct bl_error *err)
{
    CTL_AUTO_TRUST_STANDING standing = {0};
    char missing[CTL_TRUST_MISSING_BYTES];
    int r = ctl_trust_stand(request->before.data, request->before.size_bytes, &request->file,
                            &standing, err);

    if (r < 0)
        return r;
    if (globals->json) {
        CTL_AUTO_JSON *answer = ctl_trust_standing_json(&standing);

        (void)json_object_set_new(answer, "file", json_string(path));
        ctl_out_json(answer, stdout);
    } else {
        (void)printf("trust file version %llu in '", (unsigned long long)standing.next.version);
        ctl_out_put(stdout, path);
        (void)fputs("': ", stdout);
        ctl_out_put(stdout, ctl_trust_missing(&standing, missing));
        (void)fputc('\n', stdout);
    }
    if (ctl_trust_is_whole(&standing)) {
        ctl_cli_say_next("'belay roots take %s' at each desk that writes trust files, first at one "
                         "that reaches the controller: until then nothing has changed",
                         path);
    } else {
        ctl_cli_say_next("half signed, so nothing has changed: carry it to a desk that has what is "
                         "missing, 'belay roots sign %s' there; to undo, throw it away",
                         path);
        ctl_cli_say_next("when so many roots are lost that nobody can: belay(1), LOST ROOT KEYS");
    }

    return 0;
}
