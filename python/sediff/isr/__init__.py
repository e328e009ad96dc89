"""Instrument signature removal: raw pixels to an image in electrons with mask and weight, one correction a module."""


def warm() -> None:
    """Compile the kernels of this package."""
    from sediff.isr import (
        bleed,
        brighterfatter,
        calibrate,
        cosmicrays,
        crosstalk,
        hotpixels,
        interpolate,
        linearity,
        sky,
        sky_bins,
        streaks,
    )
    for module in (bleed, brighterfatter, calibrate, cosmicrays, crosstalk, hotpixels, interpolate, linearity, sky,
                   sky_bins, streaks):
        module.warm()
