"""What a person sees while CCDs run: a bar on a terminal, plain lines under nohup."""
from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Counts steps over all CCDs of a phase.

    Parameters
    ----------
    title : str
        Exposure and phase, e.g. `668443 SE`.
    ccds : int
        How many CCDs run.
    steps : int
        Steps a CCD at most; corrected when a CCD says how many it has to do.
    """

    def __init__(self, title: str, ccds: int, steps: int, stream: TextIO | None = None):
        self.title, self.stream = title, stream or sys.stderr
        self.total, self.done, self.started = ccds * steps, 0, time.time()
        self.live = self.stream.isatty()

    def event(self, label: str, event: tuple) -> None:
        """Take an event of a worker: ('plan'|'start'|'done'|'fail', step, facts)."""
        kind, step, facts = event
        if kind == 'plan':
            self.total += facts['todo'] - facts['steps']
            if not facts['todo'] and not self.live:
                self._line(f'{label} nothing to do: all {facts["steps"]} steps are done')
        elif kind == 'done':
            self.done += 1
            if not self.live:
                self._line(f'{label} {step} done in {facts["seconds"]:.2f} s, {facts["peak_mb"]:.0f} MB')
        elif kind == 'fail':
            self._line(f'{label} {step} FAILED: {facts["reason"]}')
        if self.live:
            self._bar(f'{label} {step}')

    def close(self) -> None:
        """End the bar's line."""
        if self.live:
            self.stream.write('\r\x1b[K')
        self._line(f'{self.title}: {self.done} steps in {time.time() - self.started:.1f} s')

    def _bar(self, note: str) -> None:
        width = 30
        filled = width * self.done // max(self.total, 1)
        bar = '#' * filled + '.' * (width - filled)
        self.stream.write(f'\r\x1b[K{self.title} [{bar}] {self.done}/{self.total} {note}')
        self.stream.flush()

    def _line(self, text: str) -> None:
        clear = '\r\x1b[K' if self.live else ''
        self.stream.write(f'{clear}{time.strftime("%H:%M:%S")} {text}\n')
        self.stream.flush()
