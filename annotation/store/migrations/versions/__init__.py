"""One file a change; `down_revision` is the one before. database.HEAD names the last."""
