"""The JSON of GitHub's objects, in the shapes that it publishes. Pure but for look-ups that a shape needs."""
