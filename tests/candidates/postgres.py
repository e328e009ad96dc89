"""A PostgreSQL server of the tests' own, from Debian's binaries."""
from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARIES = sorted(Path('/usr/lib/postgresql').glob('*/bin'))


class Server:
    """A server in a folder of its own, on a socket there and a free port; it can go away and come back."""

    def __init__(self, folder: Path):
        # initdb refuses to run as root
        self.user = {'user': 'nobody', 'group': pwd.getpwnam('nobody').pw_gid} if os.geteuid() == 0 else {}
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        self._run('initdb', '-D', folder / 'data', '-A', 'trust', '-U', 'tests', '--no-sync')

    @property
    def url(self) -> str:
        """What DB_URL would say."""
        return f'postgresql+psycopg://tests@127.0.0.1:{self.port}/postgres'

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f'-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off'
        self._run('pg_ctl', '-D', self.folder / 'data', '-w', '-l', self.folder / 'log', '-o', options, 'start')

    def stop(self) -> None:
        """Stop it at once, its clients' transactions with it."""
        self._run('pg_ctl', '-D', self.folder / 'data', '-w', '-m', 'immediate', 'stop')

    def _run(self, program: str, *words) -> None:
        done = subprocess.run([str(BINARIES[-1] / program), *map(str, words)], cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE if program == 'initdb' else None, text=True,
                              check=False, **self.user)
        assert done.returncode == 0, done.stderr


@contextmanager
def running_server() -> Iterator[Server]:
    """A server that runs; removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix='sediff_pg_'))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, 'nobody')
        server = Server(folder)
        server.start()
        try:
            yield server
        finally:
            subprocess.run([str(BINARIES[-1] / 'pg_ctl'), '-D', str(folder / 'data'), '-m', 'immediate', 'stop'], cwd=folder,
                           capture_output=True, check=False, **server.user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
