"""What `make setup` compiles is all that a night needs: no worker compiles, and none can meet another at the cache."""
import subprocess
import sys

import pytest

from .conftest import EXPNUM, Night, done

#: Has every Python below it write down the kernels of sediff that it compiles.
LISTENER = '''
import os
from numba.core import event


class Listener(event.Listener):
    def on_start(self, event):
        kernel = event.data['dispatcher'].py_func
        if kernel.__module__.startswith('sediff.'):
            with open(os.environ['COMPILED'], 'a') as handle:
                handle.write(f'{kernel.__module__}.{kernel.__name__} {event.data["args"]}\\n')

    def on_end(self, event):
        pass


event.register('numba:compile', Listener())
'''


@pytest.mark.slow
def test_a_night_compiles_no_kernel(tree: Night, tmp_path):
    """Single epoch of three exposures and difference imaging, after `sediff warm` alone filled an empty cache."""
    compiled, hook = tmp_path / 'compiled', tmp_path / 'hook'
    hook.mkdir()
    (hook / 'sitecustomize.py').write_text(LISTENER)
    environment = tree.environment(NUMBA_CACHE_DIR=str(tmp_path / 'kernels'), PYTHONPATH=str(hook), COMPILED=str(compiled))
    done(subprocess.run([sys.executable, '-m', 'sediff', 'warm'], cwd=tree.root, env=environment, text=True,
                        capture_output=True, check=False))
    assert compiled.read_text().count('sediff.subtract.') > 10, 'the listener hears nothing'
    compiled.unlink()
    done(tree.run('DAGMaker.sh', '-c', 33, EXPNUM))
    script = tree.root / f'mytemp_{EXPNUM}' / f'desgw_pipeline_{EXPNUM}.sh'
    done(subprocess.run(['bash', str(script)], cwd=tree.root, env=environment, text=True, capture_output=True, check=False))
    assert not compiled.exists(), compiled.read_text()
