"""
plugins - the example plugin where a onced may load it
"""

import shutil

from .harness import BUILD


def install(directory):
    """The library where only we can change it."""
    path = directory / "word_count.so"
    shutil.copyfile(BUILD / "tests" / "support" / "plugins" / "word_count.so", path)
    path.chmod(0o644)
    return path


def plugin_section(path, **more):
    return {"type": "plugin", "path": str(path), "path.word": "event_id", **more}
