"""The files of a session, opened by the pool without ever following a link.

The session owns this tree and may change it between any two steps of ours, so nothing is looked up
by a path twice: each folder is opened by its name in the one before, refusing links, and what is
done is done by way of the folder that is open. A link put in the place of a name is then refused
or replaced, and never leads out.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.localpool.errors import bad_name, bad_path, failed, no_such_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe in a file's place must not keep the pool waiting, and a terminal must not adopt it.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
#: A listing ends here, so that a session full of tiny files cannot exhaust the pool.
MOST_ENTRIES = 100_000
_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder as it was found.

    Attributes:
        folders: where it is, relative to `/mnt/data`.
        size: in bytes; 0 for a folder.
        modified: seconds since 1970.
    """

    folders: tuple[str, ...]
    name: str
    size: int
    modified: float
    is_folder: bool


class Tree:
    """The files below one folder of this machine that its session owns."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open_file(self, folders: tuple[str, ...], name: str) -> tuple[int, Entry]:
        """Open a regular file for reading; whoever asks closes it.

        Raises:
            Refusal: it is missing, or no regular file.
        """
        with self._folder(folders) as folder:
            with _told(folder, name):
                file = os.open(name, _FILE, dir_fd=folder)
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                os.close(file)
                raise no_such_file("This is not a file.")
            return file, _entry(folders, name, status)

    def entry(self, folders: tuple[str, ...], name: str) -> Entry:
        """Return what lies under that name.

        Raises:
            Refusal: nothing, or neither a file nor a folder.
        """
        with self._folder(folders) as folder, _told(folder, name):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            raise _is_link()
        if not _is_plain(status):
            raise no_such_file("This is not a file.")
        return _entry(folders, name, status)

    def entries(self, folders: tuple[str, ...], *, recursive: bool) -> list[Entry]:
        """Files and folders in a folder, links and the like left out, in order of their paths.

        Raises:
            Refusal: there is no such folder.
        """
        found: list[Entry] = []
        with self._folder(folders) as folder:
            _collect(folder, folders, found, _DEEPEST if recursive else 0)
        return sorted(found, key=lambda entry: (entry.folders, entry.name))

    def place(self, source: Path, folders: tuple[str, ...], name: str) -> Entry:
        """Move a whole file from outside into the tree, over what has its name; make its folders.

        Raises:
            Refusal: a link or a file is in the place of a folder, or a folder in that of the file.
        """
        status = source.stat()
        with self._folder(folders, make=True) as folder, _told(folder, name):
            # Not following the last name is what rename does: a link there is replaced.
            os.rename(source, name, dst_dir_fd=folder)
            return _entry(folders, name, status)

    def delete(self, folders: tuple[str, ...], name: str) -> None:
        """Delete a file.

        Raises:
            Refusal: it is missing, or no file.
        """
        if self.entry(folders, name).is_folder:
            raise bad_name("This is a folder.")
        with self._folder(folders) as folder, _told(folder, name):
            os.unlink(name, dir_fd=folder)

    @contextmanager
    def _folder(self, folders: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
        with _told(None, str(self._root)):
            current = os.open(self._root, _FOLDER)
        try:
            for name in folders:
                with _told(current, name):
                    if make:
                        with suppress(FileExistsError):
                            os.mkdir(name, dir_fd=current)
                    inner = os.open(name, _FOLDER, dir_fd=current)
                os.close(current)
                current = inner
            yield current
        finally:
            os.close(current)


@contextmanager
def _told(folder: int | None, name: str) -> Iterator[None]:
    """Turn what the system says of a name in a folder into what the service says of it."""
    try:
        yield
    except OSError as error:
        with suppress(OSError):
            if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                raise _is_link() from None
        if error.errno == errno.EISDIR:
            raise bad_name("A folder has this name.") from None
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
            raise no_such_file("The file or folder does not exist.") from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise no_such_file("The session took the permission to read this away.") from None
        raise failed(f"The file cannot be used: {error.strerror}.") from None


def _is_link() -> Exception:
    return bad_path("Symbolic links are not supported.")


def _is_plain(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)


def _entry(folders: tuple[str, ...], name: str, status: os.stat_result) -> Entry:
    is_folder = stat.S_ISDIR(status.st_mode)
    return Entry(folders, name, 0 if is_folder else status.st_size, status.st_mtime, is_folder)


def _collect(folder: int, folders: tuple[str, ...], found: list[Entry], deeper: int) -> None:
    with os.scandir(folder) as names:
        for each in names:
            with suppress(OSError):
                status = each.stat(follow_symlinks=False)
                # A name that is no text cannot be written in JSON.
                if not _is_plain(status) or not _is_text(each.name):
                    continue
                found.append(_entry(folders, each.name, status))
                if len(found) >= MOST_ENTRIES:
                    return
                if deeper and stat.S_ISDIR(status.st_mode):
                    inner = os.open(each.name, _FOLDER, dir_fd=folder)
                    try:
                        _collect(inner, (*folders, each.name), found, deeper - 1)
                    finally:
                        os.close(inner)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
