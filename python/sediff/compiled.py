"""Where compiled kernels are kept and which processors they are for: a cluster's nodes share what one of them compiled."""
from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent
#: What kernels are compiled for where the processor can do it: all of Intel since Haswell (2013) and of AMD since Zen.
BASELINE = 'x86-64-v3'
#: What /proc/cpuinfo calls the abilities of that baseline (System V ABI of x86-64, micro-architecture levels).
ABILITIES = frozenset(('avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'sse4_2', 'popcnt', 'cx16'))
#: File that `sediff warm` leaves beside the kernels that it has compiled.
COMPLETE = 'COMPLETE'


def share_kernels() -> None:
    """Tell numba, which must not be imported yet, what to compile for and where to keep it; its own variables come first.

    Left to itself, numba would compile for the processor that it finds: anew on each kind of node, every job for itself.
    NUMBA_CPU_NAME=native asks for that.
    """
    if 'numba' in sys.modules:
        return
    os.environ.setdefault('NUMBA_CACHE_DIR', str(cache_folder()))
    if os.environ.get('NUMBA_CPU_NAME') == 'native':
        from llvmlite.binding import get_host_cpu_name
        os.environ['NUMBA_CPU_NAME'] = get_host_cpu_name()                 # for the workers, too
    elif not {'NUMBA_CPU_NAME', 'NUMBA_CPU_FEATURES'} & os.environ.keys() and has_baseline(_cpu_facts()):
        os.environ.update({'NUMBA_CPU_NAME': BASELINE, 'NUMBA_CPU_FEATURES': ''})


def has_baseline(facts: str) -> bool:
    """Whether a processor can run kernels of the `BASELINE`, by what /proc/cpuinfo says of it."""
    flags = next((line.partition(':')[2].split() for line in facts.splitlines() if line.startswith('flags')), [])
    return set(flags) >= ABILITIES


def _cpu_facts() -> str:
    """The beginning of /proc/cpuinfo; empty where there is none (macOS), or of another kind (ARM)."""
    try:
        with open('/proc/cpuinfo', encoding='latin-1') as handle:
            return handle.read(16384)
    except OSError:
        return ''


def cache_folder(package: Path = PACKAGE) -> Path:
    """Folder for what is compiled: in the package, or where that cannot be written, the user's own copy of that folder."""
    shared = package / '__pycache__' / 'kernels'
    nearest = next(folder for folder in (shared, *shared.parents) if folder.is_dir())
    if os.access(nearest, os.W_OK):
        return shared
    from hashlib import sha256  # rarely needed, and every command starts here
    own = _users_cache() / f'{sha256(os.fsencode(package)).hexdigest()[:12]}-{_completed(shared)}'
    if not own.is_dir():
        _copy(shared, own)
    return own


def template_folder() -> Path:
    """Folder for compiled templates of pages, beside the kernels."""
    folder = cache_folder() / 'templates'
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def load_kernels() -> int:
    """Load the kernels that the package's modules imported so far call, in every version that the cache holds; returns how
    many. Nothing is compiled: processes that are forked afterwards share them.
    """
    count = 0
    for kernel in _called_kernels():
        with suppress(Exception):                          # what cannot be loaded is compiled by the first that calls it
            cache = kernel._cache
            codegen = kernel.targetctx.codegen()
            for key in cache._cache_file._load_index():
                if cache._index_key(key[0], codegen) == key:
                    kernel.compile(key[0])
                    count += 1
    return count


def _called_kernels() -> Iterator[Any]:
    """Kernels of imported modules, without those that others have compiled into them."""
    from numba.core.dispatcher import Dispatcher
    modules = [module for name, module in list(sys.modules.items()) if name.startswith('sediff.') and module is not None]
    kernels = {id(value): value for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)}
    inner = {id(kernel.py_func.__globals__.get(name)) for kernel in kernels.values()
             for name in kernel.py_func.__code__.co_names}
    return (kernel for number, kernel in kernels.items() if number not in inner)


def mark_complete(folder: Path) -> None:
    """Say that a cache holds all kernels; users who cannot write it have copies of their own for each time this is said."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / COMPLETE).touch()


def _completed(shared: Path) -> int:
    """When the shared kernels were complete (s since 1970); 0 where they never were."""
    try:
        return int((shared / COMPLETE).stat().st_mtime)
    except OSError:
        return 0


def _users_cache() -> Path:
    """The user's folder for caches; where no home can be written, one of the user's own among the temporary files."""
    home = Path(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')) / 'sediff'
    try:
        home.mkdir(parents=True, exist_ok=True)
        if os.access(home, os.W_OK):
            return home
    except OSError:
        pass
    import tempfile
    folder = Path(tempfile.gettempdir()) / f'sediff-{os.getuid()}'
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    # numba runs what it finds there: it must be the user's, not what another has put in its place
    own = status.st_uid == os.getuid() and not status.st_mode & 0o022 and not folder.is_symlink()
    return folder if own else Path(tempfile.mkdtemp(prefix='sediff-'))


def _copy(shared: Path, own: Path) -> None:
    """Copy a cache, or make an empty one; of several processes that do so at once the first counts."""
    import shutil
    import tempfile
    with tempfile.TemporaryDirectory(dir=own.parent, prefix='.tmp') as folder:
        copy = Path(folder) / 'kernels'
        if shared.is_dir():
            shutil.copytree(shared, copy)
        else:
            copy.mkdir()
        try:
            os.rename(copy, own)
        except OSError:
            if not own.is_dir():
                raise
