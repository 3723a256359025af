"""A goal, broken down into tasks in stages: the document, its graph, and what follows from how its tasks stand."""
