"""
fill - a manual page out of its text and the list that the program's own tables give

usage: fill.py VERSION PAGE.scd OUTPUT PROGRAM [ARGUMENT...]
The program is asked only where the text has a place for its list.
"""

import pathlib
import subprocess
import sys


def main():
    version, source, output, *program = sys.argv[1:]
    text = pathlib.Path(source).read_text(encoding="utf-8").replace("@VERSION@", version)
    if "@TABLE@" in text:
        table = subprocess.run(program, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout.strip("\n")
        text = text.replace("@TABLE@", table)
    made = subprocess.run(["scdoc"], input=text, stdout=subprocess.PIPE, encoding="utf-8")
    if made.returncode:
        sys.exit(f"{source}: scdoc cannot read it")
    pathlib.Path(output).write_text(made.stdout, encoding="utf-8")


main()
