import unittest

from hello import greet


class Greeting(unittest.TestCase):
    def test_greets(self) -> None:
        self.assertEqual(greet(), "Hello!")


if __name__ == "__main__":
    unittest.main()
