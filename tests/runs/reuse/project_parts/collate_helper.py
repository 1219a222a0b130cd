"""What the collator calls."""


def hide(ids, token, every):
    return [token if place % every == 3 else value for place, value in enumerate(ids)]
