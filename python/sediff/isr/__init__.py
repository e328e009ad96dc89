"""Instrument signature removal: raw pixels to an image in electrons with mask and weight, one correction a module."""


def warm() -> None:
    """Compile the kernels of this room."""
    from sediff.isr import bleed, calibrate, cosmicrays, crosstalk, streaks
    for module in (bleed, calibrate, cosmicrays, crosstalk, streaks):
        module.warm()
