"""How long a whole exposure takes on many cores, from what one CCD was measured to need: a list schedule and the disk."""
from __future__ import annotations

import heapq
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Costs:
    """What one CCD and one exposure need.

    Parameters
    ----------
    start : float
        From the command to the first CCD, s.
    single_epoch, difference : float
        Of one CCD, s.
    tables, tables_ccd : float
        After the last CCD of single epoch, in one process, s: the tables of an exposure and the picture of its quality with
        no CCD, and what each CCD adds.
    page, page_ccd : float
        After the last CCD of difference imaging, in one process, s: the pages without CCDs, and what each CCD adds.
    draw : float
        What a worker draws for the pages of one CCD, s.
    megabytes : float
        That a CCD reads and writes.
    rate : float
        MB/s of the disk.
    slowdown : float
        How much longer a CCD takes while all cores are busy.
    """

    start: float
    single_epoch: float
    difference: float
    tables: float
    tables_ccd: float
    page: float
    page_ccd: float
    draw: float
    megabytes: float
    rate: float
    slowdown: float = 1.0


def list_schedule(seconds: Sequence[float], cores: int) -> float:
    """When the last of these tasks ends, each begun by the next free core, the longest first."""
    free = [0.0] * cores
    for task in sorted(seconds, reverse=True):
        heapq.heappush(free, heapq.heappop(free) + task)
    return max(free)


def projected(costs: Costs, ccds: int, cores: int) -> float:
    """Wall seconds of an exposure; the CCDs together take no less than the disk needs for their bytes."""
    busy = costs.slowdown if cores > 1 else 1.0
    work = sum(list_schedule([busy * each] * ccds, cores) for each in (costs.single_epoch, costs.difference, costs.draw))
    alone = costs.tables + costs.page + ccds * (costs.tables_ccd + costs.page_ccd)
    return costs.start + max(work, ccds * costs.megabytes / costs.rate) + alone


def efficiency(costs: Costs, ccds: int, cores: int) -> float:
    """Seconds of one core over those of all cores together."""
    return projected(costs, ccds, 1) / (cores * projected(costs, ccds, cores))


def disk_rate(folder: Path, megabytes: int = 256) -> float:
    """MB/s of writing a file through to the disk and reading it back from there, one after the other."""
    path, block = folder / 'rate', os.urandom(2 ** 20)
    started = time.perf_counter()
    with open(path, 'wb', buffering=0) as handle:
        for _ in range(megabytes):
            handle.write(block)
        os.fsync(handle.fileno())
        if hasattr(os, 'posix_fadvise'):
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with open(path, 'rb', buffering=0) as handle:
        while handle.read(2 ** 20):
            pass
    took = time.perf_counter() - started
    path.unlink()
    return 2 * megabytes / took
