"""The fork server's first import: until `sediff.flow.preload` is through nothing is garbage, and none is looked for."""
import gc

gc.disable()
