"""What tests turn on a running forge: faults, its clock, a journal of all requests, GitHub's limits.

It stands around the forge as an ASGI application and is there only when `serve` was told so. The rest of the forge
knows nothing of it. How to use it: `faults` for the rules, `kinds` for what they do, `doors` for the routes.
"""
