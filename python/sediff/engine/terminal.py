"""What a command does about signals, a closed output, and errors that nobody expected."""
from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import TextIO

from sediff.errors import Temporary

#: Signals that stop a command; its exit code is 128 and their number.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Errors of a stream that nobody reads any more: the reader is gone, or the terminal is.
_GONE = (errno.EPIPE, errno.EIO, errno.ECONNRESET)


class Stopped(KeyboardInterrupt):
    """A signal asked the command to stop.

    Parameters
    ----------
    number : int
    """

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


def check_stopped() -> None:
    """Raise `Stopped` where a signal has come whose exception got lost: a library turned it into one of its own."""
    if _received:
        raise Stopped(_received[0])


#: Signals that have come.
_received: list[int] = []


class PatientStream:
    """A text stream whose reader may go away: what nobody can read is dropped and the work goes on.

    A full disk under it is remembered in `lost`, for the exit code.

    Parameters
    ----------
    stream : TextIO
    """

    def __init__(self, stream: TextIO):
        self._stream = stream
        self.lost: OSError | None = None

    def __getattr__(self, name: str):
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or drop."""
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            return self._stream.write(text.encode('ascii', 'backslashreplace').decode('ascii'))
        except OSError as error:
            self._drop(error)
            return len(text)

    def flush(self) -> None:
        """Flush, or drop."""
        try:
            self._stream.flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        """From now on write to nowhere."""
        if error.errno not in _GONE:
            self.lost = error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def watch_signals() -> None:
    """Make SIGINT, SIGTERM and SIGHUP raise `Stopped`; SIGINT also where it was inherited as ignored, as in a script's
    background jobs, SIGHUP only where it was not (nohup)."""
    if threading.current_thread() is not threading.main_thread():
        return
    _received.clear()
    for number in STOPPING:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    sys.unraisablehook = _stopped_where_nobody_can_raise


def watch_output() -> None:
    """Let stdout and stderr be streams whose readers may go away."""
    sys.stdout, sys.stderr = (stream if stream is None or isinstance(stream, PatientStream) else PatientStream(stream)
                              for stream in (sys.stdout, sys.stderr))


def lost_output() -> Temporary | None:
    """The error of an output that a full disk could not take."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, PatientStream):
            stream.flush()
            if stream.lost is not None:
                return Temporary(f'output could not be written ({stream.lost.strerror}); free some space and start again')
    return None


def last_resort(what: str, error: BaseException) -> str:
    """A sentence about an error that nobody expected; its traceback goes into a file that the sentence names."""
    said = ' '.join(str(error).split())[:300]
    where = traceback.extract_tb(error.__traceback__)
    place = f' ({Path(where[-1].filename).name}:{where[-1].lineno})' if where else ''
    text = ''.join(traceback.format_exception(type(error), error, error.__traceback__))
    hint = 'too little memory: fewer workers (-w) or a larger machine' if isinstance(error, MemoryError) else \
        'this is a fault of sediff, please report it with the log'
    return f'{what}: {type(error).__name__}: {said or "no message"}{place}; {hint}; {_log(text)}'


def _log(text: str) -> str:
    name = f'sediff_{time.strftime("%Y%m%dT%H%M%S", time.gmtime())}_{os.getpid()}.log'
    for folder in (tempfile.gettempdir(), os.getcwd()):
        try:
            path = Path(folder) / name
            with open(path, 'a', encoding='utf-8', errors='backslashreplace') as handle:
                handle.write(text)
            return f'log: {path}'
        except OSError:
            continue
    return 'no log: nothing can be written'


def _stop(number, frame):
    _received.append(number)
    raise Stopped(number)


def _stopped_where_nobody_can_raise(unraisable) -> None:
    """A signal that came while Python could not raise is sent again; other errors of this kind are of no consequence."""
    if isinstance(unraisable.exc_value, Stopped):
        os.kill(os.getpid(), unraisable.exc_value.number)
