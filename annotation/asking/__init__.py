"""From a release's records to what people are asked: tasks, routes, forms, guidelines."""
