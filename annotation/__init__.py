"""Human review: who looks at what, and what it costs."""
