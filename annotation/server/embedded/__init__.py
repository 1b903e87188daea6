"""What runs inside the Argilla server's own environment; imports nothing of Assay but itself."""
