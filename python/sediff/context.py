"""What a step sees: its exposure and CCD, its parameters, its inputs and a place for its products."""
from __future__ import annotations

import time
from pathlib import Path

from sediff.errors import BadInput, StepFailed
from sediff.io.atomic import write_text
from sediff.io.products import read_product, write_product
from sediff.names import PRODUCTS, Exposure, product_path
from sediff.parameters import Parameters
from sediff.steps import Step


class Context:
    """The world of one CCD's steps.

    Parameters
    ----------
    exposure : Exposure
        With its CCD set.
    parameters : Parameters
    external : dict
        External input -> list of its files (see `sediff.steps.EXTERNAL`); an optional input has an empty list.
    """

    def __init__(self, exposure: Exposure, parameters: Parameters, external: dict[str, list[Path]] | None = None):
        self.exposure = exposure
        self.parameters = parameters
        self.external = external or {}
        self.reasons: list[str] = []
        self.raw_reader = None
        self.digests: dict[str, str] = {}
        self.pointing: tuple[float, float] | None = None
        self._memory: dict[str, object] = {}
        self._step: Step | None = None
        self._lines: list[str] = []

    def parameter(self, name: str):
        """Value of a parameter that the running step declares."""
        if self._step and name not in self._step.parameters:
            raise StepFailed(f'{self._step.label} reads {name} without declaring it in steps.py')
        return self.parameters[name]

    def path(self, name: str) -> Path:
        """Path of one of this CCD's products."""
        return product_path(self.exposure, name)

    def files(self, name: str) -> list[Path]:
        """Files behind a need: those of an external input, or the product itself."""
        if name in PRODUCTS:
            return [self.path(name)]
        return self.external.get(name, [])

    def file(self, name: str) -> Path:
        """The one file of an external input.

        Raises
        ------
        BadInput
            There is none.
        """
        files = self.files(name)
        if not files:
            raise BadInput(f'{self.exposure.label()}: no {name} given')
        return files[0]

    def has(self, name: str) -> bool:
        """Whether a product is in memory or on disk."""
        return name in self._memory or self.path(name).is_file()

    def load(self, name: str):
        """A product, from memory or from disk."""
        if name not in self._memory:
            self._memory[name] = read_product(self.path(name), PRODUCTS[name].kind)
        return self._memory[name]

    def save(self, name: str, value) -> None:
        """Keep a product: on disk, and in memory for the next steps.

        A compressed image is read back, so that a resumed run sees the same pixels as this one. A tuple is a value and
        the header to write with it; the value is what later steps load.
        """
        product = PRODUCTS[name]
        if product.keep or self.parameters['KEEP_INTERMEDIATE']:
            write_product(self.path(name), product.kind, value)
        else:
            self.path(name).unlink(missing_ok=True)
        if str(self.path(name)).endswith('.fz'):
            self._memory.pop(name, None)
        else:
            self._memory[name] = value[0] if isinstance(value, tuple) else value

    def hand_on(self, name: str) -> None:
        """Write a product that so far is only in memory, for a later run of this CCD; who starts that run removes it."""
        if not self.path(name).is_file():
            write_product(self.path(name), PRODUCTS[name].kind, self.load(name))

    def forget(self, needed: set[str]) -> None:
        """Drop what no later step needs."""
        for name in [name for name in self._memory if name not in needed]:
            del self._memory[name]

    def stamp_path(self, step: Step, suffix: str) -> Path:
        """`.DONE`, `.FAIL` or `.LOG` of a step."""
        folder = self.exposure.diffimg_folder if step.id.startswith('RUN') else self.exposure.se_folder
        return folder / f'{step.label}.{suffix}'

    def begin(self, step: Step) -> None:
        """Start a step's log."""
        self._step, self._lines = step, []
        self.log(f'{self.exposure.label()} {step.label}: {step.doc}')

    def log(self, text: str) -> None:
        """Add a line to the running step's log."""
        self._lines.append(f'{time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())} {text}')

    def end(self, step: Step, code: int) -> None:
        """Write the log, which closes with the step's return code."""
        self.log(f'RETURN CODE: {code}')
        write_text(self.stamp_path(step, 'LOG'), '\n'.join(self._lines) + '\n')
        self._step = None
