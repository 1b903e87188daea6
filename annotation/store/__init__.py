"""The database: its tables and migrations, what was asked, and what was decided."""
