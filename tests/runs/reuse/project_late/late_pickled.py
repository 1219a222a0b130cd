"""Found by a pickle."""


class Kept:
    AMOUNT = 0.11
