"""Starts a stage of the sediff package from a script that may be run by any Python."""
import importlib
import os
import sys
from pathlib import Path


def launch(stage: str) -> int:
    """Run `sediff STAGE` with this command's arguments; under the repository's Python if this one has no sediff.

    Returns
    -------
    int
        Exit code of the stage, or 3 where sediff cannot be imported.
    """
    repository = Path(__file__).resolve().parents[2]
    own_python = Path(os.environ.get('SEDIFF_PYTHON') or repository / '.venv' / 'bin' / 'python')
    try:
        main = importlib.import_module('sediff.__main__').main
    except ModuleNotFoundError as error:
        if own_python.is_file() and os.environ.get('SEDIFF_LAUNCHED') != '1':
            os.environ['SEDIFF_LAUNCHED'] = '1'
            os.execv(own_python, [str(own_python), *sys.argv])
        print(f'{Path(sys.argv[0]).name}: {error}; run make setup in {repository}', file=sys.stderr)
        return 3
    return main([stage, *sys.argv[1:]])
