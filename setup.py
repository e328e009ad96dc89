"""What setup.cfg cannot say: the folders catalogs, rc and scripts go into the package that is built."""
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

#: Folders beside python/ that an installed package needs; `sediff.places` finds them.
FOLDERS = ('catalogs', 'rc', 'scripts')


class BuildWithFolders(build_py):
    """Copies the folders to `sediff/share`."""

    def run(self):
        """Build the modules, then copy."""
        super().run()
        if not self.editable_mode:
            share = Path(self.build_lib) / 'sediff' / 'share'
            for folder in FOLDERS:
                shutil.copytree(folder, share / folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns('__pycache__'))


setup(cmdclass={'build_py': BuildWithFolders})
