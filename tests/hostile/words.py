"""Descriptions that a task may report, and what a watcher sees of them."""


class Array:
    """Like an array of NumPy: bool(), float() and here also str() raise an error."""

    def __bool__(self):
        raise ValueError("the truth value of an array is ambiguous")

    def __float__(self):
        raise RuntimeError("only arrays of one element")

    __str__ = __repr__ = __add__ = __radd__ = __float__


WORDS = {
    "10 MB": ("x" * 10_000_000, "x" * 512),
    "bytes": (b"\xff", "b'\\xff'"),
    "half a character": ("a\ud800b", "a?b"),
    "a cut pair": ("x" * 511 + "😀😀", "x" * 511 + "😀"),
    "markup": ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
    "script": ("</script><script>alert(1)</script>", "</script><script>alert(1)</script>"),
    "terminal": ("\x1b[2J\x07", "\x1b[2J\x07"),
    "lines": ("a\r\nb\u2028c", "a\r\nb\u2028c"),
    "NUL": ("\0" * 600, "\0" * 512),
    "emoji": ("😀" * 600, "😀" * 512),
    "a number": (7, "7"),
    "an array": (Array(), ""),
}
