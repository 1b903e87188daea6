"""Recipes: training configs from a release's facts, a trainer a file, each number with its reason"""
