"""An index: what is written, read back, and refused where it is not what was written."""
