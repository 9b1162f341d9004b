"""Replaces a folder by another one of the same file system."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2
# The kernel, the C library or the file system lacks the call.
LACKING = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}


def switch(new: Path, target: Path) -> None:
    """Puts `new` in the place of `target`. The former folder is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        os.rename(new, target)
    elif exchange(new, target):
        shutil.rmtree(new)
    else:
        move_aside(new, target)


def exchange(first: Path, second: Path) -> bool:
    """Exchanges two folders in one step, and returns false where the system cannot (Linux can)."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    if renameat2(AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in LACKING:
        return False
    raise OSError(code, os.strerror(code), str(second))


def move_aside(new: Path, target: Path) -> None:
    """Replaces a folder by two renames, between which it does not exist for a moment."""
    old = new.with_name(f"{new.name}.old")
    os.rename(target, old)
    try:
        os.rename(new, target)
    except OSError:
        os.rename(old, target)
        raise
    shutil.rmtree(old)
