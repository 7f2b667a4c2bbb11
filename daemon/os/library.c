/*
 * library - shared libraries that are loaded into this process
 */
#include "os/library.h"

#include <dlfcn.h>
#include <errno.h>

#include "base/cleanup.h"
#include "os/trusted.h"

int library_load(const char *path, void **ret_library, struct err *err)
{
	_cleanup_free_ char *real = NULL;
	int r = trusted_file(path, &real, err);

	if (r < 0) {
		return r;
	}
	*ret_library = dlopen(real, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!*ret_library) {
		/* names the file itself */
		return err_set(err, -ELIBBAD, "%s", dlerror());
	}
	return 0;
}

const void *library_symbol(void *library, const char *name)
{
	return dlsym(library, name);
}
