"""GitHub's GraphQL interface: the part of its schema that data/github.graphql has, on top of the domain."""
