"""Screens as they may be printed and kept: without keys, codes and the pictures that hold them."""

import re

OUT = [
    (r"(?:[A-Z2-7]{4} ){3,}[A-Z2-7]{1,4}\b", "[key]"),
    (r"secret=[A-Z2-7]+", "secret=[key]"),
    (r"[A-Za-z0-9]{4}(?:-[A-Za-z0-9]{4}){3}(?!\w)", "[recovery code]"),
    (r"(?m)(?:^.*[\u2580-\u259f]{4}.*\n)+", "[picture]\n"),
    (r"(?<!\d)\d{6}(?!\d)", "[code]"),
]


def shown(text):
    """The text without what somebody could log in with."""
    for what, instead in OUT:
        text = re.sub(what, instead, text)
    return text
