"""Ways of choosing a subset of records, behind one interface."""
