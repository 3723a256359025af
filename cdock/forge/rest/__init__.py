"""GitHub's REST interface over the domain: routes, shapes, paging."""
