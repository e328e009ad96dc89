"""`sediff STAGE ...`, also as `python -m sediff STAGE ...`: one subcommand a stage; each imports only what it needs."""
from __future__ import annotations

import atexit
import gc
import sys

from sediff import __version__
from sediff.engine.pool import one_thread
from sediff.engine.step import imported
from sediff.engine.terminal import Stopped, check_stopped, last_resort, lost_output, watch_output, watch_signals
from sediff.errors import BadUsage, SediffError
from sediff.formats.atomic import explained
from sediff.values import shown

#: stage -> (module, what it does); the module has add_arguments(parser) and run(args), or run_argv(argv), or
#: main(stage, argv)
STAGES = {
    'sim': ('sediff.cli.sim', 'simulate a night of raw exposures with its truth'),
    'ingest': ('sediff.cli.ingest', 'take raw exposures or Community Pipeline products into the work tree'),
    'calib': ('sediff.cli.calib', 'build bias, dome flat and bad-pixel mask from raw exposures'),
    'plan': ('sediff.cli.plan', 'choose templates for an exposure and write its plan (DAGMaker.sh)'),
    'sediff': ('sediff.cli.drivers', 'single epoch, verification and difference imaging (SEdiff.sh)'),
    'se': ('sediff.cli.drivers', 'single epoch only (SE_job_mod.sh)'),
    'verify': ('sediff.cli.drivers', 'check the template exposures (verifySE.sh)'),
    'diffimg': ('sediff.cli.drivers', 'difference imaging only (RUN_DIFFIMG_PIPELINE.sh)'),
    'calibrate': ('sediff.cli.calibrate', 'zero points from reference stars (BLISS-expCalib_Y3apass.py)'),
    'starcat': ('sediff.cli.starcat', 'SNSTAR and SNVETO lists (makestarcat.py)'),
    'refcat': ('sediff.cli.refcat', 'shards of reference stars: build them from files or over the net; info'),
    'corners': ('sediff.cli.corners', 'corner files of images (getcorners.sh)'),
    'subtract': ('sediff.cli.subtract', 'PSF-matched difference of two aligned images; knows HOTPANTS flags'),
    'warp': ('sediff.cli.warp', 'resample an image onto the pixels of another'),
    'adopt': ('sediff.cli.adopt', 'take products of an earlier version over instead of making them again'),
    'force': ('sediff.cli.force', 'forced photometry at any place in the differences of a season'),
    'postproc': ('sediff.cli.postproc', 'light curves of all candidates of a season (RUN_POSTPROC.sh)'),
    'status': ('sediff.cli.status', 'which steps of an exposure are done or failed (RUNMON.sh)'),
    'check': ('sediff.cli.check', 'compare the candidates of a simulated night with its truth'),
    'fakes': ('sediff.cli.fakes', 'efficiency of an exposure from sources put into a copy of its differences'),
    'why': ('sediff.cli.why', 'what happened at a place of the sky: detections, cuts, candidate, or why there is none'),
    'classify': ('sediff.cli.classify', 'real or artefact: score stamps, judge scores, train on labels of your own'),
    'skysources': ('sediff.cli.skysources', 'true noise, depth and false peaks of finished differences'),
    'page': ('sediff.cli.page', 'HTML page of the candidates of an exposure'),
    'retract': ('sediff.cli.retract', 'withdraw a bad exposure, as a source of candidates and as a template'),
    'config': ('sediff.cli.config', 'every parameter: value, unit, meaning, origin'),
    'steps': ('sediff.cli.config', 'the table of steps, as text or as the drawing of scripts/README.md'),
    'warm': ('sediff.cli.warm', 'compile the numerical kernels once (make setup does it)'),
}


def usage() -> str:
    """The list of stages."""
    lines = [f'sediff {__version__}: sediff STAGE ...   (sediff STAGE -h; --version)', '']
    lines += [f'  {stage:<10} {meaning}' for stage, (_, meaning) in STAGES.items()]
    return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run a stage.

    Returns
    -------
    int
        Exit code: 0 done, 1 failed, 2 usage, 3 input, 4 data, 75 try again, 128 and the number of a signal that stopped it.
    """
    argv = sys.argv[1:] if argv is None else argv
    watch_output()
    if not argv or argv[0] in ('-h', '--help'):
        print(usage())
        return 0 if argv else 2
    if argv[0] == '--version':
        print(f'sediff {__version__}')
        return 0
    watch_signals()
    atexit.register(_leave)
    one_thread()
    code = _guarded(argv[0], argv[1:])
    lost = lost_output()
    if lost is not None and not code:
        print(f'sediff {argv[0]}: {lost}', file=sys.stderr)
        return lost.exit_code
    return code


def _leave() -> None:
    """Do not look for garbage when the process ends: all that it holds goes back at once."""
    gc.disable()
    gc.freeze()


def _guarded(stage: str, argv: list[str]) -> int:
    """Run a stage; whatever happens ends in a sentence and a code."""
    if stage not in STAGES:
        print(f'sediff: unknown stage {shown(stage)}; stages are {", ".join(STAGES)}', file=sys.stderr)
        return BadUsage.exit_code
    try:
        try:
            return _run(stage, argv)
        except Exception:
            check_stopped()
            raise
    except SediffError as error:
        print(f'sediff {stage}: {error}', file=sys.stderr)
        return error.exit_code
    except Stopped as error:
        print(f'sediff {stage}: stopped by {error}; start it again and it resumes', file=sys.stderr)
        return 128 + error.number
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        failure = explained(error) if isinstance(error, OSError) else None
        print(f'sediff {stage}: {failure or last_resort("unexpected", error)}', file=sys.stderr)
        return failure.exit_code if failure else 1


def _run(stage: str, argv: list[str]) -> int:
    module = imported(STAGES[stage][0])
    if hasattr(module, 'main'):
        return module.main(stage, argv)
    if hasattr(module, 'run_argv'):
        return module.run_argv(argv)
    from sediff.cli.arguments import Parser
    parser = Parser(prog=f'sediff {stage}', description=STAGES[stage][1])
    module.add_arguments(parser)
    return module.run(parser.parse_args(argv))


if __name__ == '__main__':
    sys.exit(main())
