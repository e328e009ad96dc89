"""The processed night as a season: what would run, and what runs."""
from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from sediff import steps
from sediff.engine.planning import plan
from sediff.flow.exposure.job import Job, prepare, run_job
from sediff.flow.exposure.run import with_field
from sediff.flow.exposure.tables import tables_context, write_exposure_tables
from sediff.flow.exposure.verify import planned_templates
from sediff.parameters.load import load
from sediff.repository.names import Exposure

from .conftest import BAND, EXPNUM, NITE


@dataclass
class Season:
    """The processed night, linked so that a file may be replaced but not written into."""

    root: Path

    @property
    def exposure(self) -> Exposure:
        return with_field(Exposure(self.root, EXPNUM, NITE, BAND), self.parameters()).with_ccd(33)

    def parameters(self, **values):
        return load(None, [f'ROOT={self.root}', *(f'{name}={value}' for name, value in values.items())])

    def job(self, phase: str, only: bool = False, **values) -> Job:
        lists = {} if phase == 'se' else {'templates': planned_templates(self.exposure.with_ccd(0)),
                                          'snstar': f'SNSTAR_{EXPNUM}_r4p7.LIST', 'snveto': f'SNVETO_{EXPNUM}_r4p7.LIST'}
        return Job(self.exposure, phase, self.parameters(**values), calibrate=not only, calibrate_only=only, **lists)

    def todo(self, **values) -> list[str]:
        """Ids of all steps of the search exposure that would run as things are."""
        one = self.exposure
        tables = tables_context(one.with_ccd(0), self.parameters(**values), [one], [33])
        whole = [step.id for step in plan(steps.EXPOSURE, tables)[0]]
        return sorted([*plan_job(self.job('se', **values)), *whole, *plan_job(self.job('diffimg', **values))])

    def run(self, phase: str, only: bool = False, **values) -> list[str]:
        """Run a job; ids of the steps that ran."""
        events: list[tuple] = []
        run_job(self.job(phase, only, **values), events.append)
        if phase == 'se':
            write_exposure_tables(self.exposure.with_ccd(0), [33], self.parameters(**values))
        return [label.split('_')[0] for kind, label, _ in events if kind == 'done']


def linked(root: Path, to: Path) -> Path:
    """A tree of links to another's files, which may be replaced but not written into; databases and locks are its own."""
    shutil.copytree(root, to, copy_function=os.link, symlinks=True, ignore=shutil.ignore_patterns('locks', 'db'))
    for folder in root.glob('*/*/db'):
        shutil.copytree(folder, to / folder.relative_to(root))
    return to


def replace_bytes(path: Path, at: int, new: bytes) -> None:
    """A file of the same size with other bytes at a place, as a new file."""
    content = bytearray(path.read_bytes())
    assert content[at:at + len(new)] != new
    content[at:at + len(new)] = new
    path.unlink()
    path.write_bytes(bytes(content))


def plan_job(job: Job) -> list[str]:
    """Ids of the steps that a job would run as things are now; what a phase leaves may change the plan of the next."""
    phases, context = prepare(job)
    try:
        return [step.id for phase in phases for step in plan(phase, context, job.overwrite)[0]]
    finally:
        context.close()
