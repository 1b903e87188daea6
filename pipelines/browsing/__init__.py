"""`assay browse`: a release searched and judged in a browser, on this machine only."""
