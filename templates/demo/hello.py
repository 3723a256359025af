"""Says hello."""


def greet() -> str:
    """The greeting."""
    return "Hello!"


if __name__ == "__main__":
    print(greet())
