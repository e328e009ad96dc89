"""Runs the steps of a CCD in this process and tells, step by step, which functions of sediff ran and which tables it opened.

Usage: run_watched.py OUTPUT.json ROOT EXPNUM NITE BAND CCD PHASE [NAME=VALUE ...]; PHASE is se, diffimg or exposure. The
functions of a step are `module:definition`, compiled ones too.
"""
from __future__ import annotations

import json
import pkgutil
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import sediff
from sediff.catalogs import catalogs_folder
from sediff.engine.step import Step

PACKAGE = Path(sediff.__file__).resolve().parent


class Watch:
    """What ran between the start and the end of a step; steps may be nested."""

    def __init__(self):
        self.seen: dict[str, tuple[set[str], set[str]]] = {}
        self.stack: list[str] = []
        self.modules: dict[str, str] = {}
        self.kernels = list(_kernels())
        sys.addaudithook(self._audit)

    def load(self, original):
        def loaded(step: Step, refill: bool = False):
            function = original(step, refill)

            def run(context):
                self.stack.append(step.label)
                mine = self.seen.setdefault(step.label, (set(), set()))
                before = {name: len(kernel.overloads) for name, kernel in self.kernels}
                _clear_caches()
                sys.setprofile(self._profile)
                try:
                    return function(context)
                finally:
                    sys.setprofile(None)
                    self.stack.pop()
                    mine[0].update(name for name, kernel in self.kernels if len(kernel.overloads) > before[name])
                    if self.stack:
                        sys.setprofile(self._profile)
            return run
        return loaded

    def _profile(self, frame, event, arg) -> None:
        if event == 'call' and self.stack:
            code = frame.f_code
            module = self.modules.get(code.co_filename)
            if module is None:
                module = self.modules[code.co_filename] = _module(code.co_filename)
            if module:
                self.seen[self.stack[-1]][0].add(f'{module}:{code.co_qualname.split(".")[0]}')

    def _audit(self, event: str, arguments: tuple) -> None:
        if event == 'open' and self.stack and isinstance(arguments[0], str) and not _is_hashed():
            path = Path(arguments[0])
            if catalogs_folder() in path.parents or (PACKAGE in path.parents and path.suffix in ('.csv', '.json', '.txt')):
                self.seen[self.stack[-1]][1].add(path.name)


def _is_hashed() -> bool:
    """Whether an instrument reads all its tables for their hash."""
    frame = sys._getframe()
    while frame and frame.f_code.co_name != 'read_bytes':
        frame = frame.f_back
    return frame is not None and frame.f_back.f_code.co_filename.endswith('instruments/load.py')


def _module(name: str) -> str:
    path = Path(name)
    if PACKAGE not in path.parents:
        return ''
    parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def _every_module():
    for each in pkgutil.walk_packages([str(PACKAGE)], 'sediff.'):
        if not each.name.endswith(('__main__', 'migrations.env')):  # scripts: alembic runs the second
            yield import_module(each.name)


def _kernels():
    """Every compiled function of the package."""
    from numba.core.dispatcher import Dispatcher
    for module in _every_module():
        for value in vars(module).values():
            if isinstance(value, Dispatcher) and value.py_func.__module__ == module.__name__:
                yield f'{module.__name__}:{value.py_func.__qualname__}', value


def _clear_caches() -> None:
    """So that a table that an earlier step has read is read again."""
    for module in [module for name, module in sys.modules.items() if name.startswith('sediff.')]:
        for value in list(vars(module).values()):
            if hasattr(value, 'cache_clear') and not module.__name__.startswith('sediff.engine'):
                value.cache_clear()


def _with_heads(exposure, parameters):
    """Another exposure, four CCDs of which have solutions."""
    from sediff.astrometry.head import head_text
    from sediff.astrometry.solution import Solution
    from sediff.engine.context import Context
    from sediff.instruments.focalplane import camera_model
    other = replace(exposure, expnum=exposure.expnum + 1000)
    for ccd in (3, 10, 28, 40):
        context = Context(other.with_ccd(ccd), parameters)
        solution = Solution(camera_model(ccd, 52.5, -28.0), 50, 8.0, 8.0, 1.0, 0.0, 0.0, 9.0)
        context.save('head', head_text(solution))
        context.save('astrometry', solution.metrics())
    return other


def main(output: str, root: str, expnum: str, nite: str, band: str, ccd: str, phase: str, *settings: str) -> None:
    from sediff.flow.exposure.astrometry import write_common
    from sediff.flow.exposure.inputs import overlapping_ccds
    from sediff.flow.exposure.job import Job, run_job
    from sediff.flow.exposure.run import with_field
    from sediff.flow.exposure.tables import write_exposure_tables
    from sediff.flow.exposure.verify import planned_templates
    from sediff.flow.single_epoch.sky import binned_sky
    from sediff.parameters.load import load
    from sediff.repository.names import Exposure
    from sediff.repository.repository import Repository
    watch = Watch()
    Step.load = watch.load(Step.load)
    parameters = load(None, [f'ROOT={root}', *settings])
    exposure = Exposure(Path(root), int(expnum), nite, band).with_ccd(int(ccd))
    if phase == 'exposure':
        binned_sky(exposure, parameters)
        write_common(_with_heads(exposure.with_ccd(0), parameters), parameters)
    elif phase == 'se':
        run_job(Job(exposure, 'se', parameters, calibrate=True, overwrite=True), lambda event: None)
        for stamp in exposure.with_ccd(0).se_folder.glob('SE13*.DONE'):
            stamp.unlink()
        write_exposure_tables(exposure.with_ccd(0), [exposure.ccd], parameters)
    else:
        exposure = with_field(exposure, parameters)
        templates = [each for each in planned_templates(exposure) if overlapping_ccds(exposure, [each])]
        names = {kind: f'{kind.upper()}_{expnum}_r4p7.LIST' for kind in ('snstar', 'snveto')}
        lists = {kind: name for kind, name in names.items() if Repository.of(exposure).star_list(exposure, name)}
        run_job(Job(exposure, 'diffimg', parameters, overwrite=True, templates=templates, **lists), lambda event: None)
    seen = {label: [sorted(part) for part in parts] for label, parts in watch.seen.items()}
    Path(output).write_text(json.dumps(seen), encoding='utf-8')


if __name__ == '__main__':
    main(*sys.argv[1:])
