"""Kernels of a package that its `warm` leaves cold, found in a process of its own: in this one tests have called some."""
from __future__ import annotations

import subprocess
import sys

PROGRAM = '''
import importlib, pkgutil, sys
from numba.core.dispatcher import Dispatcher
package = importlib.import_module(sys.argv[1])
warm = importlib.import_module(sys.argv[2]).warm
modules = [importlib.import_module(each.name) for each in pkgutil.iter_modules(package.__path__, package.__name__ + '.')]
warm()
found = {f'{module.__name__}.{name}': kernel for module in modules for name, kernel in vars(module).items()
         if isinstance(kernel, Dispatcher) and kernel.py_func.__module__ == module.__name__}
inner = {kernel.py_func.__globals__.get(name) for kernel in found.values() for name in kernel.py_func.__code__.co_names
         if isinstance(kernel.py_func.__globals__.get(name), Dispatcher)}
print(*(name for name, kernel in found.items() if kernel not in inner and not kernel.signatures))
'''


def cold_kernels(package: str, module: str | None = None) -> list[str]:
    """Kernels that Python calls, of all modules of `package`, without a compiled version after `warm` of `module`.

    `module` is the package where it is not given. Kernels that other kernels call are compiled into these.
    """
    run = subprocess.run([sys.executable, '-c', PROGRAM, package, module or package], text=True, capture_output=True,
                         check=True)
    return run.stdout.split()
