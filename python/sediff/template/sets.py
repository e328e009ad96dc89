"""The sets of inputs that the pixels of a coadd are made of."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Sets of inputs with at least this share of the covered pixels have kernels fitted to their own PSF.
LEAST_SHARE = 0.01
#: Every how many pixels the sets are counted.
SAMPLE = 7


@dataclass(frozen=True)
class Sets:
    """The sets of inputs that pixels are made of, the most frequent first.

    Parameters
    ----------
    bits : ndarray, (m,) int64
        Bit k: input k is used.
    shares : ndarray, (m,) float
        Of the covered pixels.
    """

    bits: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, members: np.ndarray, count: int) -> Sets:
        """The sets with `LEAST_SHARE`, and in any case that of all `count` inputs, from the bits of each pixel (ny, nx)."""
        sample = members[::SAMPLE, ::SAMPLE]
        bits, numbers = np.unique(sample[sample > 0], return_counts=True)
        shares = numbers / max(numbers.sum(), 1)
        whole = (1 << count) - 1
        kept = (shares >= LEAST_SHARE) & (bits != whole)
        bits, shares = np.append(bits[kept], whole).astype(np.int64), np.append(shares[kept], shares[bits == whole].sum())
        order = np.argsort(-shares, kind='stable')
        return cls(bits[order], shares[order])
