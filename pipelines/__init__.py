"""One file per stage, in flow order; no stage imports another."""
