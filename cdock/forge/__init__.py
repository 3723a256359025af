"""A small GitHub-compatible forge for one machine. It knows nothing of the rest of cdock."""
