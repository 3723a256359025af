"""Gitea and Forgejo: the `Forge` on their REST API."""
