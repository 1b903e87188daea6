"""The embedded Argilla server: its environment, its start and stop, and what we put into it."""
