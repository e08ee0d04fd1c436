"""Folders that only their owner may enter, and files that only their owner may read.

What lies below such a folder is out of reach too, whichever process wrote it under whatever umask.
"""

import os
from pathlib import Path

OTHERS = 0o007


def make_private(folder: Path) -> None:
    """Make a folder, mode 700. One of ours that everybody may enter becomes that too.

    A folder that shuts out others was given its mode on purpose, such as 750 for a group: it stays.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    found = folder.stat()
    if is_new or (found.st_mode & OTHERS and found.st_uid == os.getuid()):
        folder.chmod(0o700)


def write_private(path: Path, content: bytes) -> None:
    """Write a file, mode 600, in a private folder."""
    make_private(path.parent)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "wb") as opened:
        os.fchmod(file, 0o600)
        opened.write(content)
