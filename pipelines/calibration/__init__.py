"""Calibration: thresholds chosen on a release's own pairs and records, by the yes and no of people"""
