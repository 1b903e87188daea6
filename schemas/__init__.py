"""What things are: the record, the ledger, the settings, the report. Imports nothing of ours."""
