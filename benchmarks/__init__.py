"""Quality and speed, measured"""
