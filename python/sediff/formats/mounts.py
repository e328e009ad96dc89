"""Which file system a path is on."""
from __future__ import annotations

import os
import re
from pathlib import Path

#: Types of file systems that several machines write; their locks and shared memory are not those of one machine.
NETWORK = frozenset('nfs nfs4 cifs smb3 smbfs lustre gpfs beegfs afs ceph glusterfs fuse.glusterfs fuse.sshfs fuse.ceph '
                    'fuse.s3fs fuse.rclone pvfs2 panfs wekafs ocfs2 gfs2 davfs fuse.davfs ncpfs coda orangefs'.split())
MOUNTS = Path('/proc/self/mountinfo')


def file_system_of(path: str | os.PathLike, mounts: Path = MOUNTS) -> str:
    """Type of the file system of a path, or of its first parent that exists; '' where the system does not tell.

    Parameters
    ----------
    mounts : Path
        The table of mounts, in the form of proc(5), `/proc/PID/mountinfo`.
    """
    try:
        lines = mounts.read_text(encoding='utf-8', errors='surrogateescape').splitlines()
    except OSError:
        return ''
    real, best, kind = os.path.realpath(path), '', ''
    for line in lines:
        before, _, after = line.partition(' - ')
        point = _unescaped(before.split(' ')[4]) if before.count(' ') > 4 else ''
        if point and (real == point or real.startswith(point.rstrip('/') + '/')) and len(point) >= len(best):
            best, kind = point, after.split(' ')[0]
    return kind


def network_of(path: str | os.PathLike, mounts: Path = MOUNTS) -> str:
    """The type of a path's file system where that is one of the network, else ''."""
    kind = file_system_of(path, mounts)
    return kind if kind in NETWORK else ''


def _unescaped(text: str) -> str:
    """Blanks and the like stand as three octal digits."""
    return re.sub(r'\\([0-7]{3})', lambda found: chr(int(found[1], 8)), text)
