"""The cache: whatever follows from a text alone is worked out once, and shared by runs and projects"""
