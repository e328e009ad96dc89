"""Queries to a TAP service through astroquery, with time limits: the answer as a file."""
from __future__ import annotations

import gzip
import http.client
import io
import re
import socket
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from sediff.errors import BadInput, BadUsage, Temporary
from sediff.refcat.votable import VotableReader

#: HTTP answers after which trying again may help.
_BUSY = (408, 425, 429, 500, 502, 503, 504)
#: Words in a failed job's message that mean the same.
_BUSY_WORDS = ('timeout', 'timed out', 'time out', 'time limit', 'too many', 'unavailable', 'overload', 'cancel', 'quota',
               'try again', 'out of memory', 'connection')
_UNFINISHED = ('PENDING', 'QUEUED', 'EXECUTING', 'UNKNOWN', 'HELD', 'SUSPENDED')


@dataclass(frozen=True)
class TapOptions:
    """How to ask.

    Parameters
    ----------
    url : str
        Of the service, without /sync or /async.
    sync : bool
        Ask synchronously (small answers); else jobs.
    maxrec : int
        Most rows of one answer.
    timeout : float
        Longest silence of a connection, s.
    job_timeout : float
        Longest time a job may take, s.
    poll : float
        Time between two looks at a job, s.
    retries : int
        Times to try again after a passing failure.
    pause : float
        Time before the first of them, s; doubled each time.
    """

    url: str
    sync: bool = False
    maxrec: int = 1_000_000
    timeout: float = 60.0
    job_timeout: float = 1800.0
    poll: float = 2.0
    retries: int = 3
    pause: float = 5.0


class TapService:
    """One TAP service.

    Raises
    ------
    BadUsage
        The URL is not an http(s) URL.
    """

    def __init__(self, options: TapOptions):
        parts = urlsplit(options.url)
        if parts.scheme not in ('http', 'https') or not parts.hostname:
            raise BadUsage(f'--url {options.url!r} is not an http(s) URL of a TAP service')
        self.options = options
        from astroquery.utils.tap.core import Tap
        port = parts.port or (443 if parts.scheme == 'https' else 80)
        context, _, tap = parts.path.strip('/').rpartition('/')
        self._connection = _connection_type()(
            ishttps=parts.scheme == 'https', host=parts.hostname, port=port, sslport=port,
            server_context='/' + context if context else '', tap_context=tap,
            connhandler=_TimedConnections(parts.hostname, port, options.timeout))
        self._tap = Tap(url=options.url, connhandler=self._connection)

    def fetch(self, query: str, path: Path) -> int:
        """Ask, and write the VOTable that comes back to `path`; its bytes.

        Raises
        ------
        Temporary
            The service is away, busy or too slow, after all retries.
        BadInput
            It refuses the query; the message has its words.
        """
        for attempt in range(self.options.retries + 1):
            if attempt:
                time.sleep(self.options.pause * 2.0 ** (attempt - 1))
            try:
                with redirect_stdout(io.StringIO()):
                    (self._ask_sync if self.options.sync else self._ask_job)(query, path)
                return path.stat().st_size
            except _Passing as error:
                reason = str(error)
            except (TimeoutError, ConnectionError, socket.gaierror, http.client.HTTPException, OSError) as error:
                reason = self._describe(error, path)
        raise Temporary(f'{self.options.url}: {reason}; tried {self.options.retries + 1} times. '
                        'Give the same command again later: it resumes')

    def _ask_sync(self, query: str, path: Path) -> None:
        limited = query.replace('SELECT ', f'SELECT TOP {self.options.maxrec} ', 1)
        self._tap.launch_job(limited, output_file=str(path), dump_to_file=True, maxrec=self.options.maxrec,
                             format_with_results_compressed=())
        self._check_whole(path)

    def _ask_job(self, query: str, path: Path) -> None:
        job = self._tap.launch_job_async(query, output_file=str(path), dump_to_file=True, background=True,
                                         maxrec=self.options.maxrec, format_with_results_compressed=())
        deadline = time.monotonic() + self.options.job_timeout
        while (phase := job.get_phase(update=True).strip().upper()) in _UNFINISHED:
            if time.monotonic() > deadline:
                raise _Passing(f'job {job.jobid} is still {phase} after {self.options.job_timeout:g} s')
            time.sleep(self.options.poll)
        if phase != 'COMPLETED':
            message = ' '.join(str(job.get_error()).split()) if phase == 'ERROR' else ''
            self._refuse(f'job {job.jobid} ended as {phase}: {message or "no reason given"}', message, phase != 'ERROR')
        response = self._connection.execute_tapget(f'async/{job.jobid}/results/result')
        for _ in range(5):
            if response.status not in (301, 302, 303, 307):
                break
            response = self._connection.execute_tapget(urljoin(self.options.url + '/', response.getheader('location') or ''))
        if response.status != 200:
            raise http.client.HTTPException(f'{response.status} {response.reason}')
        self._connection.dump_to_file(str(path), response)
        self._check_whole(path)

    def _check_whole(self, path: Path) -> None:
        """A passing failure where the answer is cut short; BadInput where it is a service's error."""
        try:
            status, message = _status(path)
        except BadInput as error:
            raise _Passing(f'its answer is not a whole VOTable ({error})') from error
        if status == 'ERROR':
            self._refuse(f'it answers: {message}', message, False)

    def _refuse(self, text: str, message: str, passing: bool) -> None:
        if passing or any(word in message.lower() for word in _BUSY_WORDS):
            raise _Passing(text)
        raise BadInput(f'{self.options.url} refuses the query ({text}); look at the table, its columns and --where')

    def _describe(self, error: Exception, path: Path) -> str:
        """The reason of a failed request; BadInput where asking again cannot help."""
        import requests
        if isinstance(error, TimeoutError):
            return f'no answer within {self.options.timeout:g} s'
        status = self._connection.get_response_status()
        if isinstance(error, requests.exceptions.HTTPError | http.client.HTTPException) and 400 <= status < 600:
            message = _error_text(path) or str(error)
            if status not in _BUSY:
                raise BadInput(f'{self.options.url} refuses the query (HTTP {status}: {message}); look at the URL, table '
                               'and its columns')
            return f'HTTP {status}: {message}'
        return f'{type(error).__name__}: {error}'


class _Passing(Exception):
    """A failure that may pass."""


class _TimedConnections:
    """Makes astroquery's connections, with a time limit, which its own lack."""

    def __init__(self, host: str, port: int, timeout: float):
        self._host, self._port, self._timeout = host, port, timeout

    def get_connection(self, *, ishttps: bool = False, cookie=None, verbose: bool = False):
        """A connection for one request."""
        kind = http.client.HTTPSConnection if ishttps else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self._timeout)

    def get_connection_secure(self, verbose: bool = False):
        """The same over TLS."""
        return self.get_connection(ishttps=True)


def _connection_type():
    """astroquery's connection, which fails on the text of a refused synchronous query, mended."""
    from astroquery.utils.tap.conn.tapconn import TapConn

    class Connection(TapConn):
        def dump_to_file(self, output, response):
            """Write an answer, also one that was read as text."""
            if isinstance(response, str):
                Path(output).write_text(response, encoding='utf-8')
            else:
                super().dump_to_file(output, response)
    return Connection


def _status(path: Path) -> tuple[str, str]:
    """QUERY_STATUS of a VOTable file and its text; BadInput where it is not a whole VOTable."""
    try:
        with open(path, 'rb') as raw, (gzip.open(raw) if raw.peek(2)[:2] == b'\x1f\x8b' else raw) as handle:
            reader = VotableReader(handle, str(path))
            for _ in reader.chunks(set(), 1 << 20):
                pass
            return reader.status, reader.message
    except (EOFError, gzip.BadGzipFile) as error:
        raise BadInput(f'{path} is cut short') from error


def _error_text(path: Path) -> str:
    """The words of the error document that astroquery saved, if it did."""
    saved = path.with_name(path.name + '.error')
    if not saved.is_file():
        return ''
    try:
        return ' '.join(_status(saved)[1].split())
    except BadInput:
        return ' '.join(re.sub('<[^>]*>', ' ', saved.read_text(encoding='utf-8', errors='replace')).split())[:300]
    finally:
        saved.unlink()
