/*
 * exec_command - a command line split into its words
 *
 * Pure. Quoting as a shell's, and no shell: 'as it is', "with \" and \\", \ before any character.
 * What a shell would act upon, unquoted, is refused: it would be passed on as a word otherwise, and
 * do nothing that was meant.
 */
#pragma once

/*
 * The words, NULL at the end, in one piece of memory to be freed; or NULL with `ret_fault`, a
 * sentence that lives for ever.
 */
char **exec_command_split(const char *command, const char **ret_fault);
