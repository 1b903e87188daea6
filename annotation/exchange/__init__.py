"""To the Argilla server and back: push, pull, adjudication, and the client that they use."""
