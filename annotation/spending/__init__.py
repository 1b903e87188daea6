"""Money: the ledger of costs, budgets, forecasts, and what was spent on what."""
