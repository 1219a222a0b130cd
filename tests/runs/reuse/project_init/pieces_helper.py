"""Imported where a row is read: perhaps in a process of its own."""


def clean(text):
    return text.strip().replace("warm", "very warm")
