"""The peers' side of each line, as scripts for their own environments, and what these are made of"""
