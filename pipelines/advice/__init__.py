"""Advice: whether to finetune on a release at all, with what method, on what machine, and at what price"""
