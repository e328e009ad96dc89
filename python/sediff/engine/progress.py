"""What a person sees while CCDs run: a bar on a terminal, a line for each CCD under nohup; and a line for each failure."""
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
    verbose : bool
        A line for each step, too; without it these are in the steps' logs only.
    """

    #: Whether this process has said that newer code redoes nothing.
    said_pinned = False

    def __init__(self, title: str, ccds: int, steps: int, stream: TextIO | None = None,
                 verbose: bool = False):
        self.title, self.stream, self.verbose = title, stream or sys.stderr, verbose
        self.total, self.done, self.started = ccds * steps, 0, time.time()
        self.live = self.stream.isatty()
        self.phase = title.partition(' ')[2]
        self.pinned: set[str] = set()

    def event(self, label: str, event: tuple) -> None:
        """Take an event of a worker: ('plan'|'more'|'start'|'done'|'fail'|'end'|'pinned', step, facts)."""
        kind, step, facts = event
        if kind == 'plan':
            self.total += facts['todo'] - facts['steps']
            if not facts['todo'] and not self.live:
                self._line(f'{label} {self.phase}: nothing to do: all {facts["steps"]} steps are done')
        elif kind == 'pinned':
            self.pinned |= {label_of.split('_')[0] for label_of in facts['steps']}
        elif kind == 'more':
            self.total += facts['count']
        elif kind == 'done':
            self.done += 1
            if self.verbose:
                self._line(f'{label} {step} done in {facts["seconds"]:.2f} s, {facts["peak_mb"]:.0f} MB{_counted(facts)}')
        elif kind == 'end':
            if facts['steps'] and not self.live:
                self._line(f'{label} {self.phase}: {facts["steps"]} steps in {facts["seconds"]:.1f} s, '
                           f'{facts["peak_mb"]:.0f} MB{_counted(facts)}')
        elif kind == 'fail':
            self._line(f'{label} {step} FAILED: {facts["reason"]}')
        if self.live:
            self._bar(f'{label} {step}')

    def close(self) -> None:
        """End the bar's line."""
        if self.live:
            self.stream.write('\r\x1b[K')
        if self.pinned and not Progress.said_pinned:
            Progress.said_pinned = True
            names = ', '.join(sorted(self.pinned))
            self._line(f'CODE_CHANGES=keep: what newer code alone would change stays as it is ({names})')
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


def _counted(facts: dict) -> str:
    """What the steps have counted, to stand after other metrics."""
    counts = facts.get('counts', {})
    return '; ' + ', '.join(f'{number} {what}' for what, number in counts.items()) if counts else ''
