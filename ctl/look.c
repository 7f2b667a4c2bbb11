#include "look.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "client.h"

static void json_cleanup(json_t **object)
{
	json_decref(*object);
}

int look_get(const struct ctl *ctl, const char *target, struct buffer *body)
{
	struct err err = ERR_INIT;
	int r = client_get(ctl->socket_path, target, body, &err);

	if (r != 0) {
		fprintf(stderr, "oncectl: %s\n", err.text);
		return r > 0 ? CTL_NOT_REACHABLE : CTL_FAILED;
	}
	return CTL_OK;
}

int look_at_consumers(const struct ctl *ctl, const char *name, json_t **ret)
{
	_cleanup_(buffer_fini) struct buffer body = BUFFER_INIT;
	_cleanup_(json_cleanup) json_t *root = NULL;
	int status = look_get(ctl, "/v1/status", &body);
	const json_t *all;

	*ret = NULL;
	if (status != CTL_OK) {
		return status;
	}
	root = json_loadb(buffer_str(&body), body.len, 0, NULL);
	all = json_object_get(root, "consumers");
	if (!json_is_array(all)) {
		fprintf(stderr, "oncectl: %s: the answer is no status of onced\n",
			ctl->socket_path);
		return CTL_FAILED;
	}
	*ret = json_array();
	for (size_t i = 0; i < json_array_size(all); i++) {
		json_t *consumer = json_array_get(all, i);
		const char *its = json_string_value(json_object_get(consumer, "name"));

		if (!name || (its && strcmp(its, name) == 0)) {
			(void)json_array_append(*ret, consumer);
		}
	}
	if (json_array_size(*ret) == 0) {
		fprintf(stderr, "oncectl: there is no consumer %s\n", name ? name : "at all");
		return CTL_FAILED;
	}
	return CTL_OK;
}
