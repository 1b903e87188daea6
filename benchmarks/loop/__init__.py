"""The checks once more, as a loop over rows in plain Python: what their columns are measured against"""
